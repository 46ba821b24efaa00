"""What is known of every account in memory: latest equity, baselines, cash flows and executions."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from ess_server.core.baselines import BaselineLedger, LedgerImage
from ess_server.core.equity_series import Entry
from ess_server.core.errors import InvalidRequestError
from ess_server.core.execution_book import ExecutionBook
from ess_server.core.readings import AccountMetrics, CashFlow, EquityReading
from ess_server.core.recent_ids import MAX_IDS, RecentIds

MAX_CURRENCIES = 8
"""Currencies per account that have baselines; an equity in a ninth one has none and reads as Unknown."""
NEVER = float("-inf")
"""Uptime at which a reading from before the start was received: never, as far as this process knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLedger:
    """One currency of an account; ``rewrite`` means that nothing saved before holds any more."""

    currency: str
    image: LedgerImage
    rewrite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAccount:
    """What has to survive a restart: all of an account, or what is new in it since the last time.

    ``flow_ids`` are oldest first. ``rewrite_flow_ids`` means that nothing saved before holds any more.
    ``trusted`` False means that earlier baselines were lost, so that the present ones prove nothing.
    """

    account: str
    trusted: bool
    latest: EquityReading | None
    ledgers: tuple[SavedLedger, ...]
    flow_ids: tuple[str, ...]
    rewrite_flow_ids: bool = True


class AccountBook:
    """One account. Not thread-safe."""

    def __init__(self, account: str, zone: tzinfo, *, trusted: bool) -> None:
        self.account = account
        self.latest: EquityReading | None = None
        self._claimed: EquityReading | None = None
        self._metrics: AccountMetrics | None = None
        self._zone = zone
        self._trusted = trusted
        self._ledgers: dict[str, BaselineLedger] = {}
        self._changed: set[str] = set()
        self._flow_ids = RecentIds()
        self._unsaved_flow_ids: list[str] = []
        self._rewrite_flow_ids = False
        self.executions = ExecutionBook()

    @classmethod
    def restore(cls, saved: SavedAccount, zone: tzinfo) -> "AccountBook":
        """Continue from what was saved; its latest equity counts as never received."""
        book = cls(saved.account, zone, trusted=saved.trusted)
        book.latest = replace(saved.latest, received=NEVER) if saved.latest else None
        book._ledgers = {s.currency: BaselineLedger.restore(s.image, zone) for s in saved.ledgers}
        book._flow_ids = RecentIds(saved.flow_ids)
        return book

    def add_equity(self, reading: EquityReading, now: datetime) -> EquityReading:
        """Take a reading and return it as it counts: one from the future as of now.

        The time that it claims is kept beside the latest, for who wants to judge that.
        """
        claimed, time = reading, reading.time
        if time.tzinfo is not UTC or time > now:
            time = min(time.astimezone(UTC), now)
            if time != reading.time:
                reading = replace(reading, time=time)
        ledger = self._ledger(reading.currency) if reading.usable else None
        if ledger is not None:
            ledger.add(Entry(time, True, reading.amount), now)
            self._changed.add(reading.currency)
        if self.latest is None or self.latest.time > now or is_newer(reading, self.latest):
            self.latest, self._claimed = reading, claimed
        return reading

    def add_cash_flow(self, flow: CashFlow, now: datetime) -> bool:
        """Take a flow; False if its id is known."""
        if not flow.amount.is_finite():
            raise InvalidRequestError("amount", "is not a finite number")
        if not self._flow_ids.add(flow.id):
            return False
        self._unsaved_flow_ids.append(flow.id)
        if len(self._unsaved_flow_ids) > MAX_IDS:
            self._unsaved_flow_ids, self._rewrite_flow_ids = [], True
        ledger = self._ledger(flow.currency)
        if ledger is not None:
            ledger.add(Entry(flow.time.astimezone(UTC), False, flow.amount, flow.id), now)
            self._changed.add(flow.currency)
        return True

    def metrics(self) -> AccountMetrics | None:
        """Return the latest equity beside the baseline of its currency; no baseline while it is not trusted."""
        equity = self._claimed or self.latest
        if equity is None:
            return None
        ledger = self._ledgers.get(equity.currency)
        baseline = ledger.baseline if ledger and self._trusted else None
        known = self._metrics
        # It is looked at far more often than it changes.
        if known is None or known.equity is not equity or known.baseline is not baseline:
            known = self._metrics = AccountMetrics(equity=equity, baseline=baseline)
        return known

    def rebaseline(self) -> None:
        """Start the baselines of every currency anew."""
        self._trusted = True
        for currency, ledger in self._ledgers.items():
            ledger.rebaseline()
            self._changed.add(currency)

    def take_unsaved(self) -> SavedAccount:
        """Return what is new since the last call."""
        ledgers = []
        for currency in sorted(self._changed):
            image, rewrite = self._ledgers[currency].take_unsaved()
            ledgers.append(SavedLedger(currency=currency, image=image, rewrite=rewrite))
        rewrite_ids = self._rewrite_flow_ids
        ids = self._flow_ids.all() if rewrite_ids else tuple(self._unsaved_flow_ids)
        self._changed, self._unsaved_flow_ids, self._rewrite_flow_ids = set(), [], False
        return SavedAccount(
            account=self.account,
            trusted=self._trusted,
            latest=self.latest,
            ledgers=tuple(ledgers),
            flow_ids=ids,
            rewrite_flow_ids=rewrite_ids,
        )

    def mark_unsaved(self) -> None:
        """Let the next ``take_unsaved`` return everything."""
        for currency, ledger in self._ledgers.items():
            ledger.mark_unsaved()
            self._changed.add(currency)
        self._rewrite_flow_ids = True

    def _ledger(self, currency: str) -> BaselineLedger | None:
        ledger = self._ledgers.get(currency)
        if ledger is None and len(self._ledgers) < MAX_CURRENCIES:
            ledger = self._ledgers[currency] = BaselineLedger(self._zone)
        return ledger


def is_newer(reading: EquityReading, latest: EquityReading) -> bool:
    """Whether ``reading`` follows ``latest``: by its time; of one instant by its arrival, if it says something new."""
    if reading.time != latest.time:
        return reading.time > latest.time
    # A source that has frozen repeats itself: that must not make its reading look fresh.
    usable = reading.usable and latest.usable
    if usable and (reading.amount, reading.currency) == (latest.amount, latest.currency):
        return False
    return reading.received >= latest.received
