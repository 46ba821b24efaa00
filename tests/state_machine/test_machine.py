"""Triggers, resets, holds, crashes, failing disks and late messages in any order: the promises hold.

1. A stop that was durable is there after every kill and loss of power, until a person releases it.
2. What the records do not prove INACTIVE starts ACTIVE, and for lack of proof nothing more than BLOCK.
3. No order is allowed later than one lease after a stop, or after the newest proof that was read.
4. No gate opens below what it has seen, at a revision with a stop, or over a stop that nobody has released.
5. Nothing but an accepted reset takes a stop away, and its revision is in the log by then.
7. A trigger that the revision of a reset or hold does not cover stands, with all that it asked for.

``ESS_HYPOTHESIS=deep`` explores further, and differently each time.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Action, Cause, CauseSource, Scope
from tests.core.rig import ANNA

from .records import Outcome
from .world import World

STATE, LATCH = 0, 1

scopes = st.sampled_from([GLOBAL, Scope.parse("account/main"), Scope.parse("symbol/X"), Scope.parse("symbol/Y")])
records = st.sampled_from([STATE, LATCH])
both = st.tuples(st.booleans(), st.booleans())
engines = st.sampled_from([0, 1])
failures = st.sampled_from([Outcome.NOTHING_APPLIED, Outcome.APPLIED])


class Latch(RuleBasedStateMachine):
    """One store through the lives of many processes, with two engines that watch."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.lost = False

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.world.end()

    @initialize()
    def commission(self) -> None:
        """Begin with a store that a person has released, and with gates that are open."""
        self.world.start()
        state = self.world.serving.controller.state
        self.world.attempt("reset", self.world.request(GLOBAL, state.revision, override=False))
        assert not self.world.serving.controller.state.active
        self.world.run(0.3)
        for index in (0, 1):
            self.catch_up(index)
            assert self.world.engines[index].allows

    @precondition(lambda self: self.world.up)
    @rule(scope=scopes, action=st.sampled_from(Action), request_id=st.sampled_from(["", "", "a", "b"]))
    def trigger(self, scope: Scope, action: Action, request_id: str) -> None:
        """Somebody stops something."""
        cause = Cause(source=CauseSource.MANUAL, reason="x", actor=ANNA, time=self.world.clock.now())
        self.world.trigger(Activation(scope=scope, action=action, cause=cause, request_id=request_id))

    @precondition(lambda self: self.world.up)
    @rule()
    def look(self) -> None:
        """A person looks at the state, and keeps its revision in mind."""
        self.world.noted = self.world.serving.controller.state.revision

    @precondition(lambda self: self.world.up and len(self.world.attempts) < 3)
    @rule(
        verb=st.sampled_from(["reset", "reset", "hold"]),
        scope=scopes,
        seen=st.sampled_from(["now", "now", "noted", "stale"]),
        override=st.booleans(),
    )
    def release(self, verb: str, scope: Scope, seen: str, override: bool) -> None:  # noqa: FBT001 - drawn
        """A person releases or holds what was seen, lately or long ago."""
        state = self.world.serving.controller.state
        newest = max((s.revision for s in state.stops), default=1)
        revision = {"now": state.revision, "noted": self.world.noted or 1, "stale": newest - 1}[seen]
        self.world.attempt(verb, self.world.request(scope, revision, override=override))

    @precondition(lambda self: self.world.server)
    @rule(which=records)
    def disk_hangs(self, which: int) -> None:
        """From now on writes of one record take until the machine lets them happen."""
        self.world.server.records[which].hangs = True

    @precondition(lambda self: self.world.server and any(r.waiting for r in self.world.server.records))
    @rule(which=records, outcome=st.sampled_from(Outcome))
    def write_happens(self, which: int, outcome: Outcome) -> None:
        """The write that a hanging disk has kept for longest is carried out, or fails."""
        record = self.world.server.records[which]
        if record.waiting:
            record.faults.clear()
            record.faults.append(outcome)
            record.step()
            self.world.run()

    @precondition(lambda self: self.world.server)
    @rule(which=records, outcome=failures, later=st.integers(min_value=0, max_value=2))
    def write_will_fail(self, which: int, outcome: Outcome, later: int) -> None:
        """One of the next writes of a record fails."""
        record = self.world.server.records[which]
        record.faults.clear()
        record.faults.extend([Outcome.DONE] * later + [outcome])

    @precondition(lambda self: self.world.server)
    @rule()
    def disks_work_again(self) -> None:
        """Both disks do what they are asked for; soon every record holds what memory says."""
        for record in self.world.server.records:
            record.hangs = False
            record.faults.clear()
            while record.waiting:
                record.step()
                self.world.run()
        self.world.run(8)
        controller = self.world.serving.controller
        assert controller.journal.agreed_revision >= controller.state.revision
        assert all(w.idle for w in controller.journal.writers)
        assert not self.world.attempts, "a reset on disks that work was never answered"

    @precondition(lambda self: self.world.server)
    @rule(applied=both)
    def kill(self, applied: tuple[bool, bool]) -> None:
        """The process ends; a write under way may have happened, and what was written stays."""
        self.world.crash(applied=applied, power_lost=(False, False))

    @precondition(lambda self: self.world.server)
    @rule(applied=both, lost=both)
    def power_loss(self, applied: tuple[bool, bool], lost: tuple[bool, bool]) -> None:
        """The machine ends; of what was not synced anything may be gone."""
        self.world.crash(applied=applied, power_lost=lost)

    @precondition(lambda self: not self.world.server and not self.lost)
    @rule(name=st.sampled_from(["state.db", "latch"]))
    def file_is_lost(self, name: str) -> None:
        """A file is gone, once in the life of a store."""
        self.lost = True
        self.world.lose(name)

    @precondition(lambda self: not self.world.server)
    @rule()
    def start(self) -> None:
        """A process starts over what is there."""
        self.world.start()

    @rule()
    def tripwire_is_made_or_removed(self) -> None:
        """A person makes the tripwire file, or takes it away."""
        self.world.around.tripwire.exists = not self.world.around.tripwire.exists
        self.world.run()

    @rule(seconds=st.sampled_from([0.01, 0.03, 0.3, 0.9, 1.1, 6]))
    def time_passes(self, seconds: float) -> None:
        """Nothing happens for a while but what happens by itself."""
        self.world.run(seconds)

    @precondition(lambda self: self.world.up)
    @rule(index=engines)
    def gate_connects(self, index: int) -> None:
        """An engine opens a stream, and has not read anything of it yet."""
        engine = self.world.engines[index]
        engine.disconnect()
        self.world.loop.run_until_complete(self._connected(index))
        self.world.run()

    async def _connected(self, index: int) -> None:
        self.world.engines[index].connect(self.world.serving)

    @precondition(lambda self: self.world.up)
    @rule(index=engines)
    def gate_disconnects(self, index: int) -> None:
        """A stream ends, with all that was under way."""
        self.world.engines[index].disconnect()
        self.world.run()

    @precondition(lambda self: any(e.connection and e.connection.sent for e in self.world.engines))
    @rule(index=engines)
    def gate_reads(self, index: int) -> None:
        """An engine takes one message, which may have been under way for long."""
        engine = self.world.engines[index]
        if engine.connection and engine.connection.sent:
            engine.read()

    @precondition(lambda self: self.world.up)
    @rule(index=engines)
    def catch_up(self, index: int) -> None:
        """An engine reads everything that has arrived, and confirms it."""
        engine = self.world.engines[index]
        if not engine.connection:
            self.gate_connects(index)
        while engine.connection and engine.connection.sent:
            engine.read()
        if engine.connection:
            engine.acknowledge(self.world.serving)

    @invariant()
    def promises_hold(self) -> None:
        """See the module."""
        self.world.check()


if os.environ.get("ESS_HYPOTHESIS") == "deep":
    profile = settings(max_examples=3000, stateful_step_count=80)
else:
    profile = settings(max_examples=200, stateful_step_count=30, derandomize=True, database=None)

TestLatch = Latch.TestCase
TestLatch.settings = settings(profile, deadline=None, suppress_health_check=list(HealthCheck))
