"""Durable records that fail and hang on demand, and what is written to them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeVar

from ess_server.adapters.memory_store import MemoryDisk, MemoryPolicyStore
from ess_server.core.errors import StoreError
from ess_server.core.model import EventDraft, EventHead, LatchRecord
from ess_server.core.ports import Loaded, PolicyStore
from ess_server.testing import START

T = TypeVar("T")


class Fault(Enum):
    """What a commit does instead of working."""

    NOTHING_APPLIED = "raises, and nothing was written"
    APPLIED = "is written, and raises all the same"


class _HungError(Exception):
    """Ends work that is to hang where it can be awaited."""


class Hold:
    """A place where work waits while it is shut."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()
        self._reached = asyncio.Event()

    def shut(self) -> None:
        """From now on work waits here."""
        self._opened.clear()
        self._reached.clear()

    def open(self) -> None:
        """Let it go on."""
        self._opened.set()

    async def reached(self) -> None:
        """Wait until work waits here."""
        await asyncio.wait_for(self._reached.wait(), 60)

    async def pass_by(self) -> None:
        """Wait while it is shut."""
        if not self._opened.is_set():
            self._reached.set()
            await self._opened.wait()


class Disk:
    """A durable record that fails and hangs on demand. Its work runs in the event loop, one piece after the other.

    ``written`` are the records that reached the store, whatever was answered. ``broken`` fails every commit, with
    ``hung`` none ever returns; ``faults`` are taken by one commit each, None for one that works.
    """

    def __init__(self, store: PolicyStore) -> None:
        self.name = store.name
        self.store = store
        self.written: list[LatchRecord] = []
        self.broken = False
        self.hung = False
        self.faults: deque[Fault | None] = deque()
        self.before, self.after = Hold(), Hold()
        self._one_at_a_time = asyncio.Lock()

    async def run(self, work: Callable[[], T], /) -> T:
        """See ``Runner``."""
        async with self._one_at_a_time:
            await self.before.pass_by()
            try:
                return work()
            except _HungError:
                return await asyncio.get_running_loop().create_future()
            finally:
                await self.after.pass_by()

    def load(self) -> Loaded:
        """See ``PolicyStore.load``."""
        return self.store.load()

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead | None:
        """See ``PolicyStore.commit``."""
        if self.hung:
            raise _HungError
        fault = self.faults.popleft() if self.faults else None
        if self.broken or fault is Fault.NOTHING_APPLIED:
            raise StoreError(f"{self.name}: no space left")
        head = self.store.commit(record, drafts)
        self.written.append(record)
        if fault is Fault.APPLIED:
            raise StoreError(f"{self.name}: I/O error")
        return head

    def close(self) -> None:
        """See ``PolicyStore.close``."""
        self.store.close()

    @property
    def shown(self) -> LatchRecord:
        """The record that a start would find."""
        record = self.store.load().record
        assert record is not None
        return record


def memory_disks(*kept: MemoryDisk) -> tuple[Disk, Disk]:
    """Return two records in memory, the first of which keeps the log; ``kept`` is what an earlier start has left."""
    first, second = kept or (MemoryDisk(), MemoryDisk())
    return Disk(MemoryPolicyStore(first, name="state.db")), Disk(MemoryPolicyStore(second, name="latch"))


def as_it_lies(disk: Disk) -> Disk:
    """Return what a start would find if everything ended now."""
    assert isinstance(disk.store, MemoryPolicyStore)
    kept = disk.store._disk
    return Disk(MemoryPolicyStore(MemoryDisk(kept.payload, list(kept.events)), name=disk.name))


def record(revision: int, floor: int = 0) -> LatchRecord:
    """Return the record of a transition that left nothing stopped."""
    return LatchRecord(store_id="store", revision=revision, floor=floor)


def draft(number: int) -> EventDraft:
    """Return the event of a number."""
    return EventDraft(event_id=f"e{number}", kind="test", time=START, summary=f"event {number}", revision=number)


def logged(disk: Disk) -> list[EventDraft]:
    """Return what is in the log of a record in memory, oldest first."""
    assert isinstance(disk.store, MemoryPolicyStore)
    return [e.draft for e in disk.store.read(after=0, limit=100_000, ascending=True)]


async def turns(number: int = 20) -> None:
    """Let everything run that is ready, without letting time pass."""
    for _ in range(number):
        await asyncio.sleep(0)


async def waits(work: Awaitable[object]) -> bool:
    """Whether ``work`` is still waiting after everything has run that is ready; it is given up."""
    task = asyncio.ensure_future(work)
    await turns()
    done = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return not done
