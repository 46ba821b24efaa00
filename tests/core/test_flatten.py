"""The flatten algorithm against an exchange in memory: what it does, and what it must never do."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic

import pytest

from ess_server.core.flatten import AccountFlattener, FlattenSettings, LocalFlattener, ReadBudgetError
from ess_server.core.flatten_plan import backoff_ceiling, sweep_delay, wants_work
from ess_server.core.model import Account, AccountProgress, Action, FlattenStatus, Work
from ess_server.core.ports import OpenOrder, Position, VenueSnapshot
from ess_server.testing import FakeClock
from ess_server.testing.exchange import FakeExchangeClient, Fault
from ess_server.testing.waiting import eventually

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
QUICK = FlattenSettings(
    call_timeout=timedelta(milliseconds=40),
    close_after=timedelta(milliseconds=60),
    verify_gap=timedelta(milliseconds=8),
    sweep_interval=timedelta(milliseconds=10),
    sweep_interval_max=timedelta(milliseconds=15),
    backoff_min=timedelta(milliseconds=1),
    backoff_max=timedelta(milliseconds=8),
    request_expiry=timedelta(milliseconds=30),
    reopen_quiet=timedelta(milliseconds=300),
)


class RunningClock:
    """A clock that runs with the event loop."""

    def now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Return seconds."""
        return monotonic()


class Rig:
    """One account with its flattener, and everything that was told."""

    def __init__(self, settings: FlattenSettings = QUICK, client: FakeExchangeClient | None = None) -> None:
        self.client = client or FakeExchangeClient(Account(id="main", venue="paper"))
        self.told: list[tuple[str, Mapping[str, str]]] = []
        self.history: list[AccountProgress] = []
        self._passed = 0
        self.watch: Callable[[AccountProgress], None] = lambda _: None
        self.flattener = AccountFlattener(
            self.client,
            RunningClock(),
            settings,
            on_progress=self._progress,
            on_event=self._event,
            rng=random.Random(7),
        )

    def _progress(self, progress: AccountProgress) -> None:
        self.history.append(progress)
        self.watch(progress)

    def _event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        assert account == "main"
        self.told.append((kind.removeprefix("flatten."), details))

    @property
    def kinds(self) -> list[str]:
        """Events told so far, without their family."""
        return [kind for kind, _ in self.told]

    @property
    def status(self) -> FlattenStatus:
        """Status as shown."""
        return self.flattener.progress.status

    async def passes(self, *statuses: FlattenStatus) -> None:
        """Wait until these statuses have been shown in this order, however briefly, since the last call."""
        for status in statuses:
            await eventually(lambda s=status: any(p.status is s for p in self.history[self._passed :]))
            self._passed = next(i for i, p in enumerate(self.history) if i >= self._passed and p.status is status)

    async def reaches(self, status: FlattenStatus, within: float = 5.0) -> None:
        """Wait for a status."""
        await eventually(lambda: self.status is status, within=within)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs."""
    made = Rig()
    async with running(made):
        yield made


class running:  # noqa: N801 - reads as a statement
    """Runs the flattener of a rig for the length of a block."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def __aenter__(self) -> Rig:
        self._task = asyncio.create_task(self._rig.flattener.run())
        return self._rig

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.sleep(0.01)


def work(action: Action = Action.FLATTEN, **changes: object) -> Work:
    """Work on the whole account."""
    return replace(Work(account="main", stop_id="stop-1", action=action), **changes)


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
    """A symbol's position is closed only after a reading without its orders; flat needs two later readings."""
    rig.client.rest(BTC, reduce_only=True)
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.calls == [
        "snapshot", "cancel", "snapshot", "close_position", "snapshot", "snapshot",
    ]  # fmt: skip


