"""The same with real threads and files: a disk that hangs holds up neither the loop nor the other one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TypeVar
from uuid import uuid4

import pytest

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.clock import SystemClock
from ess_server.core.controller import EmergencyStopController
from ess_server.core.model import EventDraft, EventHead, LatchRecord
from ess_server.core.opening import Place, Surroundings, open_controller
from ess_server.core.ports import Loaded, PolicyStore
from ess_server.core.release import ReleaseRequest
from ess_server.core.reset import EmergencyReset
from ess_server.testing import RecordingEventBus
from ess_server.testing.waiting import eventually

from .rig import ANNA, MAIN, RecordingFlattener, activation

T = TypeVar("T")


class HangingStore:
    """A record whose commits wait in their thread while ``goes`` is not set."""

    def __init__(self, store: PolicyStore) -> None:
        self.name = store.name
        self.goes = threading.Event()
        self.goes.set()
        self._store = store

    def load(self) -> Loaded:
        """See ``PolicyStore.load``."""
        return self._store.load()

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead | None:
        """See ``PolicyStore.commit``."""
        assert self.goes.wait(30)
        return self._store.commit(record, drafts)

    def close(self) -> None:
        """See ``PolicyStore.close``."""
        self._store.close()


class Server:
    """A controller over files, each with a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self._log = SqlitePolicyStore(directory / "state.db")
        self.stores = (HangingStore(self._log), HangingStore(LatchFile(directory / "latch")))
        self._threads = [ThreadPoolExecutor(1) for _ in self.stores]
        self._ended = False
        self.controller: EmergencyStopController

    async def start(self) -> None:
        """Open the files."""
        first, second = (Place(s, self._runner(t)) for s, t in zip(self.stores, self._threads, strict=True))
        around = Surroundings(
            flattener=RecordingFlattener(),
            bus=RecordingEventBus(),
            clock=SystemClock(),
            accounts=(MAIN,),
            new_id=lambda: uuid4().hex,
        )
        self.controller = await open_controller(first, self._log, [second], around)

    async def reset(self) -> None:
        """Release what stands."""
        request = ReleaseRequest(revision=self.controller.state.revision, reason="mended", actor=ANNA)
        await EmergencyReset(self.controller, ()).reset(request)

    async def end(self) -> None:
        """Settle, and close the files. Idempotent."""
        if self._ended:
            return
        self._ended = True
        for store in self.stores:
            store.goes.set()
        await self.controller.settle()
        for store, thread in zip(self.stores, self._threads, strict=True):
            await self._runner(thread)(store.close)
            thread.shutdown()

    @staticmethod
    def _runner(thread: ThreadPoolExecutor) -> Callable[[Callable[[], T]], Awaitable[T]]:
        def run(work: Callable[[], T], /) -> Awaitable[T]:
            return asyncio.get_running_loop().run_in_executor(thread, work)

        return run


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A commissioned server."""
    server = Server(tmp_path)
    await server.start()
    await server.reset()
    yield server
    await server.end()


async def test_hung_disks_hold_back_nothing_but_durability(server: Server) -> None:
    """With both threads hung gates are told within a moment and the loop runs on; durability follows when it can."""
    told: list[float] = []
    server.controller.on_change(lambda _: told.append(monotonic()))
    for store in server.stores:
        store.goes.clear()
    began = monotonic()
    latching = server.controller.activate(activation())
    await asyncio.wait_for(latching.told.wait(), 5)
    assert not server.controller.is_durable(latching.stop)
    assert told[0] - began >= 0.024
    server.stores[1].goes.set()
    await eventually(lambda: server.controller.is_durable(latching.stop))
    await eventually(lambda: len(told) == 2)


@pytest.mark.parametrize("hung", [0, 1])
async def test_one_hung_disk_costs_nothing(server: Server, hung: int) -> None:
    """With one thread hung the other makes the stop durable before anybody is told."""
    server.stores[hung].goes.clear()
    latching = server.controller.activate(activation())
    await asyncio.wait_for(latching.told.wait(), 5)
    await eventually(lambda: server.controller.is_durable(latching.stop))


async def test_stop_outlives_the_process(server: Server, tmp_path: Path) -> None:
    """What the threads have written is what the next start finds."""
    stop = server.controller.activate(activation("account/main")).stop
    await server.end()
    again = Server(tmp_path)
    await again.start()
    assert again.controller.state.stops == (stop,)
    await again.end()
