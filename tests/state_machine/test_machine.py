"""Triggers, resets, holds, crashes, failing disks and late messages in any order: the promises hold.

1. A stop that was durable is there after every kill and loss of power, until a person releases it.
2. What the records do not prove INACTIVE starts ACTIVE, and for lack of proof nothing more than BLOCK.
3. No order is allowed later than one lease after a stop, or after the newest proof that was read.
4. No gate opens below what it has seen, at a revision with a stop, or over a stop that nobody has released.
5. Nothing but an accepted reset takes a stop away, and its revision is in the log by then.
7. A trigger that the revision of a reset or hold does not cover stands, with all that it asked for: a FLATTEN too
   that it asked for later, once its time has come, whatever has ended in between.

``make deep`` explores further, and differently each time.
"""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Action, Cause, CauseSource, Scope
from tests.core.rig import ANNA
from tests.exploration import explored

from .records import Outcome
from .world import World

scopes = st.sampled_from([GLOBAL, Scope.parse("account/main"), Scope.parse("symbol/X"), Scope.parse("symbol/Y")])
verbs = st.sampled_from(["reset", "reset", "hold"])
both = st.sampled_from(list(product([True, False], repeat=2)))
indices = st.sampled_from([0, 1])
happenings = st.sampled_from(["write", "write", "write", "fail", "apply", "trigger", "time"])
ends = st.sampled_from(["nothing", "kill", "power"])
WRITES = {"write": Outcome.DONE, "fail": Outcome.NOTHING_APPLIED, "apply": Outcome.APPLIED}


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
        for engine in self.world.engines:
            self.world.catch_up(engine)
            assert engine.allows

    @precondition(lambda self: self.world.up)
    @rule(scope=scopes, action=st.sampled_from(Action), request_id=st.sampled_from(["", "a", "b"]))
    def trigger(self, scope: Scope, action: Action, request_id: str) -> None:
        """Somebody stops something."""
        cause = Cause(source=CauseSource.MANUAL, reason="x", actor=ANNA, time=self.world.clock.now())
        self.world.trigger(Activation(scope=scope, action=action, cause=cause, request_id=request_id))

    @precondition(lambda self: self.world.up)
    @rule(scope=scopes, action=st.sampled_from([Action.BLOCK, Action.CANCEL]), delay=st.sampled_from([0.1, 1.5, 12]))
    def trigger_with_a_delay(self, scope: Scope, action: Action, delay: float) -> None:
        """Somebody stops something that is to be flattened only later."""
        cause = Cause(source=CauseSource.EVALUATOR, reason="x", actor=ANNA, time=self.world.clock.now())
        after = timedelta(seconds=delay)
        self.world.trigger(Activation(scope=scope, action=action, cause=cause, flatten_delay=after))

    @precondition(lambda self: self.world.up)
    @rule(
        scope=scopes, hangs=both, happens=st.lists(happenings, max_size=2), end=ends, applied=both, seen=st.booleans()
    )
    def trigger_meets(  # noqa: PLR0917 - all of it is drawn
        self,
        scope: Scope,
        hangs: tuple[bool, bool],
        happens: list[str],
        end: str,
        applied: tuple[bool, bool],
        seen: bool,  # noqa: FBT001
    ) -> None:
        """A trigger on disks that may hang, what happens meanwhile, and what an engine sees of it."""
        self._hang(hangs)
        self.trigger(scope, Action.CANCEL, "")
        self._happen(happens, scope)
        if seen:
            self.world.run(0.03)
            self.world.catch_up(self.world.engines[0])
        self._end(end, applied)

    @precondition(lambda self: self.world.up and len(self.world.attempts) < 3)
    @rule(verb=verbs, scope=scopes, seen=st.sampled_from(["now", "noted", "stale"]), override=st.booleans())
    def release(self, verb: str, scope: Scope, seen: str, override: bool) -> None:  # noqa: FBT001 - drawn
        """A person releases or holds what was seen, lately or long ago."""
        state = self.world.serving.controller.state
        newest = max((s.revision for s in state.stops), default=1)
        revision = {"now": state.revision, "noted": self.world.noted or 1, "stale": newest - 1}[seen]
        self.world.attempt(verb, self.world.request(scope, revision, override=override))
        self.world.noted = state.revision

    @precondition(lambda self: self.world.up and not self.world.attempts)
    @rule(
        verb=verbs,
        scope=scopes,
        fresh=st.booleans(),
        hangs=both,
        happens=st.lists(happenings, min_size=1, max_size=4),
        newer=scopes,
        end=ends,
        applied=both,
    )
    def release_meets(  # noqa: PLR0917 - all of it is drawn
        self,
        verb: str,
        scope: Scope,
        fresh: bool,  # noqa: FBT001
        hangs: tuple[bool, bool],
        happens: list[str],
        newer: Scope,
        end: str,
        applied: tuple[bool, bool],
    ) -> None:
        """A release of what a person has seen, on disks that may hang, and what happens meanwhile."""
        self.disks_work_again()
        if not fresh:
            self.trigger(scope, Action.FLATTEN, "")
        self._hang(hangs)
        if fresh:
            self.trigger(scope, Action.FLATTEN, "")
        revision = self.world.serving.controller.state.revision
        self.world.attempt(verb, self.world.request(scope, revision, override=True))
        self._happen(happens, newer)
        self._end(end, applied)

    @precondition(lambda self: self.world.server)
    @rule(which=indices, what=st.sampled_from(["hang", *WRITES]), later=st.integers(min_value=0, max_value=2))
    def disk(self, which: int, what: str, later: int) -> None:
        """A disk hangs, carries out or fails the write that it has kept for longest, or will fail a later one."""
        record = self.world.server.records[which]
        if what == "hang":
            record.hangs = True
        elif record.waiting:
            self.world.write(record, WRITES[what])
        else:
            record.faults.clear()
            record.faults.extend([Outcome.DONE] * later + [WRITES[what]])

    @precondition(lambda self: self.world.server)
    @rule()
    def disks_work_again(self) -> None:
        """Both disks do what they are asked for; soon every record holds what memory says."""
        self.world.mend()

    @precondition(lambda self: self.world.server)
    @rule(end=st.sampled_from(["kill", "power"]), applied=both)
    def crash(self, end: str, applied: tuple[bool, bool]) -> None:
        """The process or the machine ends; a write under way may have happened."""
        self._end(end, applied)

    @precondition(lambda self: not self.world.server and not self.lost)
    @rule(name=st.sampled_from(["state.db", "latch"]))
    def file_is_lost(self, name: str) -> None:
        """A file is gone, once in the life of a store."""
        self.lost = True
        self.world.lose(name)

    @precondition(lambda self: not self.world.server)
    @rule(hangs=both)
    def start(self, hangs: tuple[bool, bool]) -> None:
        """A process starts over what is there, on disks that may hang, and an engine sees what it serves."""
        self.world.start(hangs=hangs)
        self.world.run(6)
        self.world.catch_up(self.world.engines[0])

    @precondition(lambda self: not self.world.server)
    @rule()
    def start_at_once(self) -> None:
        """A process starts over what is there."""
        self.world.start()

    @rule()
    def tripwire_is_made_or_removed(self) -> None:
        """A person makes the tripwire file, or takes it away."""
        self.world.around.tripwire.exists = not self.world.around.tripwire.exists
        self.world.run()

    @rule(hundredths=st.integers(min_value=1, max_value=120))
    def time_passes(self, hundredths: int) -> None:
        """Nothing happens for a while but what happens by itself."""
        self.world.run(hundredths / 100)

    @precondition(lambda self: self.world.up)
    @rule(index=indices, what=st.sampled_from(["connect", "disconnect", "read", "catch up", "catch up"]))
    def engine(self, index: int, what: str) -> None:
        """An engine opens or loses its stream, takes one message that may be late, or takes and confirms all."""
        engine = self.world.engines[index]
        if what == "connect":
            self.world.connect(engine)
        elif what == "disconnect":
            engine.disconnect()
        elif what == "catch up":
            self.world.catch_up(engine)
        elif engine.connection and engine.connection.sent:
            engine.read()
        self.world.run()

    @invariant()
    def promises_hold(self) -> None:
        """See the module."""
        self.world.check()

    def _hang(self, hangs: tuple[bool, bool]) -> None:
        for record, hang in zip(self.world.server.records, hangs, strict=True):
            record.hangs = hang

    def _happen(self, happens: list[str], newer: Scope) -> None:
        for one in happens:
            waiting = next((r for r in self.world.server.records if r.waiting), None)
            if one == "trigger":
                self.trigger(newer, Action.FLATTEN, "")
            elif one == "time":
                self.world.run(1.2)
            elif waiting:
                self.world.write(waiting, WRITES[one])

    def _end(self, end: str, applied: tuple[bool, bool]) -> None:
        self.world.check()
        if end != "nothing":
            self.world.crash(applied=applied, power_lost=(end == "power",) * 2)


# On a machine that others load it takes several times as long as alone.
TestLatch = pytest.mark.timeout(240)(Latch.TestCase)
TestLatch.settings = explored(80, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
