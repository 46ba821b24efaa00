"""Who is concerned: those, and only those, whose verdict can follow from what was observed."""

import pytest

from ess_server.core.attention import Attentive, Lookout
from ess_server.core.ports import Readings
from ess_server.core.readings import Instant, Verdict
from ess_server.testing import START, ScriptedEvaluator, clear, fake_readings

from .virtual_time import VirtualTimeLoop
from .watching import on, watching

EVENT_LOOP = VirtualTimeLoop
NOW = Instant(START, 1000.0)
MAIN, HEDGE, ALL = ("metrics", "main"), ("metrics", "hedge"), ("metrics", "")
HEALTH, FEED = ("health", ""), ("feeds", "f")


class Reader:
    """An evaluator of somebody's own, that reads one account, and components only if that is known."""

    name = "reader"

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:
        """Read."""
        if readings.metrics.executions("main", since=now.uptime - 5):
            readings.health.components()
        return clear(now.time)


def test_evaluator_that_never_answered_is_concerned_by_everything() -> None:
    """Nothing is known of what it will read."""
    assert Attentive(Reader()).is_concerned(frozenset({FEED}))


def test_evaluator_is_concerned_by_what_it_read_last() -> None:
    """It is noted by port, and by account or feed where one is named; what it did not ask for cannot matter to it."""
    reader = Attentive(Reader())
    reader.evaluate(fake_readings(), NOW)
    concerned = [reader.is_concerned(frozenset({one})) for one in (MAIN, HEDGE, ALL, HEALTH, FEED)]

    assert concerned == [True, False, False, False, False]


def test_other_readings_and_a_raise_are_noted_as_well() -> None:
    """What it read before it raised is what its raising followed from; and readings may be others the next time."""
    evaluator = ScriptedEvaluator("x", ZeroDivisionError("x"))
    attentive = Attentive(evaluator)
    with pytest.raises(ZeroDivisionError):
        attentive.evaluate(fake_readings(), NOW)
    assert not attentive.is_concerned(frozenset({MAIN}))

    reader, first, second = Attentive(Reader()), fake_readings(), fake_readings()
    reader.evaluate(first, NOW)
    reader.evaluate(second, NOW)
    assert reader.is_concerned(frozenset({MAIN}))


async def test_only_those_who_are_concerned_are_evaluated_until_the_tick() -> None:
    """A wake for one account asks one evaluator, a wake for everything all of them, and so does every tick."""
    watch = await watching(on("account"), on("other"))

    class ReadsHealth(ScriptedEvaluator):
        def evaluate(self, readings: Readings, now: Instant) -> Verdict:
            readings.health.components()
            return super().evaluate(readings, now)

    one = watch.evaluators["account"]
    watch.monitor.watched[0].attentive = Attentive(asks := ReadsHealth("account"))
    asks.verdict = one.verdict
    await watch.monitor.tick()
    counts = [(asks.evaluations, watch.evaluators["other"].evaluations)]
    for subjects in ((HEALTH,), (MAIN,), ()):
        watch.monitor.lookout.observed(*subjects)
        await watch.monitor._look_at_observed()
        counts.append((asks.evaluations, watch.evaluators["other"].evaluations))

    assert counts == [(1, 1), (2, 1), (2, 1), (3, 2)]


async def test_monitor_knows_whether_readings_are_counted() -> None:
    """Only an evaluator that is concerned, and has more than one reading to look at, counts."""
    watch = await watching(on("one"), on("several", confirm=2))
    assert watch.monitor.counts(MAIN), "it has never answered"
    await watch.monitor.tick()

    assert not watch.monitor.counts(MAIN)


def test_moment_has_passed_when_a_look_that_began_after_it_has_ended() -> None:
    """A look under way may have been too early; listeners are told when it has ended, also if it failed."""
    lookout, ended = Lookout(), list[bool]()
    early = lookout.mark
    lookout.on_end(lambda: ended.append(lookout.has_passed(early)))
    with lookout.look():
        late = lookout.mark
    with pytest.raises(ZeroDivisionError), lookout.look():
        _ = 1 / 0

    assert ended == [True, True]
    assert (late, lookout.has_passed(late), lookout.has_passed(lookout.mark)) == (early + 1, True, False)


def test_look_takes_what_was_asked_for() -> None:
    """Subjects are handed over once; everything outweighs them."""
    lookout, taken = Lookout(), []
    for asked in ((MAIN, ALL), (), (MAIN,)):
        lookout.observed(*asked)
        if asked == (MAIN,):
            lookout.observed()
        with lookout.look() as subjects:
            taken.append(subjects)

    with lookout.look() as subjects:
        taken.append(subjects)
    assert taken == [{MAIN, ALL}, None, None, frozenset()]
