"""Sums of accounts: when their marks start anew, and when they go on."""

from datetime import timedelta

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.testing import START, FakeClock
from tests.contract.account_groups.members import BOTH, OTHERS, ZONE, Books


def test_rebaseline_needs_every_member(books: Books) -> None:
    """A reset for one account does not make the loss of all of them forgotten."""
    books.pair(1000, 1000)
    books.pair(800, 900)
    books.metrics.rebaseline(["main", "other"])
    one = books.seen()
    books.metrics.rebaseline(["hedge", "main", "other"])

    assert one == (1700, 2000, 2000)
    assert books.seen() == (1700, 1700, 1700)
    books.restart()
    assert books.seen() == (1700, 1700, 1700)


def test_flow_reported_after_a_rebaseline_that_knew_its_money_moves_nothing(books: Books) -> None:
    """The person has seen the sum that contains it."""
    books.pair(1000, 1000)
    books.pair(1700, 1000)
    books.metrics.rebaseline(["hedge", "main"])
    books.move("main", 700, ago=2)

    assert books.seen() == (2700, 2700, 2700)


def test_group_that_is_no_longer_declared_starts_anew(books: Books) -> None:
    """Its marks know nothing of what was deposited and withdrawn since; other members are another group."""
    books.pair(9000, 1000)
    books.groups = [OTHERS]
    books.metrics.declare_groups(books.groups)
    books.pair(900, 100)
    books.read("other", 50)
    other = books.seen(OTHERS)
    books.groups = [BOTH]
    books.metrics.declare_groups(books.groups)
    gone = books.metrics.group(BOTH)
    books.pair(900, 100)

    assert other == (950, 950, 950)
    assert gone is None
    assert books.seen() == (1000, 1000, 1000)


def test_group_that_stays_declared_goes_on(books: Books) -> None:
    """A second one beside it changes nothing."""
    books.pair(1000, 1000)
    books.groups = [OTHERS, BOTH]
    books.metrics.declare_groups(books.groups)
    books.pair(900, 1000)

    assert books.seen() == (1900, 2000, 2000)


def test_baselines_of_sums_that_were_lost_stay_lost_until_a_person_starts_them_anew(clock: FakeClock) -> None:
    """As those of accounts."""
    metrics = MemoryMetricsRepository(clock, ZONE, trusted=False)
    books = Books(lambda: metrics, clock, forgetful=False)
    books.pair(1000, 1000)
    lost = books.known().baseline
    metrics.rebaseline(["main", "hedge"])

    assert lost is None
    assert books.seen() == (2000, 2000, 2000)
    assert books.known().equity.time == START + timedelta(seconds=1)
