"""Records and events that the tests of the stores write."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ess_server.core.model import (
    GLOBAL,
    SERVER,
    Action,
    Cause,
    CauseSource,
    EventDraft,
    LatchRecord,
    Stop,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def stopped() -> Callable[[int], LatchRecord]:
    """Give a function that returns a record with one global stop at a revision."""

    def build(revision: int) -> LatchRecord:
        cause = Cause(source=CauseSource.MANUAL, reason="fat finger", actor=SERVER, time=NOON)
        stop = Stop(
            stop_id=f"stop-{revision}",
            scope=GLOBAL,
            action=Action.FLATTEN,
            revision=revision,
            activate_time=NOON,
            cause=cause,
        )
        return LatchRecord(store_id="the-store", revision=revision, floor=0, stops=(stop,))

    return build


@pytest.fixture
def draft() -> Callable[[int], EventDraft]:
    """Give a function that returns the event of a number."""

    def build(number: int) -> EventDraft:
        return EventDraft(
            event_id=f"event-{number}",
            kind="stop.activated",
            time=NOON + timedelta(seconds=number),
            summary="stopped",
            revision=number,
        )

    return build
