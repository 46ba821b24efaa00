"""Events that carry what happened, and their way to several listeners."""

from datetime import UTC, datetime

from ess_server.core.events import EmergencyResetEvent, FanOut
from ess_server.core.model import EventDraft
from ess_server.testing import RecordingEventBus

ENTRY = EventDraft(event_id="1", kind="stop.released", time=datetime(2026, 1, 1, tzinfo=UTC), summary="x", revision=1)


class RaisingBus:
    """A listener that is broken."""

    def publish(self, event: EventDraft) -> None:
        """Raise."""
        raise RuntimeError(event.kind)


def test_one_listener_that_raises_keeps_an_event_from_none_of_the_others() -> None:
    """A broken notifier neither stops the caller nor silences the listeners after it."""
    first, last = RecordingEventBus(), RecordingEventBus()
    bus = FanOut(first, RaisingBus())
    bus.add(last)
    bus.publish(ENTRY)

    assert list(first.events) == list(last.events) == [ENTRY]


def test_a_typed_event_keeps_its_entry_and_takes_the_new_revision() -> None:
    """What listeners get as an object is what the log holds."""
    event = EmergencyResetEvent.of(ENTRY, revision=7, stops=())

    assert (event.event_id, event.kind, event.revision, event.stops) == ("1", "stop.released", 7, ())
