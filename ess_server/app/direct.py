"""The flatten without a server: the same venue process, told what to do by a person at a command line."""

import asyncio
import os
import socket
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from ess_server.adapters.evidence_file import EvidenceFile
from ess_server.adapters.venue_process import VenueProcess
from ess_server.adapters.venue_process.process import COMMAND
from ess_server.app.venues import venue_settings
from ess_server.config.settings import Settings
from ess_server.core.flatten_plan import needs_names, plan
from ess_server.core.model import AccountProgress, Action, FlattenStatus, Work
from ess_server.core.ports import Clock
from ess_server.core.venue_link import VenueSettings, settings_message
from ess_server.core.venue_look import snapshot_entry
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.core.venue_wire import Message

T = TypeVar("T")

QUIET_WITHIN = timedelta(seconds=10)
"""How long the venue process may take to say that nothing it sent can act; after that it is ended."""
LOOK_WITHIN = timedelta(seconds=10)
LOCK_WAIT = timedelta(seconds=5)


class Onlooker(Protocol):
    """Whoever shows what happens; nothing here may wait."""

    def progress(self, progress: AccountProgress) -> None:
        """The progress of one account has changed."""

    def event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        """Something happened on an account, or, with an empty one, to the venue process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectOrder:
    """What a person wants done: ``action`` on these accounts, or on these symbols of them if any is named."""

    accounts: tuple[str, ...]
    symbols: tuple[str, ...]
    action: Action
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectOutcome:
    """How it ended.

    ``flat`` says that every account was, and that no reading after it shows more to do; ``quiet`` that nothing that was
    sent can still act. ``shown`` is the last reading by account, or why there is none.
    """

    flat: bool
    quiet: bool
    progress: Mapping[str, AccountProgress]
    shown: Mapping[str, VenueSnapshot | str]


class DirectFlatten:
    """Carries out one order, once. The latch is neither read nor written, and no gate is told."""

    def __init__(
        self,
        settings: Settings,
        lock_file: Path,
        order: DirectOrder,
        *,
        clock: Clock,
        evidence: EvidenceFile,
        onlooker: Onlooker,
        log: int | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """``log`` is a descriptor for what the venue process logs, by default stderr."""
        self.stop_id = f"direct-{uuid4().hex}"
        self._order = order
        self._evidence = evidence
        self._onlooker = onlooker
        self._settings = _told(settings, lock_file, order)
        self._progress: dict[str, AccountProgress] = {}
        self._working = False
        self._flat = asyncio.Event()
        self._process = VenueProcess(
            self._settings,
            clock=clock,
            on_equity=lambda _: None,
            on_execution=lambda _: None,
            on_feed=lambda _: None,
            on_event=self._took_event,
            on_progress=self._took_progress,
            stderr=log,
            command=command,
        )

    async def run(self, interrupted: asyncio.Event, leave: asyncio.Event) -> DirectOutcome:
        """Work until every account is flat, or until ``interrupted``; then wait until nothing that was sent can act.

        ``leave`` ends every waiting. A reading after FLAT that shows more to do begins the work again.
        """
        self._note_beginning()
        await self._process.start()
        flat = quiet = False
        shown: Mapping[str, VenueSnapshot | str] = {}
        try:
            while not flat and not interrupted.is_set():
                await self._work_until_flat(interrupted)
                reached = self._flat.is_set() and not interrupted.is_set()
                quiet = bool(await _unless(leave, self._quieted()))
                shown = await _unless(leave, self._looked()) or {}
                flat = reached and self._bears_out(shown)
        finally:
            await self._process.stop()
        if not quiet:
            quiet = bool(await _unless(leave, self._expired()))
        outcome = DirectOutcome(flat=flat, quiet=quiet, progress=dict(self._progress), shown=shown)
        self._note_end(outcome)
        return outcome

    async def _work_until_flat(self, interrupted: asyncio.Event) -> None:
        self._working = True
        self._process.set_work({work.account: work for work in self._wanted()})
        await _first(self._flat, interrupted)
        # What is told from here on is of no work any more, and would hide how far it came.
        self._working = False
        self._process.set_work({})

    def _wanted(self) -> Iterator[Work]:
        order = self._order
        whole = Action.BLOCK if order.symbols else order.action
        symbols = tuple((symbol, order.action) for symbol in order.symbols)
        for account in order.accounts:
            yield Work(account=account, stop_id=self.stop_id, action=whole, symbols=symbols)

    async def _quieted(self) -> bool:
        return await self._process.quiesce(self._order.accounts, QUIET_WITHIN)

    async def _looked(self) -> Mapping[str, VenueSnapshot | str]:
        looks = [self._process.look(account, LOOK_WITHIN) for account in self._order.accounts]
        return dict(zip(self._order.accounts, await asyncio.gather(*looks), strict=True))

    async def _expired(self) -> bool:
        """Wait until what an ended process has sent is valid no more."""
        await asyncio.sleep(self._settings.flatten.request_expiry.total_seconds())
        return True

    def _bears_out(self, shown: Mapping[str, VenueSnapshot | str]) -> bool:
        """Whether no account shows anything to do. One that could not be read proves nothing new."""
        for work in self._wanted():
            found = shown.get(work.account)
            if isinstance(found, VenueSnapshot) and (left := _left(work, found, self._progress[work.account])):
                facts = {"detail": f"the last reading shows {left}; the work goes on"}
                self._took_event("direct.reopened", work.account, facts)
                return False
        return True

    def _took_progress(self, progress: AccountProgress) -> None:
        if not self._working or self._progress.get(progress.account) == progress:
            return
        self._progress[progress.account] = progress
        self._evidence.note("progress", **asdict(progress) | {"status": progress.status.name})
        self._onlooker.progress(progress)
        known = [self._progress.get(account) for account in self._order.accounts]
        if all(one is not None and one.status.is_done for one in known):
            self._flat.set()
        else:
            self._flat.clear()

    def _took_event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        self._evidence.note("event", event=kind, account=account, details=dict(details))
        self._onlooker.event(kind, account, details)

    def _note_beginning(self) -> None:
        self._evidence.note(
            "begun",
            stop_id=self.stop_id,
            action=self._order.action.name,
            accounts=list(self._order.accounts),
            symbols=list(self._order.symbols),
            requested_by=self._order.requested_by,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("emergency-stop-system"),
            settings=_keyless(self._settings),
        )

    def _note_end(self, outcome: DirectOutcome) -> None:
        for account, found in outcome.shown.items():
            read = {"error": found} if isinstance(found, str) else {"shown": snapshot_entry(found)}
            self._evidence.note("final", account=account, **read)
        self._evidence.note("ended", flat=outcome.flat, quiet=outcome.quiet)


def _told(settings: Settings, lock_file: Path, order: DirectOrder) -> VenueSettings:
    """Return what the venue process is told: these accounts, and nothing but to carry out the order."""
    told = venue_settings(settings, lock_file)
    accounts = [a for a in told.accounts if a.id in order.accounts]
    bare = tuple(replace(a, equity_interval=None, executions_interval=None, dead_man=None) for a in accounts)
    return replace(told, accounts=bare, feeds=(), lock_wait=LOCK_WAIT)


def _keyless(settings: VenueSettings) -> Message:
    """Return the settings without the places of keys: what was written there by mistake may be the key itself."""
    told = settings_message(settings)
    for account in told["accounts"]:
        for source in ("key", "secret", "passphrase"):
            del account[source]
    return told


def _left(work: Work, found: VenueSnapshot, flat: AccountProgress) -> str:
    """Name what is to be done anew on an account that was ``flat``, empty if there is nothing.

    What cannot be closed is not told apart from what can: it is taken to be no more than it was.
    """
    if needs_names(work) and found.unnamed:
        return f"market {found.unnamed[0]}, whose symbol could not be looked up"
    dusty = flat.status is FlattenStatus.FLAT_WITH_DUST and len(found.positions) <= (flat.open_positions or 0)
    return plan(work, found, dust=frozenset(found.positions if dusty else ()), swept=True).left


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _unless(leave: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what ``work`` returns, None if somebody leaves before."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(leave.wait())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
