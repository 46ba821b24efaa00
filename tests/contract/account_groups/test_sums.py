"""The part of ``MetricsRepository`` that sums accounts: which readings make a sum, and its marks."""

from datetime import timedelta

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.core.baselines import WINDOW
from ess_server.core.readings import AccountGroup
from ess_server.testing import FakeClock
from tests.contract.account_groups.members import BOTH, OTHERS, ZONE, Books


def test_sum_is_none_until_every_member_was_read(books: Books) -> None:
    """Half a sum is a loss that nobody had; unusable and other currencies make none."""
    books.read("main", 1000)
    books.read("other", 5)
    books.read("hedge", "NaN")
    books.read("hedge", 500, currency="EUR")

    assert books.metrics.group(BOTH) is None

    books.read("hedge", 500)

    assert books.seen() == (1500, 1500, 1500)


def test_sum_is_named_by_its_members_in_any_order_and_only_if_declared(books: Books) -> None:
    """The same accounts and currency are the same group; nothing else is kept."""
    books.pair(1000, 500)

    assert books.known(AccountGroup(("hedge", "main", "hedge"), "USDT")) == books.known()
    assert books.known().equity.account == "hedge + main"
    assert books.metrics.group(AccountGroup(("main", "hedge"), "EUR")) is None
    assert books.metrics.group(OTHERS) is None


def test_sum_counts_once_every_member_was_read_anew(books: Books) -> None:
    """Of a member that is read more often the latest counts; its time is that of the oldest part."""
    books.pair(1000, 500)
    for amount in (900, 2000, 950):
        books.read("main", amount)

        assert books.seen()[0] == 1500

    books.read("hedge", 450)

    assert books.seen() == (1400, 1500, 1500)
    assert books.known().equity.time == books.clock.now() - timedelta(seconds=1)


def test_sum_is_as_old_as_its_oldest_part(clock: FakeClock) -> None:
    """By the uptime of arrival as well."""
    books = Books(lambda: MemoryMetricsRepository(clock, ZONE), clock, forgetful=False)
    books.read("main", 1000)
    clock.advance(7)
    books.read("hedge", 500)

    assert books.known().equity.received == clock.uptime() - 8


def test_one_wrong_reading_of_a_member_makes_one_sum_wrong_and_raises_no_mark(books: Books) -> None:
    """However the readings of the others lie, it is part of a single sum."""
    books.pair(1000, 500)
    books.read("main", 9000)
    books.pair(1000, 500)

    assert books.seen() == (1500, 1500, 1500)

    books.read("main", 9000)
    books.read("hedge", 500)
    wrong = books.seen()
    books.pair(1000, 500)

    assert wrong == (9500, 1500, 1500)
    assert books.seen() == (1500, 1500, 1500)


def test_late_and_repeated_readings_of_a_member_make_no_sum(books: Books) -> None:
    """What is not newer than the part before is no new part, and an older one replaces none that waits."""
    books.pair(1000, 500)
    first = books.known().equity.time
    books.read("hedge", 400)
    for ago in (3, 4, 10, 500):
        books.read("main", 700, ago=ago)
    books.read("hedge", 300, ago=5.5)

    assert books.known().equity.time == first

    books.read("main", 900)

    assert books.seen()[0] == 1300


def test_readings_far_apart_make_no_sum(books: Books) -> None:
    """What was true more than a quarter of an hour ago is not added to what is true now."""
    books.read("main", 9000)
    books.clock.advance(WINDOW)
    books.read("hedge", 500)

    assert books.metrics.group(BOTH) is None

    books.read("main", 1000)

    assert books.seen() == (1500, 1500, 1500)


def test_marks_of_the_sum_are_not_the_sum_of_the_marks(books: Books) -> None:
    """What one member won while the other lost was never there at once."""
    books.pair(1000, 1000)
    for _ in range(2):
        books.pair(1500, 500)
    for _ in range(2):
        books.pair(500, 1500)

    assert books.seen() == (2000, 2000, 2000)


def test_sums_count_after_the_wall_clock_went_back(books: Books) -> None:
    """An hour back is no hour of blindness, and money reported before it stays accounted for."""
    books.pair(1000, 1000)
    books.move("main", 500)
    books.clock.jump(-3600)
    books.pair(1500, 900)

    assert books.seen() == (2400, 2500, 2500)

    books.read("main", 1500)
    books.clock.jump(-3600)
    books.pair(1500, 800)

    assert books.seen() == (2300, 2500, 2500)


def test_clock_that_went_back_before_a_sum_loses_nothing(books: Books) -> None:
    """The first readings of all are as of now too."""
    books.read("main", 1000)
    books.clock.jump(-3600)
    books.read("hedge", 1000)

    assert books.seen() == (2000, 2000, 2000)
