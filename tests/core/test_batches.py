"""However observations are batched: a breach beyond ``confirm`` is decided on, and nothing that follows clears it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.core.attention import Lookout, Subject
from ess_server.core.evaluators import (
    DataFeedEvaluator,
    DataFeedSettings,
    EvaluatorSettings,
    ExecutionErrorsEvaluator,
    ExecutionErrorsSettings,
    SystemHealthEvaluator,
    SystemHealthSettings,
)
from ess_server.core.intake import Intake
from ess_server.core.late_orders import LateOrders
from ess_server.core.ports import Readings
from ess_server.core.readings import ComponentHealth, ExecutionType, HealthStatus
from ess_server.core.watched import Watched
from ess_server.testing import FakeClock, FakeMetrics
from tests.exploration import explored

from .door import REPORT, UPDATE

BUILDERS: dict[type[EvaluatorSettings], Any] = {
    SystemHealthSettings: SystemHealthEvaluator,
    ExecutionErrorsSettings: ExecutionErrorsEvaluator,
    DataFeedSettings: DataFeedEvaluator,
}


class Watch:
    """One evaluator behind the intake, looked at as the monitor does: after a batch, for as long as anything waits."""

    def __init__(self, of: EvaluatorSettings) -> None:
        self.clock = FakeClock()
        self.lookout = Lookout()
        self.readings = Readings(FakeMetrics(), ReportedHealthMonitor(self.clock), ReportedFeedMonitor())
        self.watched = Watched(BUILDERS[type(of)](of), of)
        nothing = SimpleNamespace(
            clock=self.clock, accounts=(), state=SimpleNamespace(stops=()), on_latch=lambda _: None
        )
        self.intake = Intake(self.readings, self.clock, self, LateOrders(cast(Any, nothing)))
        self.decided = False

    def counts(self, *subjects: Subject) -> bool:
        """As the monitor."""
        return self.watched.settings.confirm_of > 1 and self.watched.attentive.is_concerned(frozenset(subjects))

    def look(self) -> None:
        """Evaluate until nothing waits."""
        for _ in range(100):
            with self.lookout.look():
                now = self.clock.instant()
                verdict = self.watched.attentive.evaluate(self.readings, now)
                self.decided |= self.watched.take(verdict, now).decision is not None
            if not self.lookout.is_wanted:
                assert not self.intake.waiting
                return
        raise AssertionError("observations wait for ever")

    def take(self, number: int, what: str) -> None:
        """Take one observation, a millisecond after the one before."""
        self.clock.advance(0.001)
        now, uptime = self.clock.now(), self.clock.uptime()
        match self.watched.settings:
            case SystemHealthSettings():
                status = HealthStatus.CRITICAL if what == "bad" else HealthStatus.HEALTHY
                word = ComponentHealth(component="oms", status=status, detail="", time=now, received=uptime)
                self.intake.health(word)
            case ExecutionErrorsSettings():
                kind = ExecutionType.REJECTED if what == "bad" else ExecutionType.NEW
                report = replace(REPORT, id=f"x{number}", client_order_id=f"c{number}", quantity=Decimal(number + 1))
                self.intake.execution(replace(report, execution_type=kind, time=now, received=uptime))
            case _:
                changes: dict[str, Any] = {
                    "good": {},
                    "bad": {"corrupt": True},
                    "NaN": {"bid": Decimal("NaN")},
                    "infinite": {"ask": Decimal("Infinity")},
                    "zero": {"last": Decimal(0)},
                    "crossed": {"bid": Decimal(3)},
                    "back": {"time": now - timedelta(seconds=10 - number / 10)},
                }[what]
                self.intake.feed(replace(UPDATE, **({"time": now, "received": uptime} | changes)))


def limits(kind: str, confirm: int) -> EvaluatorSettings:
    """Settings of a kind that confirm ``confirm`` of as many readings."""
    if kind == "health":
        return SystemHealthSettings(confirm=confirm)
    if kind == "executions":
        return ExecutionErrorsSettings(account="main", max_failed_orders=3, confirm=confirm)
    return DataFeedSettings(feed="f", confirm=confirm)


def run(of: EvaluatorSettings, batches: list[list[str]]) -> bool:
    """Whether these batches, taken each in one go, led to a decision."""
    watch, number = Watch(of), 0
    for batch in batches:
        for what in batch:
            watch.take(number, what)
            number += 1
        watch.look()
    return watch.decided


words = {
    "health": st.sampled_from(["good", "bad"]),
    "executions": st.sampled_from(["good", "bad"]),
    "feed": st.sampled_from(["good", "bad", "NaN", "infinite", "zero", "crossed", "back"]),
}


@pytest.mark.parametrize("kind", sorted(words))
@explored(60)
@given(data=st.data(), confirm=st.integers(1, 3))
def test_batches_decide_as_single_observations_do(kind: str, data: st.DataObject, confirm: int) -> None:
    """Whatever comes in one go, the decision is the one that would have been taken observation by observation."""
    batches = data.draw(st.lists(st.lists(words[kind], min_size=1, max_size=5), max_size=4))
    singly = [[what] for batch in batches for what in batch]

    assert run(limits(kind, confirm), batches) == run(limits(kind, confirm), singly)


def test_good_reading_between_bad_ones_is_counted_as_well() -> None:
    """A component that was well in between has not been CRITICAL three times in a row, however that is reported."""
    assert not run(limits("health", 3), [["bad"], ["good", "bad", "bad"]])


@pytest.mark.parametrize("kind", sorted(words))
@explored(60)
@given(data=st.data(), confirm=st.integers(1, 3))
def test_breach_that_was_read_often_enough_is_decided_on(kind: str, data: st.DataObject, confirm: int) -> None:
    """So many bad observations in a row always decide, between any others, in any batches."""
    bad = words[kind].filter(lambda what: what not in ("good", "back"))
    needed = confirm + (2 if kind == "executions" else 0)
    breach = data.draw(st.lists(bad, min_size=needed, max_size=needed))
    others = st.lists(words[kind], max_size=5)
    stream = [*data.draw(others), *breach, *data.draw(others)]
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=4))
    edges = sorted({0, len(stream), *cuts})
    batches = [stream[a:b] for a, b in pairwise(edges)]

    assert run(limits(kind, confirm), batches)