async def test_the_two_clean_reads_lie_the_gap_apart(rig: Rig) -> None:
    """The second clean read begins no sooner than ``verify_gap`` after the first one ended."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)

    reads = [float(d["uptime"]) for k, d in rig.told if k == "clean_read"]
    assert reads[1] - reads[0] >= QUICK.verify_gap.total_seconds()


async def test_a_clock_that_does_not_move_proves_nothing() -> None:
    """The gap between the clean reads is measured, not assumed: without it the account is never flat."""
    clock = FakeClock()
    client = FakeExchangeClient(Account(id="main", venue="paper"))
    flattener = AccountFlattener(client, clock, QUICK, on_progress=lambda _: None, on_event=lambda *_: None)
    clock.advance(1)
    task = asyncio.create_task(flattener.run())
    flattener.set_work(work())
    await eventually(lambda: len(client.calls) > 5)

    assert flattener.progress.status is FlattenStatus.VERIFYING
    clock.advance(1)
    await eventually(lambda: flattener.progress.status is FlattenStatus.FLAT)
    task.cancel()


async def test_cancel_keeps_positions_and_their_protection(rig: Rig) -> None:
    """CANCEL takes opening orders and stray conditional ones, but no position and no exit that protects one."""
    rig.client.hold(BTC, 1)
    stop = rig.client.rest(BTC, conditional=True, reduce_only=True)
    rig.client.rest(BTC, conditional=True)
    rig.client.rest(BTC, reduce_only=True)
    rig.client.rest(ETH, conditional=True, reduce_only=True)
    rig.flattener.set_work(work(Action.CANCEL))
    await rig.reaches(FlattenStatus.FLAT)

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

    assert rig.client.calls == ["snapshot"] * 4


async def test_sweeps_remove_what_appears_on_a_flat_account(rig: Rig) -> None:
    """After FLAT a new order and a new position are removed again; status leaves FLAT and the log says so."""
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    first = len(rig.told)
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    await eventually(lambda: not rig.status.is_flat)
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    told = ["reopened", "first_cancel", "first_close", "clean_read", "clean_read", "flat"]
    assert rig.kinds[first:] == told


async def test_an_account_that_keeps_reopening_is_told_of_in_moderation(rig: Rig) -> None:
    """Within ``reopen_quiet`` a second reopening is removed like the first, without another set of events."""
    rig.flattener.set_work(work())
    for _ in range(4):
        await rig.reaches(FlattenStatus.FLAT)
        rig.client.rest(BTC)
        await eventually(lambda: not rig.status.is_flat)
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.kinds.count("reopened") == 1
    assert rig.kinds.count("flat") == 2
    await asyncio.sleep(QUICK.reopen_quiet.total_seconds())
    rig.client.rest(BTC)
    await eventually(lambda: rig.kinds.count("reopened") == 2)


async def test_sweeps_spare_exits(rig: Rig) -> None:
    """Once flat, a reduce-only order is left alone, until its symbol has a position that must be closed."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    rig.client.rest(BTC, reduce_only=True)
    await eventually(lambda: rig.flattener.progress.detail == "1 reduce-only order(s) left alone")

    assert rig.status is FlattenStatus.FLAT
    rig.client.hold(BTC, 1)
    await eventually(lambda: rig.client.flat)
    await rig.reaches(FlattenStatus.FLAT)


async def test_sweeps_under_cancel_spare_every_exit(rig: Rig) -> None:
    """Under CANCEL an engine may go on to work its way out with reduce-only orders once the account was clean."""
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work(Action.CANCEL))
    await rig.reaches(FlattenStatus.FLAT)
    exit_order = rig.client.rest(BTC, reduce_only=True)
    rig.client.rest(BTC)
    await eventually(lambda: len(rig.client.orders) == 1)

    assert list(rig.client.orders.values()) == [exit_order]


