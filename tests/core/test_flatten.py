"""The flatten algorithm against an exchange in memory: what it does, in which order, and to what."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.flatten import AccountFlattener, FlattenSettings
from ess_server.core.flatten_plan import wants_work
from ess_server.core.model import Account, Action, FlattenStatus, Work
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.testing import FakeClock
from ess_server.testing.exchange import FakeExchangeClient, Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, ETH, QUICK, Rig, running, work


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs."""
    made = Rig()
    async with running(made):
        yield made


async def test_flatten_cancels_everything_closes_everything_and_says_flat(rig: Rig) -> None:
    """FLATTEN leaves neither an order, plain or conditional, nor a position, and tells each step once."""
    rig.client.rest(BTC)
    rig.client.rest(ETH, conditional=True, reduce_only=True)
    rig.client.hold(BTC, Decimal("0.5"))
    rig.client.hold(ETH, 2, long=False)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    assert rig.kinds == ["started", "first_cancel", "first_close", "clean_read", "clean_read", "flat"]
    assert (rig.flattener.progress.open_orders, rig.flattener.progress.open_positions) == (0, 0)
    assert {d["stop_id"] for _, d in rig.told} == {"stop-1"}


async def test_cancels_come_before_closes_and_closes_before_a_clean_read(rig: Rig) -> None:
    """Closing comes after a reading without the symbol's orders; flat needs three later ones, and a witness."""
    rig.client.rest(BTC, reduce_only=True)
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.calls == [
        "snapshot", "cancel", "snapshot", "close_position", "snapshot", "snapshot", "snapshot", "witness",
    ]  # fmt: skip


