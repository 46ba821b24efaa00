"""The same work in the name of another stop: nothing starts over, and the newest stop is shown."""

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta

from ess_server.core import latch
from ess_server.core.model import Account, EmergencyState, FlattenStatus
from ess_server.core.work import work_for
from ess_server.testing.exchange import Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, QUICK, Rig, running, work
from tests.core.rig import activation


async def test_triggers_on_two_scopes_in_turn_do_not_start_over() -> None:
    """However often two scopes are triggered in turn, patience with failing cancels ends, and the close is sent."""
    rig = Rig()
    rig.client.hold(BTC, 5)
    rig.client.rest(BTC)
    rig.client.faults["cancel"] = deque([Fault.HANG] * 500)
    state = EmergencyState(store_id="s", revision=1)
    async with running(rig):
        for revision in range(2, 42):
            scope = "global" if revision % 2 else "account/main"
            state = latch.activate(state, activation(scope), revision=revision, stop_id=f"stop-{revision % 2}")
            rig.flattener.set_work(work_for(state, [Account(id="main", venue="paper")])["main"])
            await asyncio.sleep(0.025)

        assert rig.client.closes


async def test_verification_outlasts_repeated_triggers() -> None:
    """An empty account becomes FLAT under triggers that come faster than the two clean reads follow each other."""
    rig = Rig(replace(QUICK, verify_gap=timedelta(milliseconds=100)))
    async with running(rig):
        for number in range(20):
            rig.flattener.set_work(work(stop_id=f"stop-{number % 2}"))
            await asyncio.sleep(0.03)

        assert rig.status is FlattenStatus.FLAT


async def test_another_stop_is_shown_at_once_and_a_request_goes_on() -> None:
    """A mere change of the stop shows the new one with the same status; the close in flight is not sent again."""
    rig = Rig(replace(QUICK, call_timeout=timedelta(seconds=1)))
    answer = asyncio.Event()
    close = rig.client.close_position

    async def slow(*arguments: object, **limit: object) -> None:
        rig.client.calls.append("slow")
        await answer.wait()
        await close(*arguments, **limit)

    rig.client.close_position = slow
    rig.client.hold(BTC, 5)
    async with running(rig):
        rig.flattener.set_work(work())
        await eventually(lambda: "slow" in rig.client.calls)
        rig.flattener.set_work(work(stop_id="stop-2"))

        assert rig.flattener.progress.stop_id == "stop-2"
        assert rig.status is FlattenStatus.CLOSING
        told = len(rig.history)
        rig.flattener.set_work(work(stop_id="stop-2"))
        assert len(rig.history) == told
        answer.set()
        await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.calls.count("slow") == 1
    assert rig.told[-1][1]["stop_id"] == "stop-2"
