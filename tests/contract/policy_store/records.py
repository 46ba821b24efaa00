"""Records, stops and events that are committed."""

from datetime import UTC, datetime

from ess_server.core.model import GLOBAL, SERVER, Action, Cause, CauseSource, EventDraft, LatchRecord, Scope, Stop

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def record(revision: int, *stops: Stop) -> LatchRecord:
    """Return a record at ``revision``."""
    return LatchRecord(store_id="the-store", revision=revision, floor=1000, stops=stops)


def stop(revision: int, scope: Scope = GLOBAL) -> Stop:
    """Return a stop with a cause."""
    cause = Cause(source=CauseSource.MANUAL, reason="fat finger ü", actor=SERVER, time=NOON)
    return Stop(
        stop_id=f"stop-{revision}",
        scope=scope,
        action=Action.FLATTEN,
        revision=revision,
        activate_time=NOON,
        cause=cause,
        request_ids=("a", "b"),
    )


def draft(number: int) -> EventDraft:
    """Return an event of its own id."""
    return EventDraft(event_id=f"event-{number}", kind="stop.activated", time=NOON, summary="stopped", revision=number)
