"""The flatten algorithm on a venue that fails: it never lies, never overreaches and never gives up."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import pytest

from ess_server.core.flatten import AccountFlattener, FlattenSettings, ReadBudgetError
from ess_server.core.flatten_plan import backoff_ceiling
from ess_server.core.model import Account, AccountProgress, FlattenStatus
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.testing.exchange import FakeExchangeClient, Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, ETH, QUICK, Rig, RunningClock, running, work


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs."""
    made = Rig()
    async with running(made):
        yield made


@pytest.mark.parametrize("seed", range(40))
async def test_faults_never_make_it_lie_or_overreach(seed: int) -> None:
    """Whatever the venue does wrong: no FLAT that the books deny, no close above the position, and flat at last."""
    rig = Rig()
    rng = random.Random(seed)
    for symbol in (BTC, ETH):
        for _ in range(rng.randrange(3)):
            rig.client.rest(symbol, conditional=rng.random() < 0.3, reduce_only=rng.random() < 0.3)
        rig.client.hold(symbol, rng.randint(1, 9), long=rng.random() < 0.5)
    rig.client.misbehave(seed, calls=12)
    lies: list[AccountProgress] = []
    rig.watch = lambda p: lies.append(p) if p.status.is_flat and not rig.client.flat else None
    async with running(rig):
        rig.flattener.set_work(work())
        await eventually(lambda: not rig.client.faults["snapshot"] and rig.status is FlattenStatus.FLAT)

    assert lies == []
    assert all(c.position.quantity <= c.shown for c in rig.client.closes)
    ids = [c.client_order_id for c in rig.client.closes]
    assert len(set(ids)) == len(ids)
    assert all(len(i) <= 28 for i in ids)


async def test_failing_cancels_do_not_hold_up_the_close_for_ever(rig: Rig) -> None:
    """After ``close_after`` of failing cancels the position is closed all the same, and cancels go on."""
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    rig.client.faults["cancel"].extend([Fault.REFUSED] * 100)
    began = monotonic()
    rig.flattener.set_work(work())
    await eventually(lambda: rig.client.closes)

    assert monotonic() - began >= QUICK.close_after.total_seconds()
    assert rig.client.orders
    rig.client.faults["cancel"].clear()
    await rig.reaches(FlattenStatus.FLAT)


async def test_a_hanging_cancel_does_not_hold_up_the_close(rig: Rig) -> None:
    """A cancel that never answers is given up after ``close_after``; the position is closed soon after."""
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    rig.client.faults["cancel"].extend([Fault.HANG] * 3)
    rig.flattener.set_work(work())
    await eventually(lambda: rig.client.closes, within=1)
    await rig.reaches(FlattenStatus.FLAT)


async def test_other_symbols_are_closed_while_cancels_of_one_fail(rig: Rig) -> None:
    """A symbol without orders is closed in the first round, whatever becomes of the orders of another."""
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    rig.client.hold(ETH, 1)
    rig.client.faults["cancel"].extend([Fault.REFUSED] * 2)
    rig.flattener.set_work(work())
    await eventually(lambda: rig.client.closes)

    assert rig.client.calls[:3] == ["snapshot", "close_position", "cancel"]
    assert rig.client.closes[0].position.symbol == ETH


async def test_what_is_below_the_minimum_ends_as_dust() -> None:
    """A remainder that the venue takes no order for ends as FLAT_WITH_DUST, and as FLAT once it is gone."""
    rig = Rig(client=FakeExchangeClient(Account(id="main", venue="paper"), minimum=Decimal("0.01")))
    rig.client.hold(BTC, Decimal("0.004"))
    rig.client.hold(ETH, 1)
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT_WITH_DUST)

        assert rig.flattener.progress.detail == f"below the venue's minimum: 0.004 {BTC}"
        assert list(rig.client.positions) == [(BTC, True)]
        rig.client.positions.clear()
        await rig.reaches(FlattenStatus.FLAT)


async def test_dust_that_grows_is_closed(rig: Rig) -> None:
    """A position counts as dust for exactly the quantity that the venue refused."""
    rig.client.minimum = Decimal("0.01")
    rig.client.hold(BTC, Decimal("0.004"))
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT_WITH_DUST)
    rig.client.hold(BTC, 1)
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat


