"""What was too small to close is tried again now and then, and costs the account its FLAT only where that is due."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import pytest

from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.model import Action, FlattenStatus
from ess_server.testing.exchange import Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, QUICK, Rig, running, work

EVERY = timedelta(milliseconds=80)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig that runs, with a position too small to close on it, and flat but for that."""
    made = Rig(replace(QUICK, dust_retry=EVERY, call_timeout=timedelta(seconds=5)))
    made.client.minimum = Decimal("0.01")
    made.client.hold(BTC, Decimal("0.004"))
    async with running(made):
        made.flattener.set_work(work())
        await made.reaches(FlattenStatus.FLAT_WITH_DUST)
        yield made


async def test_dust_is_closed_once_the_venue_takes_it(rig: Rig) -> None:
    """A minimum that was lowered is found; FLAT is proven anew after that order, and told with its evidence."""
    rig.client.minimum = Decimal(0)
    first = len(rig.told)
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    assert rig.kinds[first:] == ["dust_tried", "clean_read", "clean_read", "flat"]
    assert rig.told[first][1]["left"] == f"long 0.004 {BTC}"
    assert rig.told[-1][1]["status"] == "FLAT"


async def test_dust_that_stays_dust_is_tried_in_moderation_and_costs_nothing(rig: Rig) -> None:
    """However often the account is looked at: one order each interval, no event, and FLAT once it is refused."""
    began, sent, looks, first = monotonic(), len(rig.client.closes), rig.client.calls.count("snapshot"), len(rig.told)
    shown = len(rig.history)
    await eventually(lambda: rig.client.calls.count("snapshot") >= looks + 30)
    most = (monotonic() - began) / EVERY.total_seconds() + 1

    assert 1 <= len(rig.client.closes) - sent <= most
    assert {c.position.quantity for c in rig.client.closes} == {Decimal("0.004")}
    assert {p.status for p in rig.history[shown:]} == {FlattenStatus.CLOSING, FlattenStatus.FLAT_WITH_DUST}
    assert rig.kinds[first:] == []


@pytest.mark.parametrize(
    ("fault", "end"), [(Fault.LOST, FlattenStatus.FLAT), (Fault.REFUSED, FlattenStatus.FLAT_WITH_DUST)]
)
async def test_a_try_whose_outcome_is_unknown_is_verified(rig: Rig, fault: Fault, end: FlattenStatus) -> None:
    """The order may have been taken: two clean reads later it is known whether anything is left."""
    rig.client.minimum = Decimal(0) if fault is Fault.LOST else rig.client.minimum
    rig.client.faults["close_position"].append(fault)
    await rig.passes(FlattenStatus.FLAT_WITH_DUST, FlattenStatus.CLOSING, FlattenStatus.VERIFYING, end)

    assert (not rig.client.positions) is (end is FlattenStatus.FLAT)
    assert rig.kinds.count("flat") == 2
    tried = rig.told[rig.kinds.index("dust_tried")][1]
    assert tried["failure"].startswith("1 request(s) failed, the first: ")


async def test_what_is_left_of_dust_is_closed_like_any_position(rig: Rig) -> None:
    """Somebody adds to it in the very moment of the try: the rest is of another size, and work."""
    close, rig.client.minimum = rig.client.close_position, Decimal(0)

    async def added(*sent: object, **more: object) -> None:
        rig.client.close_position = close
        rig.client.hold(BTC, 1)
        await close(*sent, **more)

    rig.client.close_position = added
    await rig.reaches(FlattenStatus.FLAT)

    assert [c.position.quantity for c in rig.client.closes[-2:]] == [Decimal("0.004"), Decimal(1)]


async def test_nothing_of_a_try_is_shown_once_the_work_has_changed(rig: Rig) -> None:
    """At whatever step of the event loop that happens, the refusal says nothing of the new work."""
    close, loop = rig.client.close_position, asyncio.get_running_loop()

    def change_after(steps: int) -> None:
        if steps:
            loop.call_soon(change_after, steps - 1)
        else:
            rig.flattener.set_work(work(Action.CANCEL))
            rig.history.clear()

    for steps in range(12):

        async def refused(*_: object, steps: int = steps, **__: object) -> None:
            change_after(steps)
            raise BelowMinimumError("too small")

        rig.client.close_position = refused
        await rig.reaches(FlattenStatus.CANCELLED)
        rig.client.close_position = close
        assert FlattenStatus.FLAT_WITH_DUST not in [p.status for p in rig.history]
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT_WITH_DUST)
