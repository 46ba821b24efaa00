"""The request budget: reads wait, sends do not, and a refusal by the exchange silences both."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten import ReadBudgetError
from ess_server.testing import FakeClock
from ess_server.venue import ccxt_okx, ccxt_usdm
from ess_server.venue.budget import OBSERVING_LEAVES, SHARES, BudgetLimits, Purpose, RequestBudget
from ess_server.venue.ccxt_usdm import BUDGET
from ess_server.venue.plans import SWEEP_SHARE
from ess_server.venue.unified.table import UNIFIED

LIMITS = BudgetLimits(per_minute=1000, burst=400, per_second=10, reserve=200)


@pytest.fixture
def clock() -> FakeClock:
    """A clock to move."""
    return FakeClock()


@pytest.fixture
def budget(clock: FakeClock) -> RequestBudget:
    """A full budget."""
    return RequestBudget(clock.uptime, LIMITS)


def test_reads_are_put_off_until_the_budget_allows_them(budget: RequestBudget, clock: FakeClock) -> None:
    """Exactly the delay that is named has to pass."""
    for _ in range(4):
        budget.read(100, Purpose.FLATTEN)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(100, Purpose.FLATTEN)

    assert put_off.value.delay == timedelta(seconds=10)
    clock.advance(10)
    budget.read(100, Purpose.FLATTEN)


@pytest.mark.parametrize("purpose", [Purpose.EXECUTIONS, Purpose.OBSERVING])
def test_reads_leave_what_is_more_urgent_its_part(budget: RequestBudget, purpose: Purpose) -> None:
    """Executions and prices stop above the reserve, equity at it, and a flatten finds all of the reserve."""
    budget.read(LIMITS.burst - LIMITS.reserve - OBSERVING_LEAVES, purpose)
    with pytest.raises(ReadBudgetError):
        budget.read(1, purpose)
    budget.read(OBSERVING_LEAVES, Purpose.EQUITY)
    with pytest.raises(ReadBudgetError):
        budget.read(1, Purpose.EQUITY)
    budget.read(LIMITS.reserve, Purpose.FLATTEN)


def test_nobody_is_blind_however_long_a_flatten_takes_everything(budget: RequestBudget, clock: FakeClock) -> None:
    """A flatten that reads whenever it may leaves each of the others its share of the income, and no more."""
    budget.read(LIMITS.burst, Purpose.FLATTEN)
    read = dict.fromkeys(Purpose, 0)
    seconds = 600
    for _ in range(seconds):
        clock.advance(1)
        for purpose in (Purpose.FLATTEN, Purpose.FLATTEN, *SHARES):
            with suppress(ReadBudgetError):
                budget.read(5, purpose)
                read[purpose] += 5

    income = seconds * LIMITS.per_second
    for purpose, share in SHARES.items():
        assert 0.8 * share < read[purpose] / income <= share
    assert read[Purpose.FLATTEN] > 0.75 * income
    assert sum(SHARES.values()) + SWEEP_SHARE == pytest.approx(1)


LONG = [
    (BUDGET, ccxt_usdm.ACCOUNT_WEIGHT, True, Purpose.FLATTEN),
    (BUDGET, ccxt_usdm.ACCOUNT_WEIGHT, True, Purpose.RETRYING),
    (ccxt_okx.BUDGET, ccxt_okx.ACCOUNT_WEIGHT, False, Purpose.RETRYING),
    *((p.limits, p.weight.get(p.equity.endpoint, 1), False, Purpose.FLATTEN) for p in UNIFIED.values() if p.equity),
]
"""Limits, what equity costs, whether the exchange tells its own count, and what the flatten reads for."""


@pytest.mark.parametrize(("limits", "weight", "tells", "purpose"), LONG)
def test_equity_is_read_beside_and_after_a_long_flatten(
    clock: FakeClock, limits: BudgetLimits, weight: float, *, tells: bool, purpose: Purpose
) -> None:
    """Its income is saved up until it pays for a reading, and what the exchange had room for leaves no debt."""
    budget = RequestBudget(clock.uptime, limits)
    used, most, equity = 0.0, 0.0, 0

    def reads(cost: float, what: Purpose) -> int:
        nonlocal used
        with suppress(ReadBudgetError):
            budget.read(cost, what)
            used += cost
            if tells:
                budget.used(used)
            return 1
        return 0

    for second in range(600):
        clock.advance(1)
        used, most = (0.0 if second % 60 == 0 else used), max(most, used)
        for _ in range(5):
            reads(limits.per_second, purpose)
        equity += reads(weight, Purpose.EQUITY)

    income = SHARES[Purpose.EQUITY] * limits.per_second / weight
    assert equity >= int(0.7 * min(income, 1) * 600) > 0
    assert not tells or most <= limits.per_minute
    clock.advance(60 + (limits.reserve + weight) / limits.per_second)
    budget.read(weight, Purpose.EQUITY)


def test_equity_of_its_own_income_still_heeds_the_exchanges_count(budget: RequestBudget, clock: FakeClock) -> None:
    """Where others have used the address up, equity waits too, for exactly as long as it is told."""
    clock.advance(60)
    budget.used(1000)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(5, Purpose.EQUITY)

    clock.advance(put_off.value.delay.total_seconds())
    budget.read(5, Purpose.EQUITY)


def test_sends_never_wait_but_are_counted(budget: RequestBudget) -> None:
    """A send goes out on an empty budget; the next read pays for it."""
    budget.read(400, Purpose.FLATTEN)
    budget.send(50)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(10, Purpose.FLATTEN)

    assert put_off.value.delay == timedelta(seconds=6)


def test_what_others_used_on_the_address_counts(budget: RequestBudget) -> None:
    """The exchange's own count lowers what is left to those who observe, and never raises it."""
    budget.used(700)
    budget.used(100)
    with pytest.raises(ReadBudgetError):
        budget.read(51, Purpose.EQUITY)
    budget.read(50, Purpose.EQUITY)


