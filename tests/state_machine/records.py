"""A real record over real files whose writes happen, fail or hang when the machine says so."""

import asyncio
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.errors import StoreError
from ess_server.core.model import EventDraft, EventHead, LatchRecord
from ess_server.core.ports import Loaded

T = TypeVar("T")


class Outcome(Enum):
    """What becomes of a write."""

    DONE = "written and synced"
    NOTHING_APPLIED = "reports an error, nothing is on disk"
    APPLIED = "reports an error, and is on disk until power is lost"


class _ParkedError(Exception):
    """A commit that waits for its step."""


def _connection(faults: "Record") -> type[sqlite3.Connection]:
    """Return a connection whose COMMIT fails as ``faults.outcome`` says."""

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and faults.outcome is Outcome.NOTHING_APPLIED:
                raise sqlite3.OperationalError("disk I/O error")
            cursor = super().execute(sql, *args)
            if sql == "COMMIT" and faults.outcome is Outcome.APPLIED:
                raise sqlite3.OperationalError("disk I/O error")
            return cursor

    return Failing


class Record:
    """One durable record: its store, its thread, which runs in the event loop, and its files.

    A write is carried out at once, or with ``hangs`` when ``step`` is called. ``faults`` are taken by one write each.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.hangs = False
        self.outcome = Outcome.DONE
        self.faults: deque[Outcome] = deque()
        self.waiting: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._directory = directory
        self._probing = False
        self._synced: Path | None = None
        self._store = _store(name, directory, self)

    @property
    def log(self) -> SqlitePolicyStore:
        """The audit log, where the record keeps one."""
        assert isinstance(self._store, SqlitePolicyStore)
        return self._store

    async def run(self, work: Callable[[], T], /) -> T:
        """See ``Runner``. Reads are never held up, and writes only if the disk hangs."""
        if not self.hangs and not self.waiting:
            return work()
        self._probing = True
        try:
            return work()
        except _ParkedError:
            future = asyncio.get_running_loop().create_future()
        finally:
            self._probing = False
        self.waiting.append((work, future))
        result: T = await future
        return result

    def step(self) -> None:
        """Carry out the write that waits for longest."""
        work, future = self.waiting.popleft()
        if future.cancelled():
            return
        try:
            result = work()
        except StoreError as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def crash(self, to: Path, *, applied: bool, power_lost: bool) -> None:
        """End in the middle of a write, which was ``applied`` or not, and copy to ``to`` what a start will find."""
        if self.waiting and applied:
            work, _ = self.waiting[0]
            self.faults.clear()
            self.faults.append(Outcome.APPLIED)
            with suppress(StoreError):
                work()
        source = self._synced if power_lost and self._synced else self._directory
        _copy(self.name, source, to)

    def load(self) -> Loaded:
        """See ``PolicyStore.load``."""
        return self._store.load()

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead | None:
        """See ``PolicyStore.commit``."""
        if self._probing:
            raise _ParkedError
        self.outcome = self.faults.popleft() if self.faults else Outcome.DONE
        if self.outcome is Outcome.APPLIED and self._synced is None:
            self._synced = self._directory / f"{self.name}.synced"
            self._synced.mkdir()
            _copy(self.name, self._directory, self._synced)
        try:
            head = self._store.commit(record, drafts)
        finally:
            self.outcome = Outcome.DONE
        if self._synced:
            shutil.rmtree(self._synced)
            self._synced = None
        return head

    def close(self) -> None:
        """See ``PolicyStore.close``."""
        self._store.close()


class _FailingLatchFile(LatchFile):
    """A latch file whose sync fails: what was written is then written again, to the same place."""

    def __init__(self, path: Path, faults: Record) -> None:
        super().__init__(path)
        self._faults = faults

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> None:
        if self._faults.outcome is Outcome.NOTHING_APPLIED:
            self._release()
            raise StoreError(f"{self.name}: I/O error")
        before = self._counter, self._file
        super().commit(record, drafts)
        if self._faults.outcome is Outcome.APPLIED:
            self._counter, self._file = before
            self._release()
            raise StoreError(f"{self.name}: I/O error")


def _store(name: str, directory: Path, faults: Record) -> SqlitePolicyStore | LatchFile:
    if name == "latch":
        return _FailingLatchFile(directory / name, faults)
    return SqlitePolicyStore(directory / name, factory=_connection(faults))


def _copy(name: str, source: Path, to: Path) -> None:
    for suffix in ("", "-wal", "-journal", ".new", ".new-wal"):
        path = source / f"{name}{suffix}"
        if path.exists():
            shutil.copyfile(path, to / path.name)


def shown(directory: Path) -> tuple[Loaded, Loaded]:
    """Return what both records in a directory show, read from copies, so that the files stay as a crash left them."""
    copies = directory / "shown"
    copies.mkdir()
    for name in ("state.db", "latch"):
        _copy(name, directory, copies)
    stores = SqlitePolicyStore(copies / "state.db"), LatchFile(copies / "latch")
    loaded = stores[0].load(), stores[1].load()
    for store in stores:
        store.close()
    shutil.rmtree(copies)
    return loaded


def agreed(one: Loaded, other: Loaded) -> bool:
    """Whether two records prove what is not stopped: both intact, and the same but for their floors."""
    if one.problem or other.problem or not one.record or not other.record:
        return False
    first, second = one.record, other.record
    return (first.store_id, first.revision, first.stops) == (second.store_id, second.revision, second.stops)
