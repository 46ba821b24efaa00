"""Runs evaluators on a thread of their own: one that raises or hangs is named, and the others go on."""

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ess_server.core.ports import EmergencyConditionEvaluator, Readings
from ess_server.core.readings import Instant, Unknown, Verdict

LATE_AFTER = 0.25
"""Seconds after which the pass goes on without an evaluator."""
PASS_WITHIN = 0.5
"""Seconds after which a pass ends, so that evaluators that hang take no gate's lease."""
HUNG_AFTER = 2.0
"""Seconds after which an evaluator that has not come back is faulty."""

_log = logging.getLogger("ess.evaluation")


@dataclass(frozen=True, slots=True)
class Fault:
    """An evaluator raised or hung; ``detail`` says which."""

    detail: str


@dataclass(slots=True)
class _Pass:
    """One run over some evaluators. The thread writes, the loop reads; a result once written never changes."""

    evaluators: Sequence[EmergencyConditionEvaluator]
    readings: Readings
    now: Instant
    loop: asyncio.AbstractEventLoop
    done: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[Verdict | Fault] = field(default_factory=list)
    abandoned: bool = False

    def work(self) -> None:
        for evaluator in self.evaluators:
            self.results.append(_evaluate(evaluator, self.readings, self.now))
            if self.abandoned:
                return
        # Closed means that the server has ended meanwhile, and nobody waits any more.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.done.set)


def _evaluate(evaluator: EmergencyConditionEvaluator, readings: Readings, now: Instant) -> Verdict | Fault:
    try:
        return evaluator.evaluate(readings, now)
    except Exception as error:  # noqa: BLE001 - whatever it raises, it is named and the others go on
        _log.exception("evaluator %s raised", evaluator.name)
        return Fault(f"raised {type(error).__name__}")


class EvaluationThread:
    """Evaluates in order, off the event loop."""

    def __init__(self) -> None:
        self._passes: queue.SimpleQueue[_Pass | None] | None = None
        self._stuck: dict[str, tuple[_Pass, float]] = {}
        self._late: set[str] = set()

    async def run(
        self, evaluators: Sequence[EmergencyConditionEvaluator], readings: Readings, now: Instant
    ) -> dict[str, Verdict | Fault]:
        """Return what each evaluator says, by name; takes at most PASS_WITHIN, whatever hangs.

        One that hangs is given up after LATE_AFTER and run last in the next pass. One that was not reached in time
        is left out: nothing is known against it, and it comes before the late ones in the next pass.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + PASS_WITHIN
        outcomes: dict[str, Verdict | Fault] = {}
        waiting = []
        for evaluator in sorted(evaluators, key=lambda e: e.name in self._late):
            stuck = self._still_stuck(evaluator.name, now)
            if stuck is None:
                waiting.append(evaluator)
            else:
                outcomes[evaluator.name] = stuck
        self._late.clear()
        while waiting and loop.time() < end:
            one = _Pass(waiting, readings, now, loop)
            self._queue().put(one)
            try:
                async with asyncio.timeout_at(min(loop.time() + LATE_AFTER, end)):
                    await one.done.wait()
            except TimeoutError:
                self._abandon(one, now)
            finished = len(one.results)
            outcomes.update({e.name: r for e, r in zip(waiting, one.results, strict=False)})
            if one.abandoned and finished < len(waiting):
                name = waiting[finished].name
                self._late.add(name)
                outcomes[name] = Unknown(f"no answer within {LATE_AFTER} s")
                finished += 1
            waiting = waiting[finished:]
        return outcomes

    def close(self) -> None:
        """Let the thread end."""
        if self._passes:
            self._passes.put(None)
            self._passes = None

    def _queue(self) -> "queue.SimpleQueue[_Pass | None]":
        if self._passes is None:
            self._passes = queue.SimpleQueue()
            # A daemon, because an evaluator that never returns must not keep the process from ending.
            threading.Thread(target=_serve, args=(self._passes,), name="evaluators", daemon=True).start()
        return self._passes

    def _abandon(self, one: _Pass, now: Instant) -> None:
        one.abandoned = True
        finished = len(one.results)
        if finished < len(one.evaluators):
            self._stuck[one.evaluators[finished].name] = (one, now.uptime)
            self.close()

    def _still_stuck(self, name: str, now: Instant) -> Unknown | Fault | None:
        if name not in self._stuck:
            return None
        one, since = self._stuck[name]
        position = [e.name for e in one.evaluators].index(name)
        if len(one.results) > position:
            del self._stuck[name]
            return None
        hung_for = now.uptime - since
        return Fault(f"hung for {hung_for:.1f} s") if hung_for >= HUNG_AFTER else Unknown(f"late by {hung_for:.1f} s")


def _serve(passes: "queue.SimpleQueue[_Pass | None]") -> None:
    while (one := passes.get()) is not None:
        one.work()
