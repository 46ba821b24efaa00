"""The flattener of a run: in this process, or the real venue process over its pipe."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ess_server.adapters.venue_process import VenueProcess
from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.flatten_report import OnEvent, OnProgress
from ess_server.core.model import AccountProgress, Work
from ess_server.core.venue_link import KeySource, VenueAccount, VenueSettings
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_wire import PaperEndpoint
from ess_server.venue.paper import PaperVenue
from ess_server.venue.plans import PLANS
from tests.fault.venues.clients import PASSPHRASE, SECRET, Overheard, key_of, open_clients
from tests.fault.venues.draw import Draw
from tests.fault.venues.judge import Judge

Sabotage = Callable[[ExchangeClient], ExchangeClient]
"""Puts a seeded bug into a client, to see that the judge finds it."""
HEARD_LATE_S = 1.0
"""How old the reading may be on which a word from the pipe rests."""
_SAMPLE_S = 0.02


def honest(client: ExchangeClient) -> ExchangeClient:
    """Leave a client as it is."""
    return client


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a flattener works on, and who hears of it."""

    draw: Draw
    names: tuple[str, ...]
    venue: PaperVenue
    judges: Mapping[str, Judge]
    settings: FlattenSettings
    folder: Path
    on_progress: OnProgress
    on_event: OnEvent
    sabotage: Sabotage = honest


class Flatteners(Protocol):
    """What a run asks of its flattener."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End for good."""

    async def crash(self) -> None:
        """End in the middle, and begin anew."""

    def set_work(self, work: Mapping[str, Work]) -> None:
        """See ``Flattener.set_work``."""


class InProcess:
    """A ``LocalFlattener`` over the product's clients; a crash leaves it where it is and starts another."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._work: Mapping[str, Work] = {}
        self._flattener: LocalFlattener

    async def start(self) -> None:
        """See ``Flatteners.start``."""
        scene = self._scene
        clients = [scene.sabotage(c) for c in open_clients(scene.draw.dialect, scene.names, scene.venue)]
        heard = [Overheard(client, scene.judges[client.account.id]) for client in clients]
        self._flattener = LocalFlattener(
            heard,  # type: ignore[arg-type] # it is the client in all else
            clock=SystemClock(),
            settings=scene.settings,
            on_progress=scene.on_progress,
            on_event=scene.on_event,
        )
        await self._flattener.start()
        self._flattener.set_work(self._work)

    async def stop(self) -> None:
        """See ``Flatteners.stop``."""
        await self._flattener.stop()

    async def crash(self) -> None:
        """See ``Flatteners.crash``."""
        await self._flattener.stop()
        await self.start()

    def set_work(self, work: Mapping[str, Work]) -> None:
        """See ``Flatteners.set_work``."""
        self._work = work
        self._flattener.set_work(work)


class OverPipe:
    """The real venue process, supervised as by the server; a crash is SIGKILL."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._lock = scene.folder / "venue.lock"
        self._stood: list[int] = []
        self._sampling: asyncio.Task[None] | None = None
        self._stderr = os.open(os.devnull, os.O_WRONLY)
        self._process = VenueProcess(
            VenueSettings(
                accounts=tuple(_account(scene, name) for name in scene.names),
                lock_file=str(self._lock),
                flatten=scene.settings,
            ),
            clock=SystemClock(),
            on_equity=lambda _: None,
            on_execution=lambda _: None,
            on_feed=lambda _: None,
            on_event=scene.on_event,
            on_progress=self._hear,
            stderr=self._stderr,
        )

    async def start(self) -> None:
        """See ``Flatteners.start``."""
        self._sampling = asyncio.create_task(self._sample())
        await self._process.start()

    async def stop(self) -> None:
        """See ``Flatteners.stop``."""
        await self._process.stop()
        if self._sampling is not None:
            self._sampling.cancel()
        os.close(self._stderr)

    async def crash(self) -> None:
        """See ``Flatteners.crash``; a process that is not up yet is left alone."""
        if self._lock.exists() and (pid := self._lock.read_text().strip()):
            os.kill(int(pid), signal.SIGKILL)
            self._lock.write_text("")

    def set_work(self, work: Mapping[str, Work]) -> None:
        """See ``Flatteners.set_work``."""
        self._process.set_work(work)

    def _hear(self, progress: AccountProgress) -> None:
        late = int(HEARD_LATE_S / _SAMPLE_S)
        self._scene.judges[progress.account].read_from = self._stood[-late] if len(self._stood) >= late else 0
        self._scene.on_progress(progress)

    async def _sample(self) -> None:
        while True:
            self._stood.append(self._scene.venue.journal.last_seq)
            await asyncio.sleep(_SAMPLE_S)


def _account(scene: Scene, name: str) -> VenueAccount:
    parts = {"key": key_of(name), "secret": SECRET, "passphrase": PASSPHRASE}
    files = {}
    for part, content in parts.items():
        path = scene.folder / f"{name}.{part}"
        path.touch(0o600)
        path.write_text(content)
        files[part] = KeySource(file=str(path))
    return VenueAccount(
        id=name,
        venue="paper",
        exchange=scene.draw.dialect,
        paper=PaperEndpoint(host="127.0.0.1", port=scene.venue.port, ca_file=str(scene.venue.ca_file)),
        **files,
    )


def open_flatteners(scene: Scene) -> Flatteners:
    """Return the flattener that a draw asks for."""
    return OverPipe(scene) if scene.draw.process and scene.draw.dialect in PLANS else InProcess(scene)