async def test_a_venue_that_refuses_shows_incomplete_and_work_goes_on(rig: Rig) -> None:
    """What cannot be removed after repeated attempts reads INCOMPLETE with its counts, until it is gone."""
    rig.client.hold(BTC, 1)
    rig.client.faults["close_position"].extend([Fault.REFUSED] * 10_000)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.INCOMPLETE)

    assert rig.flattener.progress.open_positions == 1
    rig.client.faults["close_position"].clear()
    await rig.reaches(FlattenStatus.FLAT)
    assert rig.kinds.count("incomplete") == 1
    assert rig.kinds[-1] == "flat"


async def test_the_reason_of_a_failure_is_shown(rig: Rig) -> None:
    """The first failed request of a round is named in ``detail``."""
    rig.client.hold(BTC, 1)
    rig.client.faults["close_position"].extend([Fault.REFUSED] * 10_000)
    rig.flattener.set_work(work())
    reason = "1 request(s) failed, the first: close_position was refused"
    await eventually(lambda: rig.flattener.progress.detail == reason)
    told = len(rig.history)
    await eventually(lambda: len(rig.history) > told + 6)

    assert {p.detail for p in rig.history[told:]} == {reason}


async def test_an_unreadable_venue_is_unknown_and_tells_no_secret(rig: Rig) -> None:
    """A failed read is UNKNOWN, told once, counts stay as last read, and foreign exception text is not shown."""

    class Leaky(FakeExchangeClient):
        async def snapshot(self) -> VenueSnapshot:
            raise RuntimeError("GET https://fapi/?signature=SECRET")

    good = rig.client.snapshot
    rig.client.snapshot = Leaky(rig.client.account).snapshot
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.UNKNOWN)
    await asyncio.sleep(0.03)

    assert rig.flattener.progress.detail == "RuntimeError"
    assert rig.flattener.progress.open_positions is None
    assert rig.kinds == ["started", "unknown"]
    rig.client.snapshot = good
    await rig.reaches(FlattenStatus.FLAT)
    assert rig.kinds == ["started", "unknown", "clean_read", "clean_read", "flat"]


async def test_a_hanging_read_is_unknown_after_the_timeout(rig: Rig) -> None:
    """A read that never answers is bounded by ``call_timeout``."""
    rig.client.faults["snapshot"].append(Fault.HANG)
    rig.flattener.set_work(work())
    await rig.passes(FlattenStatus.UNKNOWN)

    assert "the venue did not answer within 0.04 s" in [p.detail for p in rig.history]
    await rig.reaches(FlattenStatus.FLAT)


async def test_a_failed_read_between_the_clean_ones_starts_verification_anew(rig: Rig) -> None:
    """Clean, unreadable, clean is not flat: two clean reads count only without a failure between them."""
    rig.client.faults["snapshot"].extend([Fault.NONE, Fault.LOST])
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.calls == [*["snapshot"] * 5, "witness"]


async def test_a_read_budget_says_nothing_about_the_account(rig: Rig) -> None:
    """A read put off by the venue's budget changes no status; a flat account stays flat, a pending one pending."""
    snapshot = rig.client.snapshot
    budget = [0]

    async def paced() -> VenueSnapshot:
        if not budget[0]:
            raise ReadBudgetError(timedelta(milliseconds=1))
        budget[0] -= 1
        return await snapshot()

    rig.client.snapshot = paced
    rig.flattener.set_work(work())
    await eventually(lambda: rig.flattener.progress.detail.startswith("the venue's request budget"))

    assert rig.status is FlattenStatus.PENDING
    budget[0] = 3
    await rig.reaches(FlattenStatus.FLAT)
    await asyncio.sleep(0.04)
    assert rig.status is FlattenStatus.FLAT


async def test_a_listener_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Progress and events are optional: whoever listens may fail, the account ends flat and the log says so."""

    def broken(*_: object) -> None:
        raise RuntimeError("listener")

    client = FakeExchangeClient(Account(id="main", venue="paper"))
    client.hold(BTC, 1)
    flattener = AccountFlattener(client, RunningClock(), QUICK, on_progress=broken, on_event=broken)
    task = asyncio.create_task(flattener.run())
    flattener.set_work(work())
    await eventually(lambda: flattener.progress.status is FlattenStatus.FLAT)
    task.cancel()

    assert client.flat
    assert "a listener of flatten events failed" in caplog.text


def test_backoff_rises_to_its_ceiling_and_never_overflows() -> None:
    """Delays grow from ``backoff_min`` to ``backoff_max`` and stay there, however long it goes on."""
    settings = FlattenSettings()

    assert [backoff_ceiling(settings, n).total_seconds() for n in (0, 1, 2, 3, 4, 5, 10**6)] == [
        0.2, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0,
    ]  # fmt: skip
