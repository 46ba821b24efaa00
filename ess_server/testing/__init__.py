"""Fakes for tests of code that uses the core: a clock to move, readings to set, a venue, a bus that remembers."""

from ess_server.testing.clock import START, FakeClock
from ess_server.testing.evaluators import ScriptedEvaluator, clear, trip
from ess_server.testing.events import RecordingEventBus
from ess_server.testing.exchange import FakeExchangeClient, Fault, SentClose
from ess_server.testing.readings import FakeFeeds, FakeHealth, FakeMetrics, fake_readings, host_figures
from ess_server.testing.waiting import eventually

__all__ = [
    "START",
    "FakeClock",
    "FakeExchangeClient",
    "FakeFeeds",
    "FakeHealth",
    "FakeMetrics",
    "Fault",
    "RecordingEventBus",
    "ScriptedEvaluator",
    "SentClose",
    "clear",
    "eventually",
    "fake_readings",
    "host_figures",
    "trip",
]
