"""The request budget: reads wait, sends do not, and a refusal by the exchange silences both."""

from datetime import timedelta

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten import ReadBudgetError
from ess_server.testing import FakeClock
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.ccxt_usdm import BUDGET

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
        budget.read(100, routine=False)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(100, routine=False)

    assert put_off.value.delay == timedelta(seconds=10)
    clock.advance(10)
    budget.read(100, routine=False)


def test_routine_reads_leave_the_reserve(budget: RequestBudget) -> None:
    """Routine reads stop at the reserve, which an urgent one still finds."""
    budget.read(200, routine=True)
    with pytest.raises(ReadBudgetError):
        budget.read(1, routine=True)
    budget.read(200, routine=False)


def test_sends_never_wait_but_are_counted(budget: RequestBudget) -> None:
    """A send goes out on an empty budget; the next read pays for it."""
    budget.read(400, routine=False)
    budget.send(50)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(10, routine=False)

    assert put_off.value.delay == timedelta(seconds=6)


def test_what_others_used_on_the_address_counts(budget: RequestBudget) -> None:
    """The exchange's own count lowers what is left, and never raises it."""
    budget.used(900)
    budget.used(100)
    with pytest.raises(ReadBudgetError):
        budget.read(51, routine=False)
    budget.read(50, routine=False)


def test_a_refusal_silences_reads_and_sends(budget: RequestBudget, clock: FakeClock) -> None:
    """While the exchange refuses the address nothing goes out; a shorter refusal does not shorten it."""
    budget.refused(30)
    budget.refused(5)
    with pytest.raises(VenueUnknownError, match="another 30 s"):
        budget.send(1)
    with pytest.raises(ReadBudgetError) as put_off:
        budget.read(1, routine=False)

    assert put_off.value.delay == timedelta(seconds=30)
    clock.advance(30)
    budget.send(1)
    budget.read(1, routine=False)


def test_the_budget_for_binance_keeps_below_its_limit() -> None:
    """A full burst and a minute of refill stay below what Binance allows in a minute, with the reserve inside."""
    assert BUDGET.burst + 60 * BUDGET.per_second < BUDGET.per_minute
    assert BUDGET.reserve < BUDGET.burst
