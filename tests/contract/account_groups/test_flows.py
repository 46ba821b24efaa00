"""Sums of accounts: deposits, withdrawals, and transfers between the members."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.core.account_group import MAX_FLOWS, TRANSIT
from ess_server.core.readings import CashFlow
from ess_server.testing import FakeClock
from tests.contract.account_groups.members import ZONE, Books


@pytest.mark.parametrize("amount", [700, -400])
def test_flow_of_a_member_moves_the_marks_with_the_sum_that_contains_it(books: Books, amount: int) -> None:
    """Before the reading that shows it, between two members' readings, and after: a loss of 100 stays one of 100."""
    books.pair(1000, 1000)
    books.pair(950, 950)
    books.read("main", 950)
    books.move("main", amount)
    known = [books.lost()]
    books.read("hedge", 950)
    known.append(books.lost())
    books.read("main", 950 + amount)
    known.append(books.lost())
    books.read("hedge", 950)
    known.append(books.lost())

    assert known == [100, 100, 100, 100]


@pytest.mark.parametrize("amount", [700, -400])
def test_flow_that_is_reported_late_takes_its_place(books: Books, amount: int) -> None:
    """Sums that contain it are told apart from those that do not by the time of its own account's reading."""
    books.pair(1000, 1000)
    books.pair(950, 950)
    books.read("hedge", 950)
    books.read("main", 950 + amount)
    for _ in range(3):
        books.pair(950 + amount, 950)
    books.move("hedge", 1, ago=8.5)
    books.move("hedge", -1, ago=8.5)
    books.move("main", amount, ago=7.5)

    assert books.lost() == 100
    books.pair(950 + amount, 950)
    assert books.lost() == 100


def test_late_deposit_of_a_member_whose_clock_is_behind_raises_no_mark_twice(books: Books) -> None:
    """It belongs before the first sum that shows it, however far apart the clocks of the members are."""
    books.read("main", 1000)
    books.read("hedge", 1000, ago=9)
    for _ in range(4):
        books.read("main", 1700)
        books.read("hedge", 1000, ago=9)
    books.move("main", 700, ago=7.5)

    assert books.seen() == (2700, 2700, 2700)


@pytest.mark.parametrize("between", [0, 1, 5])
@pytest.mark.parametrize("order", ["out first", "in first", "reported late", "only at the end"])
def test_transfer_between_members_moves_nothing(books: Books, order: str, between: int) -> None:
    """While the money is on no account, or shown on both, sum and marks stay, also with readings in between."""
    books.pair(5000, 100)
    books.pair(4950, 100)
    before = books.seen()
    shown = []
    if order != "reported late":
        books.move("main" if order != "in first" else "hedge", -4900 if order != "in first" else 4900)
    main, hedge = (50, 100) if order != "in first" else (4950, 5000)
    for _ in range(between):
        books.pair(main, hedge)
        shown.append(books.seen())
    if order != "only at the end":
        books.move("hedge" if order != "in first" else "main", 4900 if order != "in first" else -4900)
    if order == "reported late":
        books.move("main", -4900, ago=2 * between)
        shown = []
    for _ in range(2):
        books.pair(50, 5000 if order != "only at the end" else 100)
        shown.append(books.seen())
    lost = [mark - amount for amount, mark, _ in shown]

    assert lost == [before[1] - before[0]] * len(shown)
    if order in ("out first", "reported late"):
        assert set(shown) == {before}
    assert shown[-1] == before


def test_what_does_not_arrive_in_time_was_withdrawn(books: Books) -> None:
    """In money the loss never changes; in percent it is then of what is left."""
    books.pair(5000, 1000)
    books.pair(4900, 1000)
    books.move("main", -4000)
    books.pair(900, 1000)
    on_its_way = books.seen()
    books.clock.advance(TRANSIT)
    books.pair(900, 1000)

    assert on_its_way == (5900, 6000, 6000)
    assert books.seen() == (1900, 2000, 2000)


def test_waiting_flows_are_bounded(clock: FakeClock) -> None:
    """Ten thousand deposits on an account that is never read cost the memory of some; none is lost."""
    books = Books(lambda: MemoryMetricsRepository(clock, ZONE), clock, forgetful=False)
    books.pair(1000, 1000)
    clock.advance(1)
    for _ in range(MAX_FLOWS + 100):
        books.move("main", 1)
    books.pair(1000 + MAX_FLOWS + 100, 1000)

    assert books.lost() == 0


def test_flow_of_another_currency_or_account_is_not_of_the_group(books: Books) -> None:
    """Nor does the same flow count twice."""
    books.pair(1000, 1000)
    books.move("other", -500)
    books.move("main", -500, currency="EUR")
    flow = CashFlow(account="main", id="x", amount=Decimal(100), currency="USDT", time=books.clock.now())
    assert [books.metrics.record_cash_flow(f) for f in (flow, flow, replace(flow, account="other"))] == [
        True,
        False,
        True,
    ]
    books.pair(1100, 1000)

    assert books.seen() == (2100, 2100, 2100)
