"""Drawdown over any sequence: a breach is never lost, and nothing that is wrong, late or repeated passes for health."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.evaluators import DrawdownSettings
from ess_server.core.model import CauseSource
from ess_server.core.readings import Clear, Trip, Unknown, Warn
from ess_server.testing import FakeClock
from tests.core.drawdown_limits import BAD, HEALTHY, NEAR_MIDNIGHT, of_one, of_sum, quick
from tests.core.losses import Watch


def disturb(watch: Watch, name: str, value: Any) -> None:
    """Something that happens beside the readings that count."""
    if name == "bad":
        watch.read(value)
    elif name == "late":
        watch.read(value, at=watch.clock.now() - timedelta(minutes=5))
    elif name == "gap":
        watch.clock.advance(value)
    else:
        watch.move(1, at=watch.clock.now() - timedelta(days=value))


DISTURBANCES = st.lists(
    st.one_of(
        st.tuples(st.just("bad"), BAD),
        st.tuples(st.just("late"), HEALTHY),
        st.tuples(st.just("gap"), st.sampled_from([0.25, 3, 14, 40])),
        st.tuples(st.just("old flow"), st.just(2)),
    ),
    max_size=3,
)
STEPS = st.lists(st.tuples(HEALTHY, DISTURBANCES), min_size=1, max_size=12)
BREACHES = st.lists(st.tuples(st.integers(1, 870), DISTURBANCES), min_size=4, max_size=4)


@quick
@given(steps=STEPS, breaches=BREACHES, confirm=st.integers(1, 4), evaluated_always=st.booleans())
def test_breach_that_is_read_often_enough_is_always_decided(
    *, steps: list[tuple[str, Any]], breaches: list[tuple[int, Any]], confirm: int, evaluated_always: bool
) -> None:
    """Whatever came before it and lies between: the ``confirm``-th reading of a breach trips, and none before it."""
    watch = Watch(of_one(confirm), FakeClock(NEAR_MIDNIGHT))
    for amount, disturbances in steps:
        watch.clock.advance(1)
        watch.read(amount)
        decided = [watch.decide()]
        for name, value in disturbances:
            disturb(watch, name, value)
            decided.append(watch.decide())

        assert all(d is None or d.source is CauseSource.EVALUATOR_FAULT for d in decided)

    for number, (breach, disturbances) in enumerate(breaches[:confirm], 1):
        watch.clock.advance(1)
        watch.read(breach)
        found = watch.decide()

        assert (found is not None and found.source is CauseSource.EVALUATOR) == (number == confirm)

        for name, value in disturbances:
            disturb(watch, name, value)
            if evaluated_always:
                watch.decide()


@quick
@given(STEPS, st.lists(st.one_of(st.none(), st.integers(1, 870)), min_size=6, max_size=20), st.integers(1, 3))
def test_breaches_among_healthy_readings_are_decided_once_k_of_n_are_read(
    steps: list[tuple[str, Any]], path: list[int | None], k: int
) -> None:
    """By a count of readings in the test's own words, over any mixture of breaches and recoveries."""
    n = k + 2
    watch = Watch(of_one(k, n), FakeClock(NEAR_MIDNIGHT))
    for amount, _ in steps:
        watch.clock.advance(1)
        watch.read(amount)
        watch.decide()
    for place, breach in enumerate(path):
        watch.clock.advance(1)
        watch.read(breach or 1000)
        decided = watch.decide() is not None
        latest = path[max(0, place + 1 - n) : place + 1]

        assert decided == (breach is not None and sum(b is not None for b in latest) >= k)


