"""When delayed flattens are due. Only a person ends one: a hold or a reset."""

from collections.abc import Iterable
from datetime import timedelta
from math import inf

from ess_server.core.latch import Activation
from ess_server.core.model import SERVER, Action, Cause, CauseSource, DelayedFlatten, Stop
from ess_server.core.ports import Clock


class FlattenDelays:
    """Keeps the uptime at which each standing stop is to be raised to FLATTEN.

    While the process runs, uptime counts, so that a wall clock that is set brings nothing forward and puts nothing
    off. Of a stop that was there at the start, what is left by the recorded UTC counts, from nothing to all of the
    delay: a clock that was set back meanwhile puts it off by no more than that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, tuple[DelayedFlatten, float]] = {}

    def follow(self, stops: Iterable[Stop]) -> None:
        """Take note of the stops that stand now."""
        followed = {}
        for stop in stops:
            if stop.flatten:
                known = self._due.get(stop.stop_id)
                unchanged = known is not None and known[0] == stop.flatten
                followed[stop.stop_id] = known if known and unchanged else (stop.flatten, self._due_of(stop.flatten))
        self._due = followed

    def wanted(self, standing: Stop | None, delay: timedelta) -> DelayedFlatten | None:
        """Return what a stop is to carry that shall be raised after ``delay``; None for as it stands.

        A ``delay`` of zero asks for none, and of two the earlier one counts.
        """
        if not delay or (standing and self.is_due_within(standing, delay)):
            return None
        return DelayedFlatten(time=self._clock.now() + delay, delay=delay)

    def is_due_within(self, stop: Stop, delay: timedelta) -> bool:
        """Whether ``stop`` will be raised no later than ``delay`` from now."""
        _, due = self._due.get(stop.stop_id, (None, inf))
        return due - self._clock.uptime() <= delay.total_seconds()

    @property
    def next_due(self) -> float:
        """Uptime at which the next one is due; infinite without any."""
        return min((due for _, due in self._due.values()), default=inf)

    def overdue(self, stops: Iterable[Stop]) -> list[Activation]:
        """Return what raises those of ``stops`` whose delay is over."""
        now = self._clock.uptime()
        return [self._raise(s) for s in stops if self._due.get(s.stop_id, (None, inf))[1] <= now]

    def _raise(self, stop: Stop) -> Activation:
        delay = self._due[stop.stop_id][0].delay.total_seconds()
        reason = f"nobody held {stop.scope} within {delay:g} s"
        cause = Cause(source=CauseSource.EVALUATOR, reason=reason, actor=SERVER, time=self._clock.now())
        return Activation(scope=stop.scope, action=Action.FLATTEN, cause=cause)

    def _due_of(self, flatten: DelayedFlatten) -> float:
        left = min(max(flatten.time - self._clock.now(), timedelta(0)), flatten.delay)
        return self._clock.uptime() + left.total_seconds()
