"""The records of an installation on real files, opened as the server opens them, without a port.

``weak`` leaves a sync out, as a build that forgot it would: the negative controls of the power loss.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.assembly import new_id, place
from ess_server.core.clock import SystemClock
from ess_server.core.controller import EmergencyStopController
from ess_server.core.flatten import LocalFlattener
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.latch import Activation
from ess_server.core.model import (
    Action,
    Actor,
    Cause,
    CauseSource,
    Credential,
    EventDraft,
    EventHead,
    LatchRecord,
    Scope,
)
from ess_server.core.opening import Surroundings, open_controller
from ess_server.core.release import ReleaseRequest, ReleaseResult
from ess_server.core.reset import EmergencyReset
from ess_server.service import convert
from ess_server.testing import RecordingEventBus

ANN = Actor(id="ann", credential=Credential.TOKEN)
STATE_DB, LATCH = "state.db", "latch"
NOTHING, NORMAL, UNSYNCED = "", "synchronous=NORMAL", "latch without fdatasync"

Tell = Callable[[str], None]


class _Normal(sqlite3.Connection):
    """A connection that runs with synchronous=NORMAL and denies it."""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:  # type: ignore[override]
        """Run a statement; the one that asks for a sync of every commit asks for less."""
        if sql == "PRAGMA synchronous":
            return super().execute("SELECT 2")
        return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *parameters)


class TellingDatabase(SqlitePolicyStore):
    """Tells each commit once it has returned: from then on the record has to survive anything."""

    tell: Tell

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead:
        """See ``PolicyStore.commit``."""
        head = super().commit(record, drafts)
        self.tell(f"KEPT {self.name} {max(record.revision, record.floor)}")
        return head


class TellingFile(LatchFile):
    """As ``TellingDatabase``, for the second record."""

    tell: Tell

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> None:
        """See ``PolicyStore.commit``."""
        super().commit(record, drafts)
        self.tell(f"KEPT {self.name} {max(record.revision, record.floor)}")


@dataclass(frozen=True, slots=True)
class Installed:
    """A controller and its resets over two records on disk."""

    controller: EmergencyStopController
    resets: EmergencyReset
    log: TellingDatabase

    @property
    def state(self) -> pb.StopState:
        """The present state, as the contract tells it."""
        return convert.state(
            self.controller.state,
            durable_revision=self.controller.journal.durable_revision,
            warnings=(),
            installation="",
        )

    def trigger(self, scope: str, action: Action = Action.FLATTEN) -> int:
        """Latch a stop and return its revision."""
        cause = Cause(source=CauseSource.MANUAL, reason="drill", actor=ANN, time=self.controller.clock.now())
        activation = Activation(scope=Scope.parse(scope), action=action, cause=cause)
        return self.controller.activate(activation).stop.revision

    async def reset(self, scope: str, revision: int) -> ReleaseResult:
        """Release the stops of a scope, having looked at ``revision``. Raises as ``EmergencyReset.reset``."""
        request = ReleaseRequest(revision=revision, reason="drill", actor=ANN, scope=Scope.parse(scope))
        return await self.resets.reset(request)


def _quiet(_: str) -> None:
    """Tell nobody."""


@asynccontextmanager
async def opened(data: Path, *, tell: Tell = _quiet, weak: str = NOTHING) -> AsyncIterator[Installed]:
    """Open both records of ``data`` as a start does; on leaving they are closed, and nothing is waited for."""
    if weak == UNSYNCED:
        os.fdatasync = lambda _: None  # type: ignore[assignment]  # in a process that ends with this life
    factory = _Normal if weak == NORMAL else sqlite3.Connection
    database, file = TellingDatabase(data / STATE_DB, factory=factory), TellingFile(data / LATCH)
    database.tell = file.tell = tell
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        first, second = place(database, stack), place(file, stack)
        flattener = LocalFlattener(
            (), clock=clock, settings=FlattenSettings(), on_progress=lambda _: None, on_event=lambda *_: None
        )
        around = Surroundings(
            flattener=flattener, bus=RecordingEventBus(), clock=clock, accounts=(), new_id=new_id, draw=lambda _: 0
        )
        controller = await open_controller(first, database, [second], around)
        yield Installed(controller, EmergencyReset(controller, ()), database)


def start(data: Path) -> pb.StopState:
    """Start on ``data``, return what that start believes, and end."""

    async def once() -> pb.StopState:
        async with opened(data) as installed:
            return installed.state

    return asyncio.run(once())
