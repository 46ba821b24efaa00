"""The one writer of the stop state.

Latching waits for nothing: memory first, then both records, then the broadcast, then everything else, each
in a step of its own that cannot hold up or fail the one before.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from ess_server.core import latch
from ess_server.core.delays import FlattenDelays
from ess_server.core.events import EmergencyResetEvent, EmergencyStopEvent
from ess_server.core.journal import Journal
from ess_server.core.latch import Activation
from ess_server.core.model import (
    GLOBAL,
    SERVER,
    Account,
    Action,
    Actor,
    Cause,
    CauseSource,
    EmergencyState,
    EventDraft,
    LatchRecord,
    Scope,
    Stop,
    Work,
)
from ess_server.core.ports import Clock, EventBus
from ess_server.core.restore import Restored
from ess_server.core.revisions import Revisions
from ess_server.core.venue_ports import Flattener
from ess_server.core.work import work_for

BROADCAST_AT_LATEST = timedelta(milliseconds=25)
"""A disk that hangs must not hold back the stop."""

_log = logging.getLogger("ess.controller")


@dataclass(slots=True)
class Latching:
    """A trigger under way: the stop as latched. ``told`` is set once it was broadcast."""

    stop: Stop
    told: asyncio.Event


class EmergencyStopController:
    """Activates, and holds the state that a reset may change. Lives on one event loop."""

    def __init__(
        self,
        *,
        restored: Restored,
        journal: Journal,
        flattener: Flattener,
        bus: EventBus,
        clock: Clock,
        accounts: Collection[Account],
        new_id: Callable[[], str],
        logged_revisions: Collection[int],
    ) -> None:
        """``logged_revisions`` are all those that the audit log carries; ``new_id`` makes unique identifiers."""
        self._state = restored.state
        self._revisions = Revisions(restored.state.revision, logged_revisions)
        self._journal = journal
        self._flattener = flattener
        self._bus = bus
        self.clock = clock
        self.accounts = tuple(accounts)
        self.new_id = new_id
        self._unnumbered: dict[Scope, Activation] = {}
        self._on_latch: list[Callable[[int], None]] = []
        self._on_change: list[Callable[[EmergencyState], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing: set[str] = set()
        self.delays = FlattenDelays(clock)
        self.delays.follow(restored.state.stops)
        self._paused: frozenset[str] = frozenset()
        self._paused_at = 0

    @property
    def state(self) -> EmergencyState:
        """The present state; replaced as a whole by every change."""
        return self._state

    @property
    def journal(self) -> Journal:
        """The durable records."""
        return self._journal

    def on_latch(self, listener: Callable[[int], None]) -> None:
        """Call ``listener`` with the revision of every stop, in the step that latches it."""
        self._on_latch.append(listener)

    def on_change(self, listener: Callable[[EmergencyState], None]) -> None:
        """Call ``listener`` whenever gates must be told; it must return at once."""
        self._on_change.append(listener)

    def is_durable(self, stop: Stop) -> bool:
        """Whether ``stop`` as it is now survives a loss of power."""
        return stop.revision <= self._journal.durable_revision

    def activate(self, activation: Activation) -> Latching:
        """Latch a stop. Synchronous up to the point from which nothing proves INACTIVE any more.

        Never refused. The same ``request_id`` again returns the stop that it made, while that stands.
        """
        standing = latch.standing_request(self._state, activation)
        if standing:
            told = asyncio.Event()
            told.set()
            return Latching(standing, told)
        before = self._state
        standing = before.stop_for(latch.place(before, activation.scope))
        crowded = self._revisions.crowded(self._journal.durable_revision)
        if crowded and standing and standing.action >= activation.action and not activation.flatten_delay:
            return self._joined_unnumbered(standing, activation)
        revision = self.allocate()
        flatten = self.delays.wanted(standing, activation.flatten_delay)
        after = latch.activate(before, activation, revision=revision, stop_id=self.new_id(), flatten=flatten)
        stop = next(s for s in after.stops if s.revision == revision)
        self._state = after
        self.delays.follow(after.stops)
        event = self._activation_event(before.stop_for(stop.scope), stop, activation)
        self._journal.submit(self.record(after), [event])
        for listener in self._on_latch:
            self.guarded(partial(listener, revision), "noting the latch")
        latching = Latching(stop, asyncio.Event())
        self._spawn(self._spread(latching, event))
        return latching

    def flatten_overdue(self) -> None:
        """Raise every stop whose flatten was delayed for long enough, whatever has become of its condition."""
        for activation in self.delays.overdue(self._state.stops):
            self.activate(activation)

    def witness(self, store_id: str, highest_revision: int, actor: Actor) -> Latching | None:
        """Latch a BLOCK if a gate has seen a revision that this store never committed: a stop was lost."""
        if not highest_revision or store_id != self._state.store_id or self._revisions.knows(highest_revision):
            return None
        reason = f"{actor.id} has seen revision {highest_revision}, which this store never committed: a stop was lost"
        cause = Cause(source=CauseSource.WITNESS, reason=reason, actor=actor, time=self.clock.now())
        self._revisions.step_over(highest_revision)
        return self.activate(Activation(scope=GLOBAL, action=Action.BLOCK, cause=cause))

    def knows(self, revision: int) -> bool:
        """Whether this store has committed ``revision``, or a person has covered it."""
        return self._revisions.knows(revision)

    @property
    def serves_streams(self) -> bool:
        """Whether this start's floor is in the log, so that no later start repeats a number that gates see now."""
        return self._journal.writers[0].durable_revision >= self._revisions.floor

    def _joined_unnumbered(self, standing: Stop, activation: Activation) -> Latching:
        """Count a trigger that changes nothing as a cause of a stop that stands; its number is owed."""
        self._unnumbered[standing.scope] = activation
        self.note(self._activation_event(standing, standing, activation))
        told = asyncio.Event()
        told.set()
        return Latching(standing, told)

    def number_all(self) -> None:
        """Give every trigger its own number that is still owed one, or a reset would pass for having seen it."""
        owed, self._unnumbered = self._unnumbered, {}
        for activation in owed.values():
            self.activate(activation)

    def allocate(self) -> int:
        """Return a revision that was never used, and never will be again."""
        return self._revisions.allocate()

    def record(self, state: EmergencyState) -> LatchRecord:
        """Return what the durable records have to say of ``state``, which a transition has made."""
        return LatchRecord(
            store_id=state.store_id, revision=state.revision, floor=self._revisions.floor, stops=state.stops
        )

    def adopt(self, state: EmergencyState, event: EmergencyResetEvent) -> None:
        """Take a state whose records are on disk already. For resets and holds only."""
        self._state = state
        self.delays.follow(state.stops)
        self.tell()
        self.carry_out()
        self.guarded(lambda: self._bus.publish(event), "publishing the release")

    def rewrite(self, event: EventDraft) -> int:
        """Write the present, stopped state again at a higher revision; returns that revision."""
        revision = self.allocate()
        self._state = replace(self._state, revision=revision)
        self._journal.submit(self.record(self._state), [replace(event, revision=revision)])
        self.tell()
        return revision

    def note(self, event: EventDraft) -> None:
        """Log an event that changes no state."""
        self._journal.submit(None, [event])
        self.guarded(lambda: self._bus.publish(event), "publishing an event")

    def draft(
        self,
        kind: str,
        summary: str,
        *,
        actor: Actor = SERVER,
        scope: str = "",
        stop_id: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> EventDraft:
        """Make an event at the present revision. ``facts`` become its details; empty ones are left out."""
        return EventDraft(
            event_id=self.new_id(),
            kind=kind,
            time=self.clock.now(),
            summary=summary,
            revision=self._state.revision,
            actor=actor,
            stop_id=stop_id,
            scope=scope,
            details=tuple(sorted((k, v) for k, v in (facts or {}).items() if v)),
        )

    def carry_out(self) -> None:
        """Tell the venues what is wanted. Repeated by the monitor, so that a lost call costs one tick."""
        self.guarded(lambda: self._flattener.set_work(self._work()), "handing work to the venues")

    def pause(self, accounts: Collection[str]) -> None:
        """Take the work away from these accounts, and only from these, while a reset waits out what is in flight.

        What is stopped after this call is worked on all the same.
        """
        self._paused, self._paused_at = frozenset(accounts), self._revisions.newest
        self.carry_out()

    def _work(self) -> dict[str, Work]:
        newer = replace(self._state, stops=tuple(s for s in self._state.stops if s.revision > self._paused_at))
        paused = [a for a in self.accounts if a.id in self._paused]
        return work_for(self._state, [a for a in self.accounts if a.id not in self._paused]) | work_for(newer, paused)

    async def settle(self) -> None:
        """Wait for broadcasts under way, for every record of a stop, and for events as ``Journal.settle`` says."""
        await asyncio.gather(*self._tasks)
        await self._journal.settle(self._state.revision if self._state.active else 0)

    def _activation_event(self, before: Stop | None, stop: Stop, activation: Activation) -> EmergencyStopEvent:
        kind = "stop.activated" if before is None else "stop.raised" if stop.action > before.action else "stop.joined"
        entry = self.draft(
            kind,
            activation.cause.reason or "no reason given",
            actor=activation.cause.actor,
            stop_id=stop.stop_id,
            scope=str(stop.scope),
            facts=latch.facts(stop, activation),
        )
        return EmergencyStopEvent.of(entry, revision=stop.revision, stop=stop)

    async def _spread(self, latching: Latching, event: EmergencyStopEvent) -> None:
        try:
            async with asyncio.timeout(BROADCAST_AT_LATEST.total_seconds()):
                await self._journal.durable(latching.stop.revision)
            late = False
        except TimeoutError:
            late = True
        # Whoever triggered is answered in the step before the wave, or the answer would come after the last gate's.
        latching.told.set()
        self.tell()
        self.carry_out()
        self.guarded(lambda: self._bus.publish(event), "publishing the stop")
        if late:
            await self._journal.durable(latching.stop.revision)
            self.tell()

    def tell(self) -> None:
        """Tell every listener the present state: gates learn of it now, not with the next heartbeat."""
        for listener in self._on_change:
            self.guarded(partial(listener, self._state), "telling a listener")

    def guarded(self, step: Callable[[], None], what: str) -> None:
        """Run one step so that its failure is loud and the next step still runs."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - no step after the latch may keep the next from running
            _log.critical("%s failed", what, exc_info=True)
            if what not in self._failing:
                self._journal.submit(None, [self.draft("server.fault", f"{what} failed: {type(error).__name__}")])
            self._failing.add(what)
        else:
            self._failing.discard(what)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