async def test_an_unreadable_sweep_is_not_shown_as_flat(rig: Rig) -> None:
    """A flat account that cannot be read is UNKNOWN at once; the log hears of it at the third failure in a row."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    rig.client.faults["snapshot"].append(Fault.LOST)
    await rig.passes(FlattenStatus.FLAT, FlattenStatus.UNKNOWN, FlattenStatus.VERIFYING, FlattenStatus.FLAT)

    assert rig.kinds.count("flat") == 1
    rig.client.faults["snapshot"].extend([Fault.LOST] * 3)
    await eventually(lambda: rig.kinds[-1] == "unknown")
    await eventually(lambda: rig.kinds[-1] == "flat")
    assert rig.kinds.count("flat") == 2


async def test_new_work_never_shows_the_outcome_of_the_old(rig: Rig) -> None:
    """At whatever moment the work changes: PENDING at once, and FLAT only by reads that began afterwards."""
    for moment in range(30):
        rig.client.positions.clear()
        rig.flattener.set_work(work(Action.CANCEL, stop_id=f"a{moment}"))
        if moment % 2:
            await rig.reaches(FlattenStatus.FLAT)
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


async def test_quiesce_is_refused_while_there_is_work(rig: Rig) -> None:
    """Nothing is quiet while work would send again."""
    rig.flattener.set_work(work())

    assert await rig.flattener.quiesced() is False


async def test_quiesce_waits_until_what_was_sent_has_expired(rig: Rig) -> None:
    """After the work was held, quiet means that the last request is older than its expiry."""
    sent: list[float] = []
    close = rig.client.close_position

    async def noted(position: Position, client_order_id: str) -> None:
        sent.append(monotonic())
        await close(position, client_order_id)

    rig.client.close_position = noted
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work())
    await eventually(lambda: sent)
    rig.flattener.set_work(work(held=True))

    assert await rig.flattener.quiesced() is True
    assert monotonic() - sent[0] >= QUICK.request_expiry.total_seconds()


async def test_quiesce_waits_for_a_request_that_will_not_end(rig: Rig) -> None:
    """A send whose client ignores the cancellation counts as in flight for as long as it lives."""
    release = asyncio.Event()

    async def stubborn(_: object) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    rig.client.rest(BTC)
    rig.client.cancel = stubborn
    rig.flattener.set_work(work())
    await eventually(lambda: "first_cancel" in rig.kinds)
    await asyncio.sleep(0)
    rig.flattener.set_work(None)
    quiet = asyncio.create_task(rig.flattener.quiesced())
    await asyncio.sleep(2 * QUICK.request_expiry.total_seconds())

    early = quiet.done()
    release.set()
    assert await quiet is True
    assert not early


async def test_clean_reads_do_not_count_while_a_send_is_in_flight() -> None:
    """An account is not flat as long as a request that may change it has not ended."""
    rig = Rig()
    release = asyncio.Event()
    cancel = rig.client.cancel

    async def lingering(orders: tuple[OpenOrder, ...]) -> None:
        await cancel(orders)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    rig.client.cancel = lingering
    rig.client.rest(BTC)
    async with running(rig):
        rig.flattener.set_work(work())
        await eventually(lambda: rig.client.calls.count("snapshot") > 5)
        shown = rig.status
        release.set()

        assert rig.client.flat
        assert not shown.is_flat
        await rig.reaches(FlattenStatus.FLAT)


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
    budget[0] = 2
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


async def test_one_account_does_not_wait_for_another() -> None:
    """Accounts work concurrently: one whose venue hangs is UNKNOWN, the other is flat, and stop closes both."""
    stuck = FakeExchangeClient(Account(id="stuck", venue="a"))
    stuck.faults["snapshot"].extend([Fault.HANG] * 10_000)
    good = FakeExchangeClient(Account(id="good", venue="b"))
    good.hold(BTC, 1)
    flattener = LocalFlattener(
        (stuck, good), clock=RunningClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    wanted = {a: Work(account=a, stop_id="s", action=Action.FLATTEN) for a in ("stuck", "good", "nobody")}
    flattener.set_work(wanted)
    await eventually(lambda: flattener.progress()["good"].status is FlattenStatus.FLAT)
    await eventually(lambda: flattener.progress()["stuck"].status is FlattenStatus.UNKNOWN)

    assert await flattener.quiesce(["good"], timedelta(seconds=1)) is False
    good.hold(BTC, 1)
    await eventually(lambda: len(good.closes) > 1)
    flattener.set_work({})
    assert await flattener.quiesce(["good"], timedelta(milliseconds=1)) is False
    assert await flattener.quiesce(["good", "stuck", "nobody"], timedelta(seconds=1)) is True
    await flattener.stop()
    assert good.closed
    assert stuck.closed


async def test_stopping_does_not_wait_for_a_connection_that_will_not_close() -> None:
    """Closing clients is bounded in time, and stopping what was never started is no error."""

    class Sticky(FakeExchangeClient):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    flattener = LocalFlattener(
        (Sticky(Account(id="a", venue="v")),),
        clock=RunningClock(),
        settings=QUICK,
        on_progress=lambda _: None,
        on_event=lambda *_: None,
    )
    async with asyncio.timeout(4):
        await flattener.stop()


def test_settings_of_zero_are_refused() -> None:
    """Every time must be above zero, and the message names the one that is not."""
    with pytest.raises(ValueError, match="verify_gap"):
        FlattenSettings(verify_gap=timedelta())


def test_sweeps_slow_down_to_their_ceiling() -> None:
    """Looks at a flat account follow ``sweep_interval`` first and ``sweep_interval_max`` at last."""
    settings = FlattenSettings(sweep_interval_max=timedelta(seconds=6))

    assert [sweep_delay(settings, n).total_seconds() for n in (0, 1, 2, 3, 10**6)] == [2, 3, 4.5, 6, 6]
    lower = FlattenSettings(sweep_interval_max=timedelta(seconds=1))
    assert [sweep_delay(lower, n).total_seconds() for n in (0, 9)] == [2, 2]


def test_backoff_rises_to_its_ceiling_and_never_overflows() -> None:
    """Delays grow from ``backoff_min`` to ``backoff_max`` and stay there, however long it goes on."""
    settings = FlattenSettings()

    assert [backoff_ceiling(settings, n).total_seconds() for n in (0, 1, 2, 3, 4, 5, 10**6)] == [
        0.2, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0,
    ]  # fmt: skip
