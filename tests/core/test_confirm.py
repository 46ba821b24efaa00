"""Confirmation: one bad reading does not stop the book, and not knowing for long is a fault."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.confirm import Confirmation, Decision
from ess_server.core.evaluators import EvaluatorSettings, OnUnknown
from ess_server.core.model import Action, CauseSource
from ess_server.core.readings import Clear, Instant, Measure, Trip, Unknown, Verdict, Warn
from ess_server.testing import START
from tests.exploration import explored

UNKNOWN = Unknown("no equity yet")


def rule(confirm: int = 1, of: int = 0, within: float = 60, unknown_after: float = 15) -> EvaluatorSettings:
    """Settings of an evaluator that is to be confirmed."""
    return EvaluatorSettings(
        kind="drawdown",
        confirm=confirm,
        confirm_of=of,
        confirm_within=timedelta(seconds=within),
        unknown_after=timedelta(seconds=unknown_after),
    )


def at(second: float) -> Instant:
    """An instant some seconds after the start."""
    return Instant(START + timedelta(seconds=second), 1000.0 + second)


def measure(read: float) -> Measure:
    """A measure read some seconds after the start."""
    return Measure(value=Decimal("12.5"), limit=Decimal(10), time=START + timedelta(seconds=read))


def breach(read: float) -> Trip:
    """A breach read some seconds after the start."""
    return Trip(measure(read), "12.5 % reached the limit of 10 %")


def fine(read: float) -> Clear:
    """A reading without a breach."""
    return Clear(measure(read))


def test_one_of_one_trips_at_once_and_says_what_the_verdict_said() -> None:
    """Without confirmation the first breach is the decision."""
    decision = Confirmation(rule()).decide(breach(0), at(0))

    assert decision == Decision(
        source=CauseSource.EVALUATOR,
        action=Action.FLATTEN,
        reason="12.5 % reached the limit of 10 %",
        reading="12.5",
        limit="10",
    )


def test_decision_stands_for_as_long_as_the_breach_and_is_first_once() -> None:
    """Whoever acts on it may act again after a reset; whoever only records it sees it begin once."""
    confirmation = Confirmation(rule())
    verdicts: list[Verdict] = [breach(0), breach(0), breach(2), fine(3), breach(4)]
    decisions = [confirmation.decide(v, at(n)) for n, v in enumerate(verdicts)]

    assert [d and d.first for d in decisions] == [True, False, False, None, True]


def test_second_reading_confirms_the_first() -> None:
    """Two of two: the reason tells how many showed it."""
    confirmation = Confirmation(rule(confirm=2))
    decisions = [confirmation.decide(breach(n), at(n)) for n in range(2)]

    assert decisions[0] is None
    assert decisions[1] is not None
    assert decisions[1].reason.endswith("(2 of the last 2 readings)")
    assert confirmation.breaches == 2


def test_clear_between_two_breaches_resets_two_of_two_but_not_two_of_three() -> None:
    """Two of three looks at the last three readings, no further."""
    verdicts: list[Verdict] = [breach(0), fine(1), breach(2)]
    strict, lenient = Confirmation(rule(confirm=2)), Confirmation(rule(confirm=2, of=3))

    assert [strict.decide(v, at(n)) for n, v in enumerate(verdicts)] == [None] * 3
    assert [bool(lenient.decide(v, at(n))) for n, v in enumerate(verdicts)] == [False, False, True]


def test_warn_is_no_breach() -> None:
    """A reading below the limit takes the place of a breach, however near it is."""
    confirmation = Confirmation(rule(confirm=2))
    verdicts: list[Verdict] = [breach(0), Warn(measure(1), 90, "near"), breach(2)]

    assert [confirmation.decide(v, at(n)) for n, v in enumerate(verdicts)] == [None] * 3


def test_unknown_between_two_breaches_does_not_undo_the_first() -> None:
    """A gap is no evidence that a breach is over."""
    confirmation = Confirmation(rule(confirm=2))
    verdicts: list[Verdict] = [breach(0), UNKNOWN, UNKNOWN, breach(3)]

    assert [bool(confirmation.decide(v, at(n))) for n, v in enumerate(verdicts)] == [False, False, False, True]


def test_confirmed_breach_does_not_trip_on_a_later_clear_reading() -> None:
    """Two of three may still be breaches; the present reading has to be one."""
    confirmation = Confirmation(rule(confirm=2, of=3))
    for n in range(2):
        confirmation.decide(breach(n), at(n))

    assert confirmation.decide(fine(2), at(2)) is None
    assert confirmation.breaches == 2


def test_breaches_farther_apart_than_the_time_do_not_confirm_each_other() -> None:
    """Within 10 s counts at 10 s exactly, and not after."""
    for second, confirmed in ((10.0, True), (10.5, False)):
        confirmation = Confirmation(rule(confirm=2, within=10))
        confirmation.decide(breach(0), at(0))

        assert confirmed == bool(confirmation.decide(breach(second), at(second)))


def test_reading_that_is_judged_anew_counts_as_last_judged() -> None:
    """A deposit that explains the loss takes the breach back; a reading never counts as two."""
    confirmation = Confirmation(rule(confirm=2))
    confirmation.decide(breach(0), at(0))
    confirmation.decide(fine(0), at(1))

    assert confirmation.decide(breach(2), at(2)) is None
    assert confirmation.breaches == 1


def test_reading_without_a_breach_takes_one_place_however_often_it_is_judged() -> None:
    """Looking again at what is fine pushes no earlier breach out of the latest readings."""
    confirmation = Confirmation(rule(confirm=2, of=3))
    for second, verdict in enumerate([breach(0), fine(1), fine(1), fine(1)]):
        confirmation.decide(verdict, at(second))

    assert confirmation.decide(breach(4), at(4)) is not None


def test_breach_that_is_judged_again_after_a_later_one_counts_no_second_time() -> None:
    """One component that stays critical and another that is for a moment are two readings, and not three."""
    confirmation = Confirmation(rule(confirm=3))

    decisions = [confirmation.decide(breach(read), at(second)) for second, read in enumerate((0, 1, 0, 1, 0))]

    assert decisions == [None] * 5
    assert confirmation.decide(breach(5), at(5)) is not None


@given(st.lists(st.floats(0, 20), min_size=1, max_size=40), st.integers(2, 5), st.integers(0, 5), st.data())
def test_one_bad_reading_never_trips_when_two_must_confirm(
    pauses: list[float], confirm: int, more: int, data: st.DataObject
) -> None:
    """However often one breach is evaluated, among whatever else, for however long, it stays one."""
    confirmation = Confirmation(rule(confirm=confirm, of=confirm + more, within=15))
    bad = data.draw(st.integers(0, len(pauses)))
    second = 0.0
    for number, pause in enumerate(pauses):
        second += pause
        others: list[Verdict] = [fine(number), Warn(measure(number), 50, "near"), UNKNOWN]
        verdict = breach(bad) if number >= bad and data.draw(st.booleans()) else data.draw(st.sampled_from(others))
        if number > bad and isinstance(verdict, Clear | Warn):
            bad = len(pauses)
        decision = confirmation.decide(verdict, at(second))

        assert decision is None or decision.source is CauseSource.EVALUATOR_FAULT


@dataclass(frozen=True)
class Step:
    """One evaluation: after a pause, of a new reading or the one before."""

    pause: float
    kind: str


STEPS = st.lists(
    st.builds(Step, st.sampled_from([0.0, 1.0, 4.0, 9.0]), st.sampled_from(["trip", "clear", "unknown"])), max_size=40
)


@explored(300)
@given(STEPS, st.integers(1, 4), st.integers(0, 3))
def test_breach_that_is_confirmed_always_trips(steps: list[Step], confirm: int, more: int) -> None:
    """By the definition written down: k of the last n readings, none older than the time, the present one a breach."""
    confirmation = Confirmation(rule(confirm=confirm, of=confirm + more, within=10))
    seen: list[tuple[float, bool]] = []
    second = 0.0
    for number, step in enumerate(steps):
        second += step.pause
        if step.kind == "unknown":
            confirmation.decide(UNKNOWN, at(second))
            continue
        seen.append((second, step.kind == "trip"))
        decision = confirmation.decide(breach(number) if step.kind == "trip" else fine(number), at(second))
        window = [(s, tripped) for s, tripped in seen if second - s <= 10][-(confirm + more) :]

        assert bool(decision) == (step.kind == "trip" and sum(t for _, t in window) >= confirm)


@explored(300)
@given(STEPS)
def test_unknown_for_too_long_is_a_fault_exactly_from_then_on(steps: list[Step]) -> None:
    """From the first Unknown of an unbroken run, at 15 s and after, until something is known."""
    confirmation = Confirmation(rule(confirm=100))
    since, second = None, 0.0
    for number, step in enumerate(steps):
        second += step.pause
        since = (second if since is None else since) if step.kind == "unknown" else None
        decision = confirmation.decide(UNKNOWN if step.kind == "unknown" else fine(number), at(second))

        assert bool(decision) == (since is not None and second - since >= 15)


def test_fault_blocks_and_says_for_how_long_nothing_was_known() -> None:
    """The decision carries the evaluator, the time and what is missing, and no reading."""
    confirmation = Confirmation(rule())
    confirmation.decide(UNKNOWN, at(0))
    decision = confirmation.decide(UNKNOWN, at(15))

    assert decision == Decision(
        source=CauseSource.EVALUATOR_FAULT,
        action=Action.BLOCK,
        reason="drawdown: unknown for 15.0 s: no equity yet",
    )


def test_evaluator_that_fails_is_a_fault_at_once() -> None:
    """Raising, hanging or overrunning is not waited out."""
    decision = Confirmation(rule()).fail("raised ZeroDivisionError")

    assert decision is not None
    assert decision.source is CauseSource.EVALUATOR_FAULT
    assert decision.reason == "drawdown: raised ZeroDivisionError"


def test_fault_that_is_to_be_ignored_decides_nothing() -> None:
    """Only if configured so."""
    confirmation = Confirmation(
        EvaluatorSettings(kind="drawdown", on_unknown=OnUnknown.IGNORE, unknown_after=timedelta(0))
    )

    assert confirmation.decide(UNKNOWN, at(0)) is None
    assert confirmation.fail("hung") is None


def test_breach_after_a_fault_is_a_new_decision() -> None:
    """The stronger action of a breach that is read must not hide behind the fault before it."""
    confirmation = Confirmation(rule(unknown_after=0))
    fault, trip = confirmation.decide(UNKNOWN, at(0)), confirmation.decide(breach(1), at(1))

    assert fault is not None
    assert trip is not None
    assert (fault.source, fault.first) == (CauseSource.EVALUATOR_FAULT, True)
    assert (trip.source, trip.first) == (CauseSource.EVALUATOR, True)


def test_forgetting_starts_anew() -> None:
    """After a reset, neither an old breach nor an old silence counts, and a decision begins again."""
    breached, silent, standing = Confirmation(rule(confirm=2)), Confirmation(rule()), Confirmation(rule())
    breached.decide(breach(0), at(0))
    silent.decide(UNKNOWN, at(0))
    standing.decide(breach(0), at(0))
    for confirmation in (breached, silent, standing):
        confirmation.forget()
    again = standing.decide(breach(1), at(1))

    assert breached.breaches == 0
    assert breached.decide(breach(2), at(2)) is None
    assert silent.decide(UNKNOWN, at(20)) is None
    assert again is not None
    assert again.first
