"""Writes every state of the latch to all durable records, each on a thread of its own.

A write is a whole state, so a record that falls behind catches up with one write, and what waits on a hung
disk stays bounded. Writes of a stop are repeated until they succeed; a release is tried once, because a
failed one has an unknown outcome and must be followed by a stop, never by another try.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, TypeVar

from ess_server.core.chain import EMPTY_LOG
from ess_server.core.errors import StoreError
from ess_server.core.model import EventDraft, EventHead, LatchRecord
from ess_server.core.ports import PolicyStore

T = TypeVar("T")

MAX_WAITING_EVENTS = 10_000
RETRY_FIRST = timedelta(milliseconds=50)
RETRY_MOST = timedelta(seconds=1)
REST_WITHIN = timedelta(seconds=5)
"""How long the end of a process waits for what is no stop."""

_log = logging.getLogger("ess.journal")


class Runner(Protocol):
    """Runs blocking work of one record, one piece after the other, off the event loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return what ``work`` returns, or raise what it raises."""


class RecordWriter:
    """Keeps one durable record at the newest state that was submitted."""

    def __init__(self, store: PolicyStore, run: Runner, *, keeps_events: bool) -> None:
        self.name = store.name
        self.problem = ""
        """Why the last write failed; empty after a success."""
        self.durable_revision = -1
        """Revision of the newest state known to be on disk."""
        self.head = EMPTY_LOG
        self._store = store
        self._run = run
        self._keeps_events = keeps_events
        self._written: LatchRecord | None = None
        self._wanted: LatchRecord | None = None
        self._drafts: deque[EventDraft] = deque()
        self._dropped = 0
        self._first_dropped: EventDraft | None = None
        self._gaps = 0
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._progress = asyncio.Event()

    def submit(self, record: LatchRecord | None, drafts: Sequence[EventDraft]) -> None:
        """Want ``record`` on disk (None: as it is) and the events in the log; returns at once."""
        self._wanted = record or self._wanted
        if self._keeps_events:
            room = max(0, MAX_WAITING_EVENTS - len(self._drafts))
            self._drafts.extend(drafts[:room])
            self._drop(drafts[room:])
        if not self.idle and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._write_until_done(), name=f"write {self.name}")

    @property
    def idle(self) -> bool:
        """True when everything submitted is on disk."""
        return self._wanted is None and not self._drafts and not self._dropped

    async def settled(self, revision: int) -> None:
        """Wait until a state of at least ``revision`` is on disk."""
        while self.durable_revision < revision:
            await self._progress.wait()

    async def drained(self) -> None:
        """Wait until everything submitted is on disk, however long the disk takes."""
        while not self.idle:
            await self._progress.wait()

    async def try_once(
        self, record: LatchRecord, drafts: Sequence[EventDraft], still_wanted: Callable[[], bool]
    ) -> bool:
        """Write ``record`` once, after all that was submitted before; False if it is not wanted any more by then.

        Raises StoreError: the outcome is unknown.
        """
        async with self._busy:
            await self._write_waiting()
            if not still_wanted():
                return False
            await self._commit(record, drafts if self._keeps_events else ())
            return True

    async def read(self, work: Callable[[], T]) -> T:
        """Run a read on the record's thread, between writes."""
        return await self._run(work)

    async def _write_until_done(self) -> None:
        delay = RETRY_FIRST
        while not self.idle:
            try:
                async with self._busy:
                    await self._write_waiting()
                delay = RETRY_FIRST
            except StoreError as error:
                _log.error("writing %s failed, trying again: %s", self.name, error)
                await asyncio.sleep(delay.total_seconds())
                delay = min(delay * 2, RETRY_MOST)

    async def _write_waiting(self) -> None:
        if self.idle:
            return
        record = self._wanted or self._written
        if record is None:
            raise StoreError(f"{self.name}: events were logged before the first record")
        drafts, dropped = tuple(self._drafts), self._dropped
        await self._commit(record, (*drafts, *self._gap()))
        for _ in drafts:
            self._drafts.popleft()
        if dropped:
            self._dropped -= dropped
            self._gaps += 1
        if self._wanted is record:
            self._wanted = None
        self._announce()

    def _drop(self, drafts: Sequence[EventDraft]) -> None:
        if drafts and not self._dropped:
            self._first_dropped = drafts[0]
        self._dropped += len(drafts)

    def _gap(self) -> Sequence[EventDraft]:
        """Return the marker of what was dropped; while it is not known to be in the log it keeps its id."""
        first = self._first_dropped
        if not self._dropped or first is None:
            return ()
        marker = replace(
            first,
            event_id=f"gap-{self._gaps}-{first.event_id}",
            kind="events.gap",
            summary=f"{self._dropped} events could not be kept while the log could not be written",
            details=(("dropped", str(self._dropped)),),
        )
        return (marker,)

    async def _commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> None:
        try:
            head = await self._run(lambda: self._store.commit(record, drafts))
        except Exception as error:
            self.problem = str(error) or type(error).__name__
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{self.name}: {self.problem}") from error
        self.problem = ""
        self.head = head or self.head
        self._written = record
        self.durable_revision = max(self.durable_revision, record.revision, record.floor)
        self._announce()

    def _announce(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()


class Journal:
    """All durable records of one latch; the first one also keeps the audit log."""

    def __init__(self, *writers: RecordWriter) -> None:
        self.writers = writers
        """In the order in which a release is written."""
        self._given_up = False

    def submit(self, record: LatchRecord | None, drafts: Sequence[EventDraft]) -> None:
        """Want ``record`` (None: as it is) in every record and ``drafts`` in the log; returns at once."""
        for writer in self.writers:
            writer.submit(record and self.stamped(record), drafts)

    def stamped(self, record: LatchRecord) -> LatchRecord:
        """Return ``record`` with the newest durable event, which makes each record a witness of the log."""
        return replace(record, event_sequence=self.head.sequence, event_hash=self.head.hash.hex())

    @property
    def head(self) -> EventHead:
        """Newest event that is durable."""
        return self.writers[0].head

    @property
    def durable_revision(self) -> int:
        """Newest revision that is on disk in at least one record: enough for a stop to survive."""
        return max(w.durable_revision for w in self.writers)

    @property
    def agreed_revision(self) -> int:
        """Newest revision that is on disk in every record: what a release may start from."""
        return min(w.durable_revision for w in self.writers)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps records from being written, one sentence each."""
        return tuple(f"{w.name}: {w.problem}" for w in self.writers if w.problem)

    async def durable(self, revision: int) -> None:
        """Wait until a state of at least ``revision`` is on disk in one record."""
        waits = [asyncio.ensure_future(w.settled(revision)) for w in self.writers]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def agreed(self, revision: int) -> None:
        """Wait until a state of at least ``revision`` is on disk in every record."""
        await asyncio.gather(*(w.settled(revision) for w in self.writers))

    async def settle(self, revision: int) -> None:
        """Wait until a state of at least ``revision`` is on disk in every record, however long that takes.

        Events that wait get ``REST_WITHIN``: no evidence is worth a process that cannot be ended. That patience is had
        once.
        """
        await self.agreed(revision)
        if self._given_up:
            return
        try:
            async with asyncio.timeout(REST_WITHIN.total_seconds()):
                await asyncio.gather(*(w.drained() for w in self.writers))
        except TimeoutError:
            self._given_up = True
            _log.critical("not everything is on disk: %s", "; ".join(self.problems) or "a disk does not answer")
