"""Every account behind one lock: the whole of ``MetricsRepository``, in memory."""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from threading import Lock

from ess_server.core.account_book import AccountBook, SavedAccount
from ess_server.core.ports import Clock
from ess_server.core.readings import AccountMetrics, CashFlow, EquityReading, ExecutionReport


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
        self._unsaved: set[str] = set()

    def record_equity(self, reading: EquityReading) -> None:
        """Take a reading. One that is not usable is kept as the latest but moves no baseline."""
        with self._lock:
            self._book(reading.account).add_equity(reading, self._clock.now())
        self._tell()

    def record_cash_flow(self, flow: CashFlow) -> bool:
        """Move the baselines, whatever the order of arrival; False if known already.

        Raises InvalidRequestError for an amount that is not finite.
        """
        with self._lock:
            fresh = self._book(flow.account).add_cash_flow(flow, self._clock.now())
        self._tell()
        return fresh

    def record_execution(self, report: ExecutionReport) -> bool:
        """Take an execution report; False if its id is known already. Reports do not survive a restart."""
        with self._lock:
            return self._book(report.account).add_execution(report)

    def account(self, account: str) -> AccountMetrics | None:
        """Return the latest equity and baseline, or None before the first reading."""
        with self._lock:
            book = self._books.get(account)
            return book.metrics() if book else None

    def executions(self, account: str, since: float) -> Sequence[ExecutionReport]:
        """Return reports received at or after uptime ``since``, oldest first."""
        with self._lock:
            book = self._books.get(account)
            return book.executions(since) if book else ()

    def rebaseline(self, accounts: Sequence[str]) -> None:
        """Start the baselines of these accounts anew from their latest usable reading."""
        with self._lock:
            for account in accounts:
                self._book(account).rebaseline()
        self._tell()

    def _restore(self, accounts: Iterable[SavedAccount], *, trusted: bool) -> None:
        self._trusted = trusted
        self._books = {saved.account: AccountBook.restore(saved, self._zone) for saved in accounts}

    def _take_unsaved(self) -> tuple[SavedAccount, ...]:
        with self._lock:
            taken, self._unsaved = sorted(self._unsaved), set()
            return tuple(self._books[account].take_unsaved() for account in taken)

    def _put_back(self, accounts: Iterable[SavedAccount]) -> None:
        with self._lock:
            for saved in accounts:
                self._books[saved.account].mark_unsaved()
                self._unsaved.add(saved.account)

    def _book(self, account: str) -> AccountBook:
        book = self._books.get(account)
        if book is None:
            book = self._books[account] = AccountBook(account, self._zone, trusted=self._trusted)
        self._unsaved.add(account)
        return book

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()
