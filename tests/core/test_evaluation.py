"""Evaluators run beside the event loop: one that raises, hangs or overruns is named, and the others go on."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ess_server.core import evaluation
from ess_server.core.evaluation import EvaluationThread, Fault
from ess_server.core.ports import Readings
from ess_server.core.readings import Clear, Instant, Unknown, Verdict
from ess_server.testing import START, ScriptedEvaluator, clear, fake_readings
from ess_server.testing.waiting import eventually

LATE = 0.05


def at(uptime: float) -> Instant:
    """Return a moment."""
    return Instant(START, uptime)


class Blocking:
    """An evaluator that answers once it is let go."""

    kind = "blocking"

    def __init__(self, name: str) -> None:
        self.name = name
        self.go, self.entered = threading.Event(), threading.Event()
        self.calls = 0

    def evaluate(self, readings: Readings, now: Instant) -> Verdict:  # noqa: ARG002 - the port's signature
        """See ``EmergencyConditionEvaluator.evaluate``."""
        self.calls += 1
        self.entered.set()
        assert self.go.wait(10)
        return clear(now.time)


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give evaluators less time, so that the tests need less."""
    monkeypatch.setattr(evaluation, "LATE_AFTER", LATE)


@pytest.fixture
def thread() -> Iterator[EvaluationThread]:
    """A thread that is ended after the test."""
    thread = EvaluationThread()
    yield thread
    thread.close()


@pytest.fixture
def stuck() -> Iterator[Blocking]:
    """An evaluator that hangs; it is let go after the test."""
    one = Blocking("stuck")
    yield one
    one.go.set()


def evaluators_at_work() -> set[threading.Thread]:
    """The threads that run evaluators, those that other tests have left behind included."""
    return {t for t in threading.enumerate() if t.name == "evaluators"}


async def test_each_says_its_own(thread: EvaluationThread) -> None:
    """Every evaluator is asked once and answers under its name."""
    one, two = ScriptedEvaluator("one"), ScriptedEvaluator("two", Unknown("no reading"))
    outcomes = await thread.run([one, two], fake_readings(), at(0))
    assert outcomes == {"one": clear(START), "two": Unknown("no reading")}
    assert (one.evaluations, two.evaluations) == (1, 1)


async def test_nothing_to_evaluate(thread: EvaluationThread) -> None:
    """Without evaluators nothing is done and no thread is started."""
    before = evaluators_at_work()
    assert await thread.run([], fake_readings(), at(0)) == {}
    assert evaluators_at_work() == before


async def test_loop_goes_on_meanwhile(thread: EvaluationThread, stuck: Blocking) -> None:
    """While an evaluator takes its time the event loop serves others, in the same thread for every pass."""
    running = asyncio.create_task(thread.run([stuck], fake_readings(), at(0)))
    await eventually(stuck.entered.is_set)
    stuck.go.set()
    assert (await running)["stuck"] == clear(START)
    before = evaluators_at_work()
    await thread.run([stuck], fake_readings(), at(1))
    assert evaluators_at_work() == before


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyError("y"), ZeroDivisionError()])
async def test_one_that_raises_is_named(thread: EvaluationThread, error: Exception) -> None:
    """Whatever an evaluator raises is its own fault; those before and after it are evaluated."""
    outcomes = await thread.run(
        [ScriptedEvaluator("one"), ScriptedEvaluator("bad", error), ScriptedEvaluator("two")], fake_readings(), at(0)
    )
    assert outcomes["bad"] == Fault(f"raised {type(error).__name__}")
    assert isinstance(outcomes["one"], Clear)
    assert isinstance(outcomes["two"], Clear)


async def test_one_that_hangs_delays_the_others_once(thread: EvaluationThread, stuck: Blocking) -> None:
    """A pass goes on without what hangs; the next ones do not wait for it, and do not call it again."""
    others = [ScriptedEvaluator("one"), stuck, ScriptedEvaluator("two")]
    outcomes = await thread.run(others, fake_readings(), at(0))
    assert outcomes == {"one": clear(START), "stuck": Unknown(f"no answer within {LATE} s"), "two": clear(START)}
    began = asyncio.get_running_loop().time()
    outcomes = await thread.run(others, fake_readings(), at(1.5))
    assert asyncio.get_running_loop().time() - began < LATE
    assert outcomes == {"one": clear(START), "stuck": Unknown("late by 1.5 s"), "two": clear(START)}
    assert stuck.calls == 1


