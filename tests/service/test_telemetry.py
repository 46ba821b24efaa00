"""TelemetryService.Report over a real connection: a breach at once."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import grpc
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.core.evaluators import DrawdownSettings, Mode
from tests.service.conftest import DRAWDOWN, MAIN, Serve, Served
from tests.service.reporting import active, equity, report


async def test_breach_that_is_pushed_stops_without_waiting_for_the_tick(serve: Serve) -> None:
    """With a tick of half a minute (beyond this test), a breaching report still latches at once."""
    one = await serve(accounts=(MAIN,), evaluators=(DRAWDOWN,), data_dir=None, tick=timedelta(seconds=30))
    await one.commission()
    await report(one, equity("1000"))
    await report(one, equity("900"))
    state = await active(one)

    stop = state.stops[0]
    assert (stop.scope, stop.action) == ("account/main", pb.STOP_ACTION_FLATTEN)
    assert (stop.cause.source, stop.cause.evaluator) == (pb.CAUSE_SOURCE_EVALUATOR, "drawdown/main")
    assert (Decimal(stop.cause.reading), Decimal(stop.cause.limit)) == (10, 10)


async def test_loss_below_the_limit_only_warns(watched: Served) -> None:
    """9.9 of 10 percent is a warning on the stream, and no stop."""
    await report(watched, equity("1000"))
    await report(watched, equity("901"))
    stream = watched.stops.WatchState(pb.WatchStateRequest())
    message = await stream.read()
    for _ in range(40):
        if message.state.warnings:
            break
        message = await stream.read()
    stream.cancel()

    assert [(w.evaluator, w.tier_percent) for w in message.state.warnings] == [("drawdown/main", 90)]
    assert message.state.status == pb.STOP_STATUS_INACTIVE


async def test_shadow_evaluator_records_and_stops_nothing(serve: Serve) -> None:
    """What a shadow evaluator would have done is an event; trading goes on."""
    shadow = DrawdownSettings(account="main", max_drawdown_percent=Decimal(10), mode=Mode.SHADOW)
    one = await serve(accounts=(MAIN,), evaluators=(shadow,), data_dir=None)
    await one.commission()
    await report(one, equity("1000"))
    await report(one, equity("500"))
    for _ in range(200):
        events = (await one.stops.ListEvents(pb.ListEventsRequest(kind="evaluator.would_trip"))).events
        if events:
            break
        await asyncio.sleep(0.02)
    state = await one.stops.GetState(pb.GetStateRequest())

    assert "account/main" in events[0].summary
    assert state.state.status == pb.STOP_STATUS_INACTIVE
    assert [(e.shadow, e.status) for e in state.evaluators] == [(True, pb.EVALUATOR_STATUS_TRIP)]


async def test_condition_that_still_holds_forbids_the_reset_until_overridden(watched: Served) -> None:
    """CONDITION_TRUE names reading and limit; overriding with a new baseline lets trading go on for good."""
    await report(watched, equity("1000"))
    await report(watched, equity("800"))
    state = await active(watched)
    stuck = pb.ResetRequest(revision=state.revision, reason="x", requested_by="ann", scope="account/main")
    stuck.overrides.append("NOT_FLAT")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watched.stops.Reset(stuck)
    assert "CONDITION_TRUE" in refused.value.details()
    assert "20 %" in refused.value.details()

    stuck.overrides.append("CONDITION_TRUE")
    stuck.rebaseline = True
    assert (await watched.stops.Reset(stuck)).outcome == pb.RESET_OUTCOME_RELEASED
    await report(watched, equity("799"))
    after = await watched.stops.GetState(pb.GetStateRequest())
    assert after.state.status == pb.STOP_STATUS_INACTIVE