async def test_the_two_clean_reads_lie_the_gap_apart(rig: Rig) -> None:
    """The second clean read begins no sooner than ``verify_gap`` after the first one ended."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)

    reads = [float(d["uptime"]) for k, d in rig.told if k == "clean_read"]
    assert reads[1] - reads[0] >= QUICK.verify_gap.total_seconds()


async def test_a_clock_that_does_not_move_proves_nothing() -> None:
    """The gap between the clean reads and the quiet window are measured, not assumed."""
    clock = FakeClock()
    client = FakeExchangeClient(Account(id="main", venue="paper"))
    flattener = AccountFlattener(client, clock, QUICK, on_progress=lambda _: None, on_event=lambda *_: None)
    clock.advance(1)
    task = asyncio.create_task(flattener.run())
    flattener.set_work(work())
    await eventually(lambda: len(client.calls) > 5)

    for _ in range(2):
        assert flattener.progress.status is FlattenStatus.VERIFYING
        clock.advance(1)
        looked = len(client.calls)
        await eventually(lambda looked=looked: len(client.calls) > looked + 2)
    assert flattener.progress.status is FlattenStatus.FLAT
    task.cancel()


async def test_cancel_keeps_positions_and_their_protection(rig: Rig) -> None:
    """CANCEL takes opening orders and stray conditional ones, but no position and no exit that protects one."""
    rig.client.hold(BTC, 1)
    stop = rig.client.rest(BTC, conditional=True, reduce_only=True)
    rig.client.rest(BTC, conditional=True)
    rig.client.rest(BTC, reduce_only=True)
    rig.client.rest(ETH, conditional=True, reduce_only=True)
    rig.flattener.set_work(work(Action.CANCEL))
    await rig.reaches(FlattenStatus.CANCELLED)
    assert rig.kinds[-1] == "cancelled"

    assert list(rig.client.orders.values()) == [stop]
    assert rig.client.closes == []
    assert rig.flattener.progress.detail == "1 reduce-only order(s) left alone"


async def test_symbol_work_touches_only_its_symbols(rig: Rig) -> None:
    """Work on one symbol leaves orders and positions of every other symbol alone."""
    for symbol in (BTC, ETH):
        rig.client.rest(symbol)
        rig.client.hold(symbol, 1)
    rig.flattener.set_work(work(Action.BLOCK, symbols=((BTC, Action.FLATTEN),)))
    await rig.reaches(FlattenStatus.FLAT)

    assert [o.symbol for o in rig.client.orders.values()] == [ETH]
    assert list(rig.client.positions) == [(ETH, True)]


@pytest.mark.parametrize("wanted", [None, work(Action.BLOCK), work(held=True)])
async def test_without_work_nothing_is_called(rig: Rig, wanted: Work | None) -> None:
    """No work, BLOCK and held work never touch the venue, and never read as flat."""
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work(Action.BLOCK, stop_id="before"))
    rig.flattener.set_work(wanted)
    await asyncio.sleep(0.05)

    assert rig.client.calls == []
    assert rig.status is (FlattenStatus.HELD if wanted is not None and wanted.held else FlattenStatus.PENDING)
    assert not wants_work(wanted)


async def test_hold_begins_nothing_more(rig: Rig) -> None:
    """From the very call that holds the work no client call begins, at whatever moment it comes."""
    for moment in range(40):
        rig.client.positions.clear()
        rig.client.rest(BTC)
        rig.client.hold(BTC, 1)
        rig.flattener.set_work(work(stop_id=f"stop-{moment}"))
        for _ in range(moment % 20):
            await asyncio.sleep(0)
        rig.flattener.set_work(work(stop_id=f"stop-{moment}", held=True))
        before = len(rig.client.calls)
        await asyncio.sleep(0.002)

        assert len(rig.client.calls) == before
        assert rig.status is FlattenStatus.HELD


async def test_new_work_never_shows_the_outcome_of_the_old(rig: Rig) -> None:
    """At whatever moment the work changes: PENDING at once, and FLAT only by reads that began afterwards."""
    for moment in range(30):
        rig.client.positions.clear()
        rig.flattener.set_work(work(Action.CANCEL, stop_id=f"a{moment}"))
        if moment % 2:
            await rig.reaches(FlattenStatus.CANCELLED)
        for _ in range(moment % 13):
            await asyncio.sleep(0)
        rig.client.hold(BTC, 1)
        rig.flattener.set_work(work(stop_id=f"b{moment}"))

        assert rig.status is FlattenStatus.PENDING
        await rig.reaches(FlattenStatus.FLAT)
        assert rig.client.flat


async def test_the_same_work_again_changes_nothing(rig: Rig) -> None:
    """Work that is equal to what is being done neither restarts it nor hides its outcome."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    rig.flattener.set_work(work())

    assert rig.status is FlattenStatus.FLAT


async def test_new_work_does_not_wait_for_a_hanging_call() -> None:
    """A hung read of the old work delays the new work by nothing, far below the timeout of the call."""
    rig = Rig(replace(QUICK, call_timeout=timedelta(seconds=30)))
    rig.client.faults["snapshot"].append(Fault.HANG)
    async with running(rig):
        rig.flattener.set_work(work(Action.CANCEL))
        await eventually(lambda: rig.client.calls)
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT, within=1)


async def test_failures_of_superseded_work_are_not_shown(rig: Rig) -> None:
    """A send of the old work that fails late, and a read that fails late, leave no trace on the new work."""

    class Late(FakeExchangeClient):
        async def snapshot(self) -> VenueSnapshot:
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                await asyncio.sleep(0.005)
                raise RuntimeError("too late") from None
            return await super().snapshot()

    slow = Late(rig.client.account)
    rig.client.snapshot = slow.snapshot
    rig.flattener.set_work(work())
    await asyncio.sleep(0.005)
    rig.flattener.set_work(work(Action.BLOCK))
    await asyncio.sleep(0.05)

    assert rig.status is FlattenStatus.PENDING


def test_settings_of_zero_are_refused() -> None:
    """Every time must be above zero, and the message names the one that is not."""
    with pytest.raises(ValueError, match="verify_gap"):
        FlattenSettings(verify_gap=timedelta())
