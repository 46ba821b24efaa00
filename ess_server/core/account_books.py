"""Every account behind one lock: the whole of ``MetricsRepository``, in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta, tzinfo
from threading import Lock

from ess_server.core.account_book import AccountBook, SavedAccount
from ess_server.core.account_group import GroupBook, SavedGroup
from ess_server.core.execution_window import NO_EXECUTIONS, ExecutionTally
from ess_server.core.ports import Clock
from ess_server.core.readings import AccountGroup, AccountMetrics, CashFlow, EquityReading, ExecutionReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaved:
    """What changed since the last time: accounts, groups, and groups that are to be forgotten."""

    accounts: tuple[SavedAccount, ...]
    groups: tuple[SavedGroup, ...]
    forgotten: tuple[AccountGroup, ...]


class AccountBooks:
    """What adapters of ``MetricsRepository`` keep in memory; the lock is never held across I/O.

    ``trusted`` False means that earlier baselines were lost: an account has none then, and its drawdown reads as
    Unknown, until a person starts it anew with ``rebaseline``. ``changed`` is called after every change, by the
    thread that made it.
    """

    def __init__(
        self, clock: Clock, zone: tzinfo, *, trusted: bool = True, changed: Callable[[], None] | None = None
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._trusted = trusted
        self._changed = changed
        self._lock = Lock()
        self._books: dict[str, AccountBook] = {}
        self._groups: dict[AccountGroup, GroupBook] = {}
        self._unsaved: set[str] = set()
        self._unsaved_groups: set[AccountGroup] = set()
        self._forgotten: set[AccountGroup] = set()

    def record_equity(self, reading: EquityReading) -> None:
        """Take a reading. One that is not usable is kept as the latest but moves no baseline."""
        with self._lock:
            now = self._clock.now()
            counted = self._book(reading.account).add_equity(reading, now)
            if self._groups and counted.usable:
                for group in self._groups_of(counted):
                    group.add_equity(counted, now)
        self._tell()

    def record_cash_flow(self, flow: CashFlow) -> bool:
        """Move the baselines, whatever the order of arrival; False if known already.

        Raises InvalidRequestError for an amount that is not finite.
        """
        with self._lock:
            now = self._clock.now()
            fresh = self._book(flow.account).add_cash_flow(flow, now)
            if fresh:
                flow = replace(flow, time=min(flow.time.astimezone(UTC), now))
                for group in self._groups_of(flow):
                    group.add_cash_flow(flow, now)
        self._tell()
        return fresh

    def record_execution(self, report: ExecutionReport) -> bool:
        """Take an execution report; False if its id is known already. Reports do not survive a restart."""
        with self._lock:
            return self._book(report.account).executions.add(report)

    def account(self, account: str) -> AccountMetrics | None:
        """Return the latest equity and baseline, or None before the first reading."""
        with self._lock:
            book = self._books.get(account)
            return book.metrics() if book else None

    def declare_groups(self, groups: Sequence[AccountGroup]) -> None:
        """Keep baselines of these groups from now on, and forget those of every other group."""
        with self._lock:
            gone = self._groups.keys() - set(groups)
            self._forgotten |= gone
            self._unsaved_groups -= gone
            self._groups = {g: self._groups.get(g) or self._new_group(g) for g in groups}
        self._tell()

    def group(self, group: AccountGroup) -> AccountMetrics | None:
        """Return the latest sum of a declared group and its baseline, or None before the first sum."""
        with self._lock:
            book = self._groups.get(group)
            return book.metrics() if book else None

    def executions(self, account: str, since: float) -> Sequence[ExecutionReport]:
        """Return reports received at or after uptime ``since``, oldest first."""
        with self._lock:
            book = self._books.get(account)
            return book.executions.since(since) if book else ()

    def execution_tally(
        self, account: str, window: timedelta, until: float, *, repeats: bool = False
    ) -> ExecutionTally:
        """Return what the reports received within ``window`` before uptime ``until`` add up to."""
        with self._lock:
            book = self._books.get(account)
            if book is None:
                return NO_EXECUTIONS
            return book.executions.tally(window.total_seconds(), until, repeats=repeats)

    def rebaseline(self, accounts: Sequence[str]) -> None:
        """Start the baselines of these accounts, and of groups of nothing else, anew from their latest reading."""
        with self._lock:
            for account in accounts:
                self._book(account).rebaseline()
            for group, book in self._groups.items():
                if set(group.accounts) <= set(accounts):
                    book.rebaseline()
                    self._unsaved_groups.add(group)
        self._tell()

    def _restore(self, accounts: Iterable[SavedAccount], groups: Iterable[SavedGroup], *, trusted: bool) -> None:
        self._trusted = trusted
        self._books = {saved.account: AccountBook.restore(saved, self._zone) for saved in accounts}
        self._groups = {saved.group: GroupBook.restore(saved, self._zone) for saved in groups}

    def _take_unsaved(self) -> Unsaved:
        with self._lock:
            taken, self._unsaved = sorted(self._unsaved), set()
            groups, self._unsaved_groups = self._unsaved_groups, set()
            forgotten, self._forgotten = self._forgotten, set()
            return Unsaved(
                accounts=tuple(self._books[account].take_unsaved() for account in taken),
                groups=tuple(self._groups[group].take_unsaved() for group in groups),
                forgotten=tuple(forgotten),
            )

    def _put_back(self, unsaved: Unsaved) -> None:
        with self._lock:
            for saved in unsaved.accounts:
                self._books[saved.account].mark_unsaved()
                self._unsaved.add(saved.account)
            for group in (saved.group for saved in unsaved.groups if saved.group in self._groups):
                self._groups[group].mark_unsaved()
                self._unsaved_groups.add(group)
            self._forgotten.update(unsaved.forgotten)

    def _book(self, account: str) -> AccountBook:
        book = self._books.get(account)
        if book is None:
            book = self._books[account] = AccountBook(account, self._zone, trusted=self._trusted)
        self._unsaved.add(account)
        return book

    def _new_group(self, group: AccountGroup) -> GroupBook:
        book = GroupBook(group, self._zone, trusted=self._trusted)
        # Nothing that an earlier group of this name left on disk may come back.
        book.mark_unsaved()
        self._unsaved_groups.add(group)
        return book

    def _groups_of(self, one: EquityReading | CashFlow) -> Iterator[GroupBook]:
        for group, book in self._groups.items():
            if group.currency == one.currency and one.account in group.accounts:
                self._unsaved_groups.add(group)
                yield book

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()
