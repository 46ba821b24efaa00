"""Members of a group, and a repository in which they are read and their money is moved."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ess_server.adapters.metrics_sqlite import SqliteMetricsRepository
from ess_server.core.ports import MetricsRepository
from ess_server.core.readings import AccountGroup, AccountMetrics, CashFlow, EquityReading
from ess_server.testing import FakeClock

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