@quick
@given(STEPS, st.lists(st.one_of(DISTURBANCES.map(tuple), st.just(("again",))), max_size=8))
def test_nothing_unusable_late_or_repeated_clears_a_breach_or_moves_a_mark(
    steps: list[tuple[str, Any]], garbage: list[Any]
) -> None:
    """After a breach: Trip or Unknown until it is read that it is over, and then measured from the same marks."""
    watch = Watch(of_one(), FakeClock())
    for amount, _ in steps:
        watch.clock.advance(1)
        watch.read(amount)
    watch.clock.advance(1)
    watch.read("850")
    marks, at = watch.metrics.account("main"), watch.clock.now()
    assert isinstance(watch.verdict(), Trip)
    for some in garbage:
        watch.clock.advance(1)
        for disturbance in some:
            if disturbance == "again":
                watch.read("850", at=at)
            elif disturbance[0] == "late":
                watch.read(disturbance[1], at=at - timedelta(seconds=0.5))
            elif disturbance[0] != "old flow":
                disturb(watch, *disturbance)

            assert isinstance(watch.verdict(), Trip | Unknown)

    known = watch.metrics.account("main")
    assert known is not None
    assert marks is not None
    if all(disturbance[0] != "late" for some in garbage for disturbance in some):
        assert known.baseline == marks.baseline

    watch.clock.advance(1)
    watch.read("850.5")

    assert isinstance(watch.verdict(), Trip)


@quick
@given(STEPS, BAD, st.integers(1, 5), st.sampled_from([99_999, 5_000]))
def test_one_reading_that_is_far_too_high_makes_no_later_one_a_loss(
    steps: list[tuple[str, Any]], bad: str, copies: int, high: int
) -> None:
    """Nor does its repetition by the source, or what is not usable beside it: the next healthy readings are Clear."""
    watch = Watch(of_one(), FakeClock())
    for amount, _ in steps:
        watch.clock.advance(1)
        watch.read(amount)
    watch.clock.advance(1)
    at = watch.clock.now()
    for _ in range(copies):
        watch.read(high, at=at)
        watch.read(bad)
    for _ in range(3):
        watch.clock.advance(1)
        watch.read(1000)

        assert isinstance(watch.verdict(), Clear | Warn)


RESULTS = st.tuples(st.integers(-40, 40), st.integers(-40, 40))
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["main", "hedge"]),
        st.sampled_from([-300, -50, 50, 300]),
        st.booleans(),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=1,
)


@quick
@given(st.lists(st.tuples(RESULTS, MOVES), min_size=2, max_size=15), st.sampled_from([of_one(), of_sum()]))
def test_no_flow_or_transfer_changes_a_loss(rounds: list[tuple[Any, Any]], wanted: DrawdownSettings) -> None:
    """Losses in money are those of the same results without any flow, however late a flow or its report is.

    A flow is a deposit or withdrawal, or half of a transfer whose other half follows some rounds later.
    """
    clock = FakeClock(NEAR_MIDNIGHT)
    moved, still = Watch(wanted, clock), Watch(wanted, clock)
    equity = {"main": [5000, 5000], "hedge": [5000, 5000]}
    due: list[tuple[int, str, int, datetime | None]] = []
    for number, (results, moves) in enumerate([*rounds, *[((0, 0), ())] * 10]):
        for account, amount, transfer, arrival, delay in moves:
            equity[account][0] += amount
            due.append((number + delay, account, amount, clock.now() + timedelta(seconds=0.5)))
            if transfer:
                other = "hedge" if account == "main" else "main"
                due.append((number + arrival + 1, other, -amount, None))
        clock.advance(1)
        for one in [d for d in due if d[0] <= number]:
            due.remove(one)
            _, account, amount, at = one
            if at is None:
                # The other half: it happens now, and is reported as it happens.
                equity[account][0] += amount
            moved.move(amount, account, at=at or clock.now() - timedelta(seconds=0.25))
        for account, result in zip(("main", "hedge"), results, strict=True):
            equity[account] = [have + result for have in equity[account]]
            clock.advance(0.1)
            moved.read(equity[account][0], account)
            still.read(equity[account][1], account)
        if not any(at for _, _, _, at in due):
            assert moved.lost() == still.lost()

    assert moved.lost() == still.lost()
