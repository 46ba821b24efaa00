"""Processes one after the other over the same records, and what is promised of them."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

from ess_server.core.errors import EssError
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Action, Scope, Stop
from ess_server.core.ports import Loaded
from ess_server.core.release import ReleaseRequest, ReleaseResult
from tests.core.rig import ANNA
from tests.core.virtual_time import VirtualTimeLoop

from .asked import Attempt, Trigger
from .engine import ORDER, Engine
from .records import Outcome, Record, agreed, shown
from .server import LEASE, Server, Surrounding, TripwireFlag

MEMORY = Path("/dev/shm")
"""Where files cost no time: which writes reach a disk is for the machine to say, not for the one below."""
TURNS = 80
"""Steps of the event loop after which nothing is left to do without time passing."""
AT_THE_LATEST = 0.26
"""Seconds by which a delayed flatten may come late: a tick, where the trigger did not come from an evaluator."""


class World:
    """The latch as people, engines and disks see it. Every method ends when nothing is left to do at that time."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ess-", dir=MEMORY if MEMORY.is_dir() else None))
        self.loop = VirtualTimeLoop()
        self.clock = self.loop.clock
        numbers = count(1)
        self.around = Surrounding(self.clock, TripwireFlag(), lambda: f"id{next(numbers)}")
        self.server: Server | None = None
        self.engines = [Engine(n, self.clock, rate=r) for n, r in (("slow", 0.992), ("fast", 1.008))]
        self.triggers: list[Trigger] = []
        self.attempts: list[Attempt] = []
        self.interrupted: list[Attempt] = []
        self.released: set[str] = set()
        self.latched_at: dict[str, tuple[str, float]] = {}
        self.noted = 0
        self._stops: Sequence[Stop] = ()
        self._found: tuple[Loaded, Loaded]
        self._directories = (self.root / str(number) for number in count(1))
        self._directory = next(self._directories)
        self._directory.mkdir()

    @property
    def up(self) -> bool:
        """Whether a process serves."""
        return self.server is not None and self.server.ready

    @property
    def serving(self) -> Server:
        """The process that serves."""
        assert self.server
        assert self.server.ready
        return self.server

    def start(self, *, hangs: tuple[bool, bool] = (False, False)) -> None:
        """Begin a process over what the last one has left, on disks that may hang."""
        self._found = shown(self._directory)
        self.server = Server(self._directory, self.around)
        for record, hang in zip(self.server.records, hangs, strict=True):
            record.hangs = hang
        self.loop.create_task(self.server.start())
        self.run()

    def run(self, seconds: float = 0) -> None:
        """Let everything run that can, and let time pass."""
        was_up = self.up

        async def turns() -> None:
            if seconds:
                await asyncio.sleep(seconds)
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        if self.up and not was_up:
            self._judge_start()
        self._take_answers()
        self._look()

    def trigger(self, activation: Activation) -> None:
        """Stop, as the service does."""
        latching = self.loop.run_until_complete(_at_once(partial(self.serving.controller.activate, activation)))
        stop = latching.stop
        trigger = Trigger(activation.scope, activation.action, stop.stop_id, stop.revision)
        if activation.flatten_delay:
            trigger.flatten_at = self.clock.uptime() + activation.flatten_delay.total_seconds()
        self.triggers.append(trigger)
        self.run()

    def attempt(self, verb: str, request: ReleaseRequest) -> None:
        """Ask for a reset or hold; its answer may come much later."""
        task = self.loop.create_task(self.serving.release(verb, request))
        self.attempts.append(Attempt(verb, request, task))
        self.run()

    def crash(self, *, applied: tuple[bool, bool], power_lost: tuple[bool, bool]) -> None:
        """End the process at once. Of a write under way, and of what was never synced, anything may be left."""
        assert self.server
        server, self.server = self.server, None
        directory = next(self._directories)
        directory.mkdir()
        for record, done, lost in zip(server.records, applied, power_lost, strict=True):
            record.crash(directory, applied=done, power_lost=lost)
        for engine in self.engines:
            engine.connection = None
            engine.gate.closed("server")
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.0))
        server.close()
        shutil.rmtree(self._directory)
        self._directory = directory
        self.interrupted += self.attempts
        self.attempts.clear()
        self.triggers = [t for t in self.triggers if t.durable]

    def write(self, record: Record, outcome: Outcome) -> None:
        """Let the write happen that a hanging disk has kept for longest, or fail."""
        record.faults.clear()
        record.faults.append(outcome)
        record.step()
        self.run()

    def mend(self) -> None:
        """Let both disks work; soon every record holds what memory says, and everybody has an answer."""
        assert self.server
        for record in self.server.records:
            record.hangs = False
            record.faults.clear()
            while record.waiting:
                record.step()
                self.run()
        self.run(8)
        controller = self.serving.controller
        assert controller.journal.agreed_revision >= controller.state.revision
        assert all(w.idle for w in controller.journal.writers)
        assert not self.attempts, "a reset on disks that work was never answered"

    def connect(self, engine: Engine) -> None:
        """Let an engine open a stream, of which it has read nothing yet."""
        engine.disconnect()
        self.loop.run_until_complete(_at_once(partial(engine.connect, self.serving)))
        self.run()

    def catch_up(self, engine: Engine) -> None:
        """Let an engine read everything that has arrived, and confirm it."""
        if not engine.connection:
            self.connect(engine)
        while engine.connection and engine.connection.sent:
            engine.read()
        if engine.connection:
            engine.acknowledge(self.serving)

    def lose(self, name: str) -> None:
        """Lose a file while nothing runs. Nothing that only it knew is promised any more."""
        for path in self._directory.glob(f"{name}*"):
            path.unlink()
        left = [one.record for one in shown(self._directory) if one.record]
        known = {s.stop_id: s.revision for record in left for s in record.stops}
        self.triggers = [t for t in self.triggers if known.get(t.stop_id, -1) >= t.revision]
        for engine in self.engines:
            engine.saw = {i: s for i, s in engine.saw.items() if i in known}

    def end(self) -> None:
        """Remove everything."""
        if self.server:
            self.crash(applied=(False, False), power_lost=(False, False))
        self.loop.close()
        shutil.rmtree(self.root)

    def request(self, scope: Scope, revision: int, *, override: bool) -> ReleaseRequest:
        """Return what a person sends."""
        overrides = frozenset({"UNCONFIRMED_GATES"}) if override else frozenset()
        return ReleaseRequest(revision=revision, reason="mended", actor=ANNA, scope=scope, overrides=overrides)

    def _take_answers(self) -> None:
        for attempt in [a for a in self.attempts if a.task.done()]:
            self.attempts.remove(attempt)
            error = attempt.task.exception()
            assert error is None or isinstance(error, EssError), repr(error)
            if error is None:
                self._accept(attempt, attempt.task.result())

    def _accept(self, attempt: Attempt, result: ReleaseResult) -> None:
        assert all(attempt.covers(s) for s in result.stops), "promise 7: released a stop that nobody has looked at"
        covered = [t for t in self.triggers if t.stop_id in {s.stop_id for s in result.stops}]
        assert all(t.covered_by(attempt.request) for t in covered), "promise 7: a newer trigger was released"
        assert not self.around.tripwire.exists or attempt.verb == "hold", "released although the tripwire exists"
        assert result.state.revision in self.serving.records[0].log.revisions(), "promise 5: released without evidence"
        if attempt.verb == "hold":
            for trigger in covered:
                trigger.hold()
        else:
            self.triggers = [t for t in self.triggers if t not in covered]
            self.released |= {s.stop_id for s in result.stops}

    def _judge_start(self) -> None:
        state = self.serving.controller.state
        agree = agreed(*self._found)
        everything = state.stop_for(GLOBAL)
        journal = self.serving.controller.journal
        assert state.active or journal.agreed_revision >= state.revision, "promise 2: open without a floor on disk"
        if not agree:
            assert everything, "promise 2: records that prove nothing did not block everything"
            known = [s for one in self._found if one.record for s in one.record.stops if s.scope == GLOBAL]
            # What was to be flattened later may be due by now.
            asked = [Action.FLATTEN if s.flatten else s.action for s in known]
            most = Action.FLATTEN if self.around.tripwire.exists else max(asked, default=Action.BLOCK)
            assert everything.action <= most, "promise 2: lack of proof alone did more than block"
        for attempt in self.interrupted:
            self._judge_interrupted(attempt, agree=agree)
        self.interrupted.clear()
        standing = {s.stop_id for s in state.stops}
        self.latched_at = {i: when for i, when in self.latched_at.items() if i in standing}
        self._stops = ()

    def _judge_interrupted(self, attempt: Attempt, *, agree: bool) -> None:
        """What was under way at a crash has been carried out as a whole, or not at all."""
        state = self.serving.controller.state
        for trigger in [t for t in self.triggers if t.covered_by(attempt.request)]:
            stop = state.stop_for(trigger.scope)
            # The start itself may have stopped the same scope anew.
            if (stop is None or stop.stop_id != trigger.stop_id) and attempt.verb == "reset":
                assert agree, "promise 1: a stop is gone although no reset is complete"
                self.triggers.remove(trigger)
            elif stop and stop.held and attempt.verb == "hold":
                trigger.hold()
        if attempt.verb == "reset" and agree:
            standing = {s.stop_id for s in state.stops}
            covered = {i for i, (scope, _) in self.latched_at.items() if _covers(attempt.request.scope, scope)}
            self.released |= covered - standing

    def _look(self) -> None:
        """Remember what stands, since when, and what of it is durable; what is gone was released."""
        if not self.up:
            return
        controller = self.serving.controller
        stops = controller.state.stops
        gone = {s.stop_id for s in self._stops} - {s.stop_id for s in stops}
        assert gone <= self.released, f"promise 5: {gone} went away without a reset"
        for stop in stops:
            self.latched_at.setdefault(stop.stop_id, (str(stop.scope), self.clock.uptime()))
        for trigger in self.triggers:
            trigger.durable |= trigger.revision <= controller.journal.durable_revision
            if self.clock.uptime() > trigger.flatten_at + AT_THE_LATEST:
                trigger.action = Action.FLATTEN
        self._stops = stops

    def check(self) -> None:
        """Judge what stands and what every engine would do now."""
        if self.up:
            self._check_triggers()
        for engine in self.engines:
            if engine.allows:
                self._check_open(engine)

    def _check_triggers(self) -> None:
        state = self.serving.controller.state
        for trigger in self.triggers:
            stop = state.stop_for(trigger.scope)
            assert stop, f"promise 1 or 7: {trigger} is gone"
            assert stop.action >= trigger.action, f"promise 1 or 7: {trigger} has lost its action"

    def _check_open(self, engine: Engine) -> None:
        store = engine.gate.store_id
        assert engine.gate.revision >= engine.highest[store], "promise 4: open below a revision that was seen"
        there = engine.stops_at[store, engine.gate.revision]
        assert not any(_stops_order(s) for s in there), "promise 4: open at a revision at which a stop was seen"
        unreleased = {i for i, scope in engine.saw.items() if _stops_order(scope)} - self.released
        assert not unreleased, f"promise 4: open over stops that were seen and not released: {unreleased}"
        assert not engine.outlived_its_lease, "promise 3: open without a living proof"
        for stop_id, (scope, since) in self.latched_at.items():
            if _stops_order(scope) and stop_id not in self.released:
                assert self.clock.uptime() - since <= LEASE.total_seconds() * 1.01, "promise 3: open long after a stop"


async def _at_once(call: partial) -> object:  # type: ignore[type-arg]  # any call
    return call()


def _covers(released: Scope, scope: str) -> bool:
    return released == GLOBAL or str(released) == scope


def _stops_order(scope: str) -> bool:
    return scope in (str(GLOBAL), *ORDER)
