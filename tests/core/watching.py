"""A monitor whose evaluators run in the step that asks for them, over a commissioned controller."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ess_server.core.errors import StoreError
from ess_server.core.evaluation import Fault, _evaluate
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.model import Action, Scope, Stop
from ess_server.core.monitor import Monitor, MonitorSettings
from ess_server.core.ports import EmergencyConditionEvaluator, Readings
from ess_server.core.readings import Instant, Measure, Verdict, Warn
from ess_server.core.watched import Watched
from ess_server.testing import START, ScriptedEvaluator, fake_readings, trip

from .rig import RecordingFlattener, Rig, commissioned
from .virtual_time import running_clock


class InlineThread:
    """Stands in for ``EvaluationThread`` where time is not real."""

    def __init__(self) -> None:
        self.closed = False

    async def run(
        self, evaluators: Sequence[EmergencyConditionEvaluator], readings: Readings, now: Instant
    ) -> dict[str, Verdict | Fault]:
        """See ``EvaluationThread.run``."""
        return {e.name: _evaluate(e, readings, now) for e in evaluators}

    def close(self) -> None:
        """See ``EvaluationThread.close``."""
        self.closed = True


class FakeTripwire:
    """A tripwire file: there while ``text`` is not None, unreadable while ``broken``, silent while ``hang`` is shut."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.broken = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.looks = 0

    async def reason(self) -> str | None:
        """See ``Tripwire.reason``."""
        self.looks += 1
        await self.answers.wait()
        if self.broken:
            raise StoreError("the data directory cannot be read")
        return self.text


@dataclass(slots=True)
class Watch:
    """A monitor and all that it watches."""

    rig: Rig
    monitor: Monitor
    tripwire: FakeTripwire
    thread: InlineThread
    evaluators: dict[str, ScriptedEvaluator] = field(default_factory=dict)

    def trips(self, *names: str) -> None:
        """Let these evaluators read a breach from now on."""
        for name in names:
            self.evaluators[name].verdict = trip(running_clock().now(), value="11")

    def says(self, name: str, verdict: object) -> None:
        """Let an evaluator answer ``verdict``, or raise it, from now on."""
        self.evaluators[name].verdict = verdict  # type: ignore[assignment]  # some answer with what is none

    async def ticks(self, number: int = 1) -> None:
        """Tick as the loop does, a quarter of a second apart."""
        for _ in range(number):
            await self.monitor.tick()
            running_clock().advance(0.25)

    @property
    def flattener(self) -> RecordingFlattener:
        """Where work goes."""
        flattener = self.rig.controller._flattener
        assert isinstance(flattener, RecordingFlattener)
        return flattener


def on(name: str, scope: str = "", action: Action = Action.FLATTEN, **more: object) -> EvaluatorSettings:
    """Return the settings of a scripted evaluator."""
    return EvaluatorSettings(
        kind="scripted",
        name=name,
        scope=Scope.parse(scope),
        action=action,
        **more,  # type: ignore[arg-type]  # the tests name fields of the settings
    )


async def watching(*settings: EvaluatorSettings, rig: Rig | None = None) -> Watch:
    """Return a monitor over scripted evaluators with these settings, all of them clear."""
    rig = rig or await commissioned()
    evaluators = {s.name: ScriptedEvaluator(s.name) for s in settings}
    tripwire, thread = FakeTripwire(), InlineThread()
    monitor = Monitor(
        controller=rig.controller,
        watched=[Watched(evaluators[s.name], s) for s in settings],
        readings=fake_readings(),
        tripwire=tripwire,
        settings=MonitorSettings(tripwire_action=Action.CANCEL),
    )
    monitor._thread = thread  # type: ignore[assignment]  # a stand-in
    return Watch(rig, monitor, tripwire, thread, evaluators)


def only(watch: Watch) -> Stop:
    """Return the one stop that stands."""
    (stop,) = watch.rig.state.stops
    return stop


def warn(tier: int) -> Warn:
    """Return a verdict past a warn tier."""
    return Warn(Measure(value=Decimal(tier), limit=Decimal(100), time=START), tier, f"{tier} % of the limit")
