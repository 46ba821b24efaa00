"""What reporters dropped is told, and cannot flood the log."""

from ess_server.core.reporter_losses import TOLD_EVERY, ReporterLosses

from .rig import commissioned
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


async def test_losses_are_told_at_a_bounded_rate_and_none_is_left_out() -> None:
    """One entry for each stretch of time holds all that was lost in it; numbers that are none write nothing."""
    rig = await commissioned()
    losses = ReporterLosses(rig.controller)
    losses.note("engine-1", 0)
    losses.note("engine-1", -3)
    for count in (5, 1, 1):
        losses.note("engine-1", count)
    running_clock().advance(TOLD_EVERY)
    losses.note("", 2)
    await rig.controller.settle()
    told = [e.draft.details for e in rig.log.read(after=0, limit=99, ascending=True, kind="telemetry.dropped")]
    assert [dict(details) for details in told] == [{"source": "engine-1", "count": "5"}, {"count": "4"}]
