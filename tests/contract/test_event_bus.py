"""The contract of ``EventBus``, checked on every adapter, and what the one that logs adds to it."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest

from ess_server.adapters.log_events import LogEventBus
from ess_server.core.model import Actor, Credential, EventDraft
from ess_server.core.ports import EventBus
from ess_server.testing import START, RecordingEventBus
from ess_server.testing.waiting import eventually

SOON = timedelta(seconds=20)
PERSON = Actor(id="alice", credential=Credential.MTLS, peer="127.0.0.1:4711", requested_by="bob")


class Listener(logging.Handler):
    """A handler that keeps lines, and hangs or raises when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.levels: list[str] = []
        self.goes_on = Event()
        self.goes_on.set()
        self.called = Event()
        self.error: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.called.set()
        assert self.goes_on.wait(20)
        if self.error:
            raise self.error
        self.lines.append(record.getMessage())
        self.levels.append(record.levelname)

    @property
    def kinds(self) -> list[str]:
        """Kinds of the events that were logged."""
        return [json.loads(line)["event"] for line in self.lines]


@pytest.fixture
def listener() -> Listener:
    """A handler of its own logger."""
    return Listener()


@pytest.fixture
def logger(listener: Listener) -> logging.Logger:
    """A logger that nothing else listens to."""
    logger = logging.Logger("events-of-this-test", logging.INFO)  # noqa: LOG001 - registered nowhere, gone after the test
    logger.addHandler(listener)
    return logger


@pytest.fixture
def log_bus(logger: logging.Logger, listener: Listener) -> Iterator[LogEventBus]:
    """The adapter that logs, with room for ten."""
    bus = LogEventBus(logger, capacity=10)
    yield bus
    listener.goes_on.set()
    bus.close(SOON)


@pytest.fixture(params=["log", "recording"])
def bus(request: pytest.FixtureRequest, log_bus: LogEventBus) -> EventBus:
    """Each adapter in turn."""
    return log_bus if request.param == "log" else RecordingEventBus()


def event(number: int = 1) -> EventDraft:
    """An event with a number in its kind."""
    return EventDraft(event_id=f"id-{number}", kind=f"kind.{number}", time=START, summary="s", revision=number)


def heard(bus: EventBus, listener: Listener) -> list[str]:
    """Kinds that reached whoever listens, once everything is through."""
    if isinstance(bus, RecordingEventBus):
        return bus.kinds
    assert isinstance(bus, LogEventBus)
    bus.close(SOON)
    return listener.kinds


def test_events_are_told_once_each_in_order(bus: EventBus, listener: Listener) -> None:
    """What was published first is told first."""
    for number in range(10):
        bus.publish(event(number))

    assert heard(bus, listener) == [f"kind.{number}" for number in range(10)]


def test_listener_that_hangs_holds_up_nobody(log_bus: LogEventBus, listener: Listener) -> None:
    """With one record stuck in a handler, publishing returns; what finds no room is counted and said."""
    listener.goes_on.clear()
    log_bus.publish(event(0))
    assert listener.called.wait(20)
    for number in range(1, 16):
        log_bus.publish(event(number))
    log_bus.close(timedelta(milliseconds=10))
    dropped = log_bus.dropped
    listener.goes_on.set()
    log_bus.close(SOON)

    assert dropped == 5
    assert listener.kinds == ["kind.0", "events.dropped", *(f"kind.{number}" for number in range(1, 11))]
    assert json.loads(listener.lines[1]) == {"event": "events.dropped", "count": 5}
    assert listener.levels[:3] == ["INFO", "WARNING", "INFO"]


async def test_listener_that_raises_stops_nothing_and_is_named(log_bus: LogEventBus, listener: Listener) -> None:
    """The events that it lost are counted and its error is told, as soon as a line gets through."""
    listener.error = OSError("disk full")
    for number in range(3):
        log_bus.publish(event(number))
    await eventually(lambda: log_bus.dropped == 3)
    listener.error = None
    log_bus.publish(event(3))
    log_bus.close(SOON)

    assert listener.kinds == ["events.dropped", "kind.3"]
    assert json.loads(listener.lines[0]) == {
        "event": "events.dropped",
        "count": 3,
        "error": "OSError('disk full')",
    }


def test_event_after_close_is_dropped_without_an_error(log_bus: LogEventBus, listener: Listener) -> None:
    """Whoever is last to know of the end is not punished for it."""
    log_bus.close(SOON)
    log_bus.publish(event())

    assert log_bus.dropped == 1
    assert listener.lines == []


def test_event_is_one_line_of_json_with_all_that_is_known(log_bus: LogEventBus, listener: Listener) -> None:
    """A line break in a reason cannot forge a second line, and empty fields are left out."""
    log_bus.publish(
        EventDraft(
            event_id="e1",
            kind="stop.activated",
            time=START,
            summary='fat finger\n{"event": "stop.released"}',
            revision=7,
            actor=PERSON,
            stop_id="s1",
            scope="account/main",
            details=(("action", "FLATTEN"),),
        )
    )
    log_bus.publish(event())
    log_bus.close(SOON)

    assert len(listener.lines[0].splitlines()) == 1
    assert json.loads(listener.lines[0]) == {
        "event": "stop.activated",
        "time": "2026-01-05T12:00:00+00:00",
        "event_id": "e1",
        "revision": 7,
        "summary": 'fat finger\n{"event": "stop.released"}',
        "stop_id": "s1",
        "scope": "account/main",
        "actor": "alice",
        "credential": "MTLS",
        "peer": "127.0.0.1:4711",
        "requested_by": "bob",
        "details": {"action": "FLATTEN"},
    }
    assert list(json.loads(listener.lines[1])) == [
        "event",
        "time",
        "event_id",
        "revision",
        "summary",
        "actor",
        "credential",
    ]


def test_events_go_to_the_logger_that_the_documentation_names(caplog: pytest.LogCaptureFixture) -> None:
    """Without a logger of one's own it is ``ess.events``."""
    with caplog.at_level(logging.INFO, "ess.events"):
        bus = LogEventBus()
        bus.publish(event())
        bus.close(SOON)

    assert [record.name for record in caplog.records] == ["ess.events"]


def test_trouble_stands_out_and_trouble_that_lasts_more_so(log_bus: LogEventBus, listener: Listener) -> None:
    """An ordinary step is INFO, trouble a WARNING, and an ERROR once it is told again for lasting."""
    for kind, details in (("flatten.flat", ()), ("flatten.incomplete", ()), ("flatten.incomplete", (("louder", "1"),))):
        log_bus.publish(replace(event(), kind=kind, details=details))
    log_bus.close(SOON)

    assert listener.levels == ["INFO", "WARNING", "ERROR"]
