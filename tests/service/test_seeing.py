"""How close each evaluator is, and what will be done, as people and engines are told."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ess_client import GateState, OrderGate
from ess_client.aio import OrderGate as AioOrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from tests.service.conftest import DRAWDOWN, MAIN, Serve, Served
from tests.service.reporting import active, equity, report

NEVER = timedelta(seconds=30)
"""A tick and a heartbeat beyond every test: what is told by then was not waiting for them."""


async def evaluator(one: Served, near_misses: int = 0) -> pb.EvaluatorState:
    """The one evaluator, once it has counted so many near misses and shows the tier of what it reads."""
    for _ in range(200):
        (state,) = (await one.stops.GetState(pb.GetStateRequest())).evaluators
        settled = bool(state.tier_percent) == (state.status != pb.EVALUATOR_STATUS_CLEAR)
        if settled and state.near_misses >= near_misses and state.HasField("limit_used"):
            break
        await asyncio.sleep(0.02)
    return state


async def test_every_evaluator_shows_how_close_it_is(serve: Serve) -> None:
    """Reading, age, limit, share, tier, near misses; and what it could not tell, also after it can again."""
    one = await serve(accounts=(MAIN,), evaluators=(DRAWDOWN,), data_dir=None)
    await one.commission()
    for amount in ("1000", "908", "999"):
        await report(one, equity(amount))
    state = await evaluator(one, near_misses=1)

    assert (state.name, state.status, state.shadow) == ("drawdown/main", pb.EVALUATOR_STATUS_CLEAR, False)
    assert (Decimal(state.reading), state.limit, state.tier_percent, state.near_misses) == (Decimal("0.1"), "10", 0, 1)
    assert state.limit_used == pytest.approx(0.01)
    assert 0 <= state.reading_age.ToTimedelta().total_seconds() < 5
    assert "account main: no equity yet" in state.last_error
    assert abs(datetime.now(UTC) - state.last_error_time.ToDatetime(UTC)) < timedelta(seconds=30)
    (event,) = (await one.stops.ListEvents(pb.ListEventsRequest(kind="evaluator.near_miss"))).events
    assert event.summary == "drawdown/main came close (9.2, 92% of the limit 10)"


async def test_delayed_flatten_is_told_until_it_is_done_and_a_hold_stays_visible(serve: Serve) -> None:
    """A breach cancels, names when it flattens, flattens then; HoldFlatten before ends it for good."""
    delayed = replace(DRAWDOWN, flatten_delay=timedelta(seconds=30))
    soon = replace(DRAWDOWN, flatten_delay=timedelta(milliseconds=700))
    for settings in (delayed, soon):
        one = await serve(accounts=(MAIN,), evaluators=(settings,), data_dir=None)
        await one.commission()
        await report(one, equity("1000"))
        await report(one, equity("900"))
        state = await active(one)
        (stop,) = state.stops
        assert (stop.action, stop.held) == (pb.STOP_ACTION_CANCEL, False)
        assert stop.flatten_time.ToDatetime() - stop.activate_time.ToDatetime() >= settings.flatten_delay
        summary = (await one.stops.GetState(pb.GetStateRequest())).summary
        assert "account/main CANCEL, flattens at " in summary
        if settings is delayed:
            request = pb.HoldFlattenRequest(revision=state.revision, reason="hedged", requested_by="ann")
            (held,) = (await one.stops.HoldFlatten(request)).state.stops
            assert (held.action, held.held, held.HasField("flatten_time")) == (pb.STOP_ACTION_BLOCK, True, False)
            continue
        for _ in range(200):
            (stop,) = (await one.stops.GetState(pb.GetStateRequest())).state.stops
            if stop.action == pb.STOP_ACTION_FLATTEN:
                break
            await asyncio.sleep(0.02)
        assert (stop.action, stop.HasField("flatten_time")) == (pb.STOP_ACTION_FLATTEN, False)


async def test_engines_hear_of_a_warn_tier_at_once(serve: Serve) -> None:
    """Both kinds of gate hand it to the engine, off the order path, without waiting for a heartbeat or a tick."""
    one = await serve(accounts=(MAIN,), evaluators=(DRAWDOWN,), data_dir=None, tick=NEVER, heartbeat=NEVER)
    await one.commission()
    await report(one, equity("1000"))
    target, warned = f"127.0.0.1:{one.running.port}", threading.Event()

    def note(state: GateState) -> None:
        if state.warnings:
            warned.set()

    async with AioOrderGate(target) as gate:
        with OrderGate(target, on_change=note) as other:
            changes = gate.changes()
            async with asyncio.timeout(10):
                while not (await anext(changes)).revision:
                    pass
                assert await asyncio.to_thread(lambda: other.wait_ready(10) or other.state.revision)
                await report(one, equity("925"))
                while not (seen := await anext(changes)).warnings:
                    pass
            assert await asyncio.to_thread(warned.wait, 10)
            for warnings in (seen.warnings, other.state.warnings):
                assert [(w.evaluator, w.scope, w.tier_percent) for w in warnings] == [
                    ("drawdown/main", "account/main", 75)
                ]
            await changes.aclose()