def test_a_flatten_goes_on_as_long_as_the_exchange_counts_room(budget: RequestBudget, clock: FakeClock) -> None:
    """Beyond the burst it reads up to the exchange's limit by the exchange's own count, and no further."""
    budget.read(400, Purpose.FLATTEN)
    clock.advance(2)
    budget.used(400)
    budget.used(390)
    for _ in range(5):
        budget.read(110, Purpose.FLATTEN)
    with pytest.raises(ReadBudgetError):
        budget.read(110, Purpose.FLATTEN)
    clock.advance(2)
    budget.used(20)
    budget.read(110, Purpose.FLATTEN)
    with pytest.raises(ReadBudgetError):
        budget.read(1, Purpose.SWEEPING)
    budget._tokens = -1e6
    budget.used(1000)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(110, Purpose.FLATTEN)
    assert put_off.value.delay == timedelta(seconds=60)
    clock.advance(60)
    budget.read(110, Purpose.FLATTEN)


def test_a_short_window_may_be_used_up_at_once(clock: FakeClock) -> None:
    """Where the exchange counts by short spans a flatten uses one up, then waits for it to move."""
    budget = RequestBudget(clock.uptime, replace(LIMITS, window=(400, 2)))
    for _ in range(3):
        budget.read(130, Purpose.FLATTEN)
        clock.advance(0.5)
    budget._tokens = -1e6
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(150, Purpose.FLATTEN)

    assert put_off.value.delay == timedelta(seconds=1)
    clock.advance(1)
    budget.read(150, Purpose.FLATTEN)


def test_a_refusal_silences_reads_and_sends(budget: RequestBudget, clock: FakeClock) -> None:
    """While the exchange refuses the address nothing goes out; a shorter refusal does not shorten it."""
    budget.refused(30)
    budget.refused(5)
    with pytest.raises(VenueUnknownError, match="refuses requests from this address"):
        budget.send(1)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(1, Purpose.FLATTEN)

    assert put_off.value.delay == timedelta(seconds=30)
    clock.advance(30)
    budget.send(1)
    budget.read(1, Purpose.FLATTEN)


def test_the_budget_for_binance_keeps_below_its_limit() -> None:
    """A full burst and a minute of refill stay below what Binance allows in a minute, with the reserve inside."""
    assert BUDGET.burst + 60 * BUDGET.per_second < BUDGET.per_minute
    assert BUDGET.reserve < BUDGET.burst


def test_who_retries_without_end_leaves_room_for_who_begins(clock: FakeClock) -> None:
    """Two accounts that are read every second for ever never keep a third one from its first five readings."""
    budget, used = RequestBudget(clock.uptime, BUDGET), 0
    for second in range(300):
        used = 0 if second % 60 == 0 else used
        for _ in range(2):
            with suppress(ReadBudgetError):
                budget.read(85, Purpose.RETRYING)
                used += 85
                budget.used(used)
        clock.advance(1)
    assert used > BUDGET.per_minute / 2

    for _ in range(5):
        budget.read(85, Purpose.FLATTEN)


def test_nothing_is_paid_for_a_reading_whose_rest_finds_no_room(clock: FakeClock) -> None:
    """Whoever reads a little and then cannot read the rest would use up the income of who waits for all of it."""
    budget, done = RequestBudget(clock.uptime, BUDGET), [0, 0]
    for _ in range(3000):
        with suppress(ReadBudgetError):
            budget.read(85, Purpose.FLATTEN)
            done[0] += 1
        with suppress(ReadBudgetError):
            budget.read(5, Purpose.FLATTEN, ahead=80)
            budget.read(80, Purpose.FLATTEN)
            done[1] += 1
        clock.advance(0.1)

    assert sum(done) * 85 > 300 * BUDGET.per_second
