"""From durable records to a controller: load, decide what may be believed, commit a floor, and only then serve."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ess_server.core.controller import EmergencyStopController
from ess_server.core.errors import StoreError
from ess_server.core.journal import Journal, RecordWriter, Runner
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, SERVER, Account, Action, Cause, CauseSource, LatchRecord
from ess_server.core.ports import Clock, EventBus, EventLog, Loaded, PolicyStore
from ess_server.core.restore import FLOOR_SPREAD, Restored, restore
from ess_server.core.venue_ports import Flattener

FLOOR_WITHIN = timedelta(seconds=5)
"""How long a start waits for its floor to be on disk before it starts stopped."""

_log = logging.getLogger("ess.opening")


@dataclass(frozen=True, slots=True)
class Place:
    """A durable record and the thread that does its work."""

    store: PolicyStore
    run: Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a controller needs beside its records. ``draw`` returns a random number from 0 to below its argument."""

    flattener: Flattener
    bus: EventBus
    clock: Clock
    accounts: Collection[Account]
    new_id: Callable[[], str]
    draw: Callable[[int], int] = secrets.randbelow


async def open_controller(
    logging_place: Place, log: EventLog, others: Sequence[Place], around: Surroundings
) -> EmergencyStopController:
    """Restore what is latched and commit this start's floor to every record.

    ``log`` is the audit log that the first place keeps. What cannot be proven INACTIVE, the floor's commit
    included, is a global BLOCK. Raises StoreLockedError or StoreError if a place cannot be used at all.
    """
    places = (logging_place, *others)
    loaded = [(p.store.name, await p.run(p.store.load)) for p in places]
    revisions = await logging_place.run(log.revisions)
    doubt = await _missing_events(logging_place, log, loaded)
    restored = restore(
        loaded,
        highest_logged=max(revisions, default=0),
        now=around.clock.now(),
        new_store_id=around.new_id(),
        new_stop_id=around.new_id(),
        spread=around.draw(FLOOR_SPREAD),
        doubt=doubt,
    )
    head = await logging_place.run(log.head)
    writers = [RecordWriter(p.store, p.run, keeps_events=p is logging_place) for p in places]
    writers[0].head = head
    journal = Journal(*writers)
    controller = EmergencyStopController(
        restored=restored,
        journal=journal,
        flattener=around.flattener,
        bus=around.bus,
        clock=around.clock,
        accounts=around.accounts,
        new_id=around.new_id,
        logged_revisions=revisions | {restored.state.revision},
    )
    await _commit_floor(controller, restored)
    return controller


async def _missing_events(place: Place, log: EventLog, loaded: Sequence[tuple[str, Loaded]]) -> str:
    """Return what is wrong if a record has witnessed an event that the log does not hold any more."""
    for name, one in loaded:
        record: LatchRecord | None = one.record
        if record is None or not record.event_sequence:
            continue
        sequence = record.event_sequence
        try:
            found = await place.run(lambda s=sequence: log.read(after=s - 1, limit=1, ascending=True))  # type: ignore[misc]  # default binds the loop variable
        except StoreError as error:
            return f"event {sequence} of the log, which {name} has seen, cannot be read: {error}"
        if not found or found[0].hash.hex() != record.event_hash:
            return f"the event log was cut or changed: {name} has seen event {sequence} with another hash"
    return ""


async def _commit_floor(controller: EmergencyStopController, restored: Restored) -> None:
    journal, state = controller.journal, restored.state
    words = restored.problem and f"; not proven: {restored.problem}"
    summary = f"server started {'ACTIVE' if state.active else 'INACTIVE'} at revision {state.revision}{words}"
    journal.submit(restored.record(), [controller.draft("server.started", summary)])
    try:
        async with asyncio.timeout(FLOOR_WITHIN.total_seconds()):
            await journal.agreed(state.revision)
    except TimeoutError:
        problem = "; ".join(journal.problems) or "the disk does not answer"
        _log.critical("the floor of this start could not be written: %s", problem)
        reason = f"this start could not be written to disk: {problem}"
        cause = Cause(source=CauseSource.STORE, reason=reason, actor=SERVER, time=controller.clock.now())
        controller.activate(Activation(scope=GLOBAL, action=Action.BLOCK, cause=cause))