async def test_one_that_hangs_becomes_a_fault(thread: EvaluationThread, stuck: Blocking) -> None:
    """An evaluator that has not come back after a while is faulty, for as long as it stays away."""
    await thread.run([stuck], fake_readings(), at(0))
    assert await thread.run([stuck], fake_readings(), at(2)) == {"stuck": Fault("hung for 2.0 s")}
    assert await thread.run([stuck], fake_readings(), at(60)) == {"stuck": Fault("hung for 60.0 s")}


async def test_a_pass_ends_in_time_whatever_hangs(thread: EvaluationThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more that hang than the pass has time for, it still ends; what was not reached is not suspected of anything.

    In the next pass it comes before those that were late.
    """
    monkeypatch.setattr(evaluation, "PASS_WITHIN", 1.5 * LATE)
    hung = [Blocking(str(n)) for n in range(3)]
    last = ScriptedEvaluator("last")
    began = asyncio.get_running_loop().time()
    outcomes = await thread.run([*hung, last], fake_readings(), at(0))
    assert asyncio.get_running_loop().time() - began < 4 * LATE
    assert sorted(outcomes) == ["0", "1"]
    for one in hung:
        one.go.set()
    await eventually(lambda: all(p.results for p, _ in thread._stuck.values()))
    assert (await thread.run([*hung, last], fake_readings(), at(1)))["last"] == clear(START)


async def test_one_that_comes_back_is_asked_again(thread: EvaluationThread, stuck: Blocking) -> None:
    """What an evaluator says too late is not used; it is asked anew."""
    await thread.run([stuck], fake_readings(), at(0))
    stuck.go.set()
    await eventually(lambda: thread._stuck["stuck"][0].results)
    assert await thread.run([stuck], fake_readings(), at(5)) == {"stuck": clear(START)}
    assert stuck.calls == 2


async def test_several_that_hang_are_all_named(thread: EvaluationThread, stuck: Blocking) -> None:
    """Each one that hangs costs its own delay, and the last one is evaluated all the same."""
    other = Blocking("other")
    outcomes = await thread.run([stuck, other, ScriptedEvaluator("last")], fake_readings(), at(0))
    assert isinstance(outcomes["stuck"], Unknown)
    assert isinstance(outcomes["other"], Unknown)
    assert outcomes["last"] == clear(START)
    other.go.set()


async def test_abandoned_threads_end(thread: EvaluationThread, stuck: Blocking) -> None:
    """A thread that was left to an evaluator that hung ends when that comes back."""
    before = evaluators_at_work()
    await thread.run([stuck, ScriptedEvaluator("one")], fake_readings(), at(0))
    assert len(evaluators_at_work() - before) == 2
    stuck.go.set()
    await eventually(lambda: len(evaluators_at_work() - before) == 1)
    thread.close()
    thread.close()
    await eventually(lambda: not evaluators_at_work() - before)


async def test_pass_that_ends_as_time_runs_out(thread: EvaluationThread, stuck: Blocking) -> None:
    """An evaluator that answers in the very moment in which it would be given up is believed, not suspected."""
    give_up = thread._abandon

    def at_the_last_moment(one: evaluation._Pass, now: Instant) -> None:
        stuck.go.set()
        while not one.results:
            pass
        give_up(one, now)

    thread._abandon = at_the_last_moment  # type: ignore[method-assign]  # the race, made certain
    assert await thread.run([stuck], fake_readings(), at(0)) == {"stuck": clear(START)}
    assert await thread.run([stuck], fake_readings(), at(1)) == {"stuck": clear(START)}


def test_evaluator_outlives_its_loop(stuck: Blocking) -> None:
    """An evaluator that answers after everything has ended disturbs nobody."""
    thread = EvaluationThread()

    async def begin() -> None:
        running = asyncio.create_task(thread.run([stuck], fake_readings(), at(0)))
        await eventually(stuck.entered.is_set)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(begin())
    before = evaluators_at_work()
    thread.close()
    stuck.go.set()
    asyncio.run(eventually(lambda: len(evaluators_at_work()) == len(before) - 1))
