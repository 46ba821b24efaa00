"""Accounts that are read, moved and restarted step by step, with an evaluator and its confirmation watching."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ess_server.core.account_books import AccountBooks
from ess_server.core.confirm import Confirmation, Decision
from ess_server.core.evaluators import DrawdownEvaluator, DrawdownSettings
from ess_server.core.evaluators.drawdown import groups_of
from ess_server.core.ports import MetricsRepository, Readings
from ess_server.core.readings import CashFlow, EquityReading, Verdict
from ess_server.testing import FakeClock, FakeFeeds, FakeHealth

ZONE = ZoneInfo("Europe/Berlin")


class Watch:
    """One evaluator over a repository of its own, in memory unless ``opened`` by other means."""

    def __init__(
        self,
        settings: DrawdownSettings,
        clock: FakeClock,
        opened: Callable[[FakeClock], MetricsRepository] = lambda clock: AccountBooks(clock, ZONE),
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.evaluator = DrawdownEvaluator(settings)
        self.confirmation = Confirmation(settings)
        self.flows = 0
        self.use(opened(clock))

    def use(self, metrics: MetricsRepository) -> None:
        """Go on with this repository."""
        self.metrics = metrics
        metrics.declare_groups(groups_of([self.settings]))

    def read(self, amount: int | str | Decimal, account: str = "main", *, at: datetime | None = None) -> None:
        """Take a reading that arrives now; ``at`` is its own time."""
        reading = EquityReading(
            account=account,
            amount=Decimal(amount),
            currency="USDT",
            time=at or self.clock.now(),
            received=self.clock.uptime(),
        )
        self.metrics.record_equity(reading)

    def move(self, amount: int | Decimal, account: str = "main", *, at: datetime | None = None) -> None:
        """Take a flow that is reported now and happened at ``at``."""
        self.flows += 1
        flow = CashFlow(
            account=account,
            id=f"{self.flows}",
            amount=Decimal(amount),
            currency="USDT",
            time=at or self.clock.now(),
        )
        self.metrics.record_cash_flow(flow)

    def verdict(self) -> Verdict:
        """Evaluate."""
        return self.evaluator.evaluate(Readings(self.metrics, FakeHealth(), FakeFeeds()), self.clock.instant())

    def decide(self) -> Decision | None:
        """Evaluate and confirm."""
        return self.confirmation.decide(self.verdict(), self.clock.instant())

    def lost(self) -> tuple[Decimal, Decimal]:
        """Money lost from the high-water mark and from the day's opening."""
        group = self.settings.group
        known = self.metrics.group(group) if group else self.metrics.account(self.settings.account)
        assert known is not None
        assert known.baseline is not None
        return known.baseline.high_water_mark - known.equity.amount, known.baseline.day_open - known.equity.amount


class Remembered(AccountBooks):
    """Books in memory that can be continued as from a disk."""

    def __init__(self, clock: FakeClock, zone: ZoneInfo = ZONE) -> None:
        super().__init__(clock, zone)
        self.zone = zone

    def restarted(self, clock: FakeClock) -> "Remembered":
        """Books that know what would have been saved, and nothing else."""
        books, groups = self._books.values(), self._groups.values()
        for book in books:
            book.mark_unsaved()
        for group in groups:
            group.mark_unsaved()
        after = Remembered(clock, self.zone)
        after._restore(
            [book.take_unsaved() for book in books], [group.take_unsaved() for group in groups], trusted=True
        )
        return after
