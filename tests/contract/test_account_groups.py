"""The part of ``MetricsRepository`` that sums accounts, checked on every adapter, restarted after every step or not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.account_group import MAX_FLOWS, TRANSIT
from ess_server.core.baselines import WINDOW
from ess_server.core.ports import MetricsRepository
from ess_server.core.readings import AccountGroup, AccountMetrics, CashFlow, EquityReading
from ess_server.testing import START, FakeClock

ZONE = ZoneInfo("Europe/Berlin")
BOTH = AccountGroup(("main", "hedge"), "USDT")
OTHERS = AccountGroup(("main", "other"), "USDT")
SOON = timedelta(seconds=20)


class Books:
    """A repository, opened anew after every step where it is on disk and ``forgetful``."""

    def __init__(self, open_books: Callable[[], MetricsRepository], clock: FakeClock, *, forgetful: bool) -> None:
        self.clock = clock
        self.forgetful = forgetful
        self._open = open_books
        self.metrics = open_books()
        self.groups = [BOTH]
        self.metrics.declare_groups(self.groups)
        self._flows = 0

    def restart(self) -> None:
        """Close and open, as another process would."""
        if isinstance(self.metrics, SqliteMetricsRepository):
            self.metrics.close(SOON)
            assert self.metrics.problem == ""
            self.metrics = self._open()
            self.metrics.declare_groups(self.groups)

    def read(self, account: str, amount: int | str, *, ago: float = 0, currency: str = "USDT") -> None:
        """Read an account, a second after what came before."""
        self.clock.advance(1)
        time = self.clock.now() - timedelta(seconds=ago)
        self.metrics.record_equity(
            EquityReading(
                account=account, amount=Decimal(amount), currency=currency, time=time, received=self.clock.uptime()
            )
        )
        self._step()

    def move(self, account: str, amount: int, *, ago: float = 0, currency: str = "USDT") -> None:
        """Report a deposit or withdrawal that happened ``ago`` seconds before the clock, or just after it."""
        self._flows += 1
        self.clock.advance(0 if ago else 0.25)
        time = self.clock.now() - timedelta(seconds=ago)
        ident = f"{self._flows}"
        self.metrics.record_cash_flow(
            CashFlow(account=account, id=ident, amount=Decimal(amount), currency=currency, time=time)
        )
        self._step()

    def pair(self, main: int | str, hedge: int | str) -> None:
        """Read both members."""
        self.read("main", main)
        self.read("hedge", hedge)

    def known(self, group: AccountGroup = BOTH) -> AccountMetrics:
        """The sum, of which there must be one."""
        found = self.metrics.group(group)
        assert found is not None
        return found

    def seen(self, group: AccountGroup = BOTH) -> tuple[int, int, int]:
        """Sum, high-water mark and opening."""
        known = self.known(group)
        assert known.baseline is not None
        return int(known.equity.amount), int(known.baseline.high_water_mark), int(known.baseline.day_open)

    def lost(self) -> int:
        """The loss from the high-water mark, in money."""
        amount, mark, _ = self.seen()
        return mark - amount

    def _step(self) -> None:
        if self.forgetful:
            self.restart()


@pytest.fixture
def clock() -> FakeClock:
    """A clock at noon."""
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite", "restarted"])
def books(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[Books]:
    """Each adapter in turn, the durable one also in a process that ends after every step."""

    def on_disk() -> MetricsRepository:
        return SqliteMetricsRepository(tmp_path / "metrics.db", clock, ZONE)

    if request.param == "memory":
        yield Books(lambda: MemoryMetricsRepository(clock, ZONE), clock, forgetful=False)
        return
    made = Books(on_disk, clock, forgetful=request.param == "restarted")
    yield made
    made.forgetful = False
    made.restart()
    assert isinstance(made.metrics, SqliteMetricsRepository)
    made.metrics.close(SOON)


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


def test_waiting_flows_are_bounded(clock: FakeClock) -> None:
    """Ten thousand deposits on an account that is never read cost the memory of some; none is lost."""
    books = Books(lambda: MemoryMetricsRepository(clock, ZONE), clock, forgetful=False)
    books.pair(1000, 1000)
    clock.advance(1)
    for _ in range(MAX_FLOWS + 100):
        books.move("main", 1)
    books.pair(1000 + MAX_FLOWS + 100, 1000)

    assert books.lost() == 0


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
