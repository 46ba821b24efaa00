"""The repository: memory in front, a thread that writes behind it."""

import logging
import sqlite3
from contextlib import suppress
from datetime import timedelta, tzinfo
from pathlib import Path
from threading import Condition, Thread

from ess_server.adapters.metrics_sqlite.file import Connect, connect, open_file, open_for_writing
from ess_server.adapters.metrics_sqlite.groups import forget_group, save_group
from ess_server.adapters.metrics_sqlite.tables import save_account
from ess_server.core.account_books import AccountBooks
from ess_server.core.ports import Clock

_SLOW = 5.0
"""Seconds after which a write that is still under way counts as a problem."""

logger = logging.getLogger("ess.metrics")


class SqliteMetricsRepository(AccountBooks):
    """A ``MetricsRepository`` whose baselines, recent entries, flow ids and latest equity survive a restart.

    Those of groups do too, until ``declare_groups`` no longer names one.

    The constructor reads the file and may block on a disk that hangs. After it, no method but ``flush`` and
    ``close`` waits for the disk. What was recorded is written about once per ``interval``; a kill loses what came
    since.

    A file that is empty or damaged is moved aside and named in ``problem``; every account then has no baseline,
    and its drawdown reads as Unknown, until a person starts it anew with ``rebaseline``: a lost high-water mark
    must not quietly become a lower one. Raises StoreLockedError if another process holds the file and StoreError if
    the place cannot be used; the caller may go on with ``MemoryMetricsRepository(..., trusted=False)``.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        zone: tzinfo,
        *,
        interval: timedelta = timedelta(seconds=1),
        connect: Connect = connect,
    ) -> None:
        super().__init__(clock, zone, changed=self._note_change)
        self._path = path
        self._connect = connect
        self._interval = interval.total_seconds()
        self._turn = Condition()
        self._dirty = self._closing = False
        self._asked = self._served = 0
        self._busy_since: float | None = None
        self._write_problem = ""
        opened = open_file(path, clock.now(), connect)
        self._connection: sqlite3.Connection | None = opened.connection
        self._loss = opened.loss
        self._restore(opened.accounts, opened.groups, trusted=opened.trusted)
        if self._loss:
            logger.error("%s", self._loss)
        self._thread = Thread(target=self._write_behind, name="ess-metrics", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """What is wrong with the file, in words; empty when nothing is."""
        since = self._busy_since
        busy = 0.0 if since is None else self._clock.uptime() - since
        slow = f"{self._path}: a write has been under way for {busy:.0f} s" if busy > _SLOW else ""
        return "; ".join(text for text in (self._loss, self._write_problem, slow) if text)

    def flush(self, within: timedelta) -> bool:
        """Wait until all that was recorded before the call is on disk; False if that is not so in time."""
        with self._turn:
            self._asked += 1
            ticket = self._asked
            self._turn.notify_all()
            return self._turn.wait_for(lambda: self._served >= ticket, within.total_seconds())

    def close(self, within: timedelta = timedelta(seconds=1)) -> None:
        """Write what is left, for at most ``within``, and let go of the file. Idempotent."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join(within.total_seconds())
        if self._thread.is_alive():
            logger.error("%s: the newest metrics could not be written in time", self._path)

    def _note_change(self) -> None:
        if not self._dirty:
            with self._turn:
                self._dirty = True
                self._turn.notify_all()

    def _write_behind(self) -> None:
        closing = False
        while not closing:
            with self._turn:
                self._turn.wait_for(lambda: self._dirty or self._closing or self._asked > self._served)
                ticket, closing, self._dirty = self._asked, self._closing, False
            saved = self._save()
            with self._turn:
                if saved:
                    self._served = ticket
                    self._turn.notify_all()
                self._dirty = self._dirty or not saved
                self._turn.wait_for(lambda: self._closing or self._asked > ticket, self._interval)  # noqa: B023 - called in this round only
        if self._connection is not None:
            self._connection.close()

    def _save(self) -> bool:
        unsaved = self._take_unsaved()
        self._busy_since = self._clock.uptime()
        try:
            if self._connection is None:
                self._connection = open_for_writing(self._path, self._connect)
            for group in unsaved.forgotten:
                forget_group(self._connection, group)
            for account in unsaved.accounts:
                save_account(self._connection, account)
            for saved in unsaved.groups:
                save_group(self._connection, saved)
            self._connection.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, this thread must go on and say so
            self._put_back(unsaved)
            self._note_failure(error)
            return False
        finally:
            self._busy_since = None
        if self._write_problem:
            logger.warning("%s: metrics are being saved again", self._path)
            self._write_problem = ""
        return True

    def _note_failure(self, error: Exception) -> None:
        problem = f"{self._path}: metrics are not being saved: {error}"
        if problem != self._write_problem:
            logger.error("%s", problem)
        self._write_problem = problem
        # After a failed write nothing is known of this connection; the next attempt writes everything anew.
        connection, self._connection = self._connection, None
        if connection is not None:
            # The problem that is being told says it all.
            with suppress(sqlite3.Error):
                connection.close()
