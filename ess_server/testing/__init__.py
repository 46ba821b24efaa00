"""Fakes for tests of code that uses the core: a clock to move, readings to set, an event bus that remembers."""

from ess_server.testing.clock import START, FakeClock
from ess_server.testing.evaluators import ScriptedEvaluator, clear, trip
from ess_server.testing.events import RecordingEventBus
from ess_server.testing.readings import FakeFeeds, FakeHealth, FakeMetrics, fake_readings

__all__ = [
    "START",
    "FakeClock",
    "FakeFeeds",
    "FakeHealth",
    "FakeMetrics",
    "RecordingEventBus",
    "ScriptedEvaluator",
    "clear",
    "fake_readings",
    "trip",
]
