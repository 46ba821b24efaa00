"""An evaluator under watch: what it said last, and what a reset has done to it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.confirm import Decision
from ess_server.core.evaluation import Fault
from ess_server.core.evaluators import EvaluatorSettings, ManualEvaluator, ManualSettings, Mode, OnUnknown
from ess_server.core.model import Action, CauseSource
from ess_server.core.readings import Clear, EvaluatorStatus, Instant, Trip, Unknown, Verdict, Warn
from ess_server.core.watched import Watched
from ess_server.testing import START, FakeClock, ScriptedEvaluator, clear, fake_readings, trip

SETTINGS = EvaluatorSettings(kind="scripted", name="drawdown", unknown_after=timedelta(seconds=15))
WARN = Warn(replace(clear(START).measure, value=Decimal(9)), 90, "90 % of the limit")


@pytest.fixture
def clock() -> FakeClock:
    """The time."""
    return FakeClock()


def watched(settings: EvaluatorSettings = SETTINGS) -> Watched:
    """Return a scripted evaluator under watch."""
    return Watched(ScriptedEvaluator(settings.name), settings)


@pytest.mark.parametrize(
    ("verdict", "status", "detail", "tier"),
    [
        (clear(START), EvaluatorStatus.CLEAR, "", 0),
        (WARN, EvaluatorStatus.WARN, "90 % of the limit", 90),
        (trip(START), EvaluatorStatus.TRIP, "scripted breach", 90),
        (Unknown("no reading"), EvaluatorStatus.UNKNOWN, "no reading", 0),
        (Fault("raised KeyError"), EvaluatorStatus.UNKNOWN, "raised KeyError", 0),
    ],
    ids=lambda v: type(v).__name__,
)
def test_last_verdict_is_shown(
    clock: FakeClock, verdict: Verdict | Fault, status: EvaluatorStatus, detail: str, tier: int
) -> None:
    """People see the last verdict with its measure, detail and tier, beside the settings."""
    one = watched()
    one.take(verdict, clock.instant())
    view = one.view(clock.instant())
    assert (view.status, view.detail, view.tier_percent) == (status, detail, tier)
    assert (view.name, view.kind, view.action, view.shadow) == ("drawdown", "scripted", Action.FLATTEN, False)
    assert (view.measure is None) is isinstance(verdict, Unknown | Fault)
    assert (one.stands, one.unknown) == (isinstance(verdict, Trip), isinstance(verdict, Unknown | Fault))


def test_not_evaluated_yet_is_unknown(clock: FakeClock) -> None:
    """Before the first verdict nothing is known, and that is what is shown."""
    view = watched().view(clock.instant())
    assert (view.status, view.detail) == (EvaluatorStatus.UNKNOWN, "not evaluated yet")


def test_last_measure_stays_beside_an_unknown(clock: FakeClock) -> None:
    """While nothing can be read the last measure and tier are still shown."""
    one = watched()
    one.take(WARN, clock.instant())
    one.take(Unknown("no reading"), clock.instant())
    view = one.view(clock.instant())
    assert (view.measure, view.tier_percent, view.status) == (WARN.measure, 90, EvaluatorStatus.UNKNOWN)


def test_breach_is_a_decision(clock: FakeClock) -> None:
    """A breach is decided with the action of the settings, a fault with BLOCK, at once."""
    one = watched()
    assert one.take(clear(START), clock.instant()).decision is None
    breach = one.take(trip(START), clock.instant()).decision
    assert breach
    assert (breach.action, breach.source, breach.first) == (Action.FLATTEN, CauseSource.EVALUATOR, True)
    fault = one.take(Fault("raised KeyError"), clock.instant()).decision
    assert fault
    assert (fault.action, fault.source) == (Action.BLOCK, CauseSource.EVALUATOR_FAULT)
    assert fault.reason == "drawdown: raised KeyError"


def test_unknown_too_long_is_a_decision(clock: FakeClock) -> None:
    """Silence is borne for a while and then blocks, unless it is to be ignored."""
    one, ignored = watched(), watched(replace(SETTINGS, on_unknown=OnUnknown.IGNORE))
    decisions: list[Decision | None] = []
    for _ in range(4):
        decisions.append(one.take(Unknown("no reading"), clock.instant()).decision)
        assert ignored.take(Unknown("no reading"), clock.instant()).decision is None
        clock.advance(5)
    assert [bool(d) for d in decisions] == [False, False, False, True]


def test_forget_counts_anew(clock: FakeClock) -> None:
    """After a release confirmation begins at nothing."""
    one = watched(replace(SETTINGS, confirm=2, confirm_of=2))
    one.take(trip(START), clock.instant())
    one.forget()
    clock.advance(1)
    assert one.take(trip(clock.now()), clock.instant()).decision is None
    clock.advance(1)
    assert one.take(trip(clock.now()), clock.instant()).decision


def test_inhibited_until_clear(clock: FakeClock) -> None:
    """What a reset went past is inhibited until it has read clear once; a warning is not clear."""
    one = watched()
    one.take(trip(START), clock.instant())
    one.inhibit(clock.uptime() + 900)
    for verdict in (trip(START), WARN, Unknown("no reading"), Fault("hung")):
        one.take(verdict, clock.instant())
        assert one.is_inhibited(clock.uptime())
        assert one.view(clock.instant()).status is EvaluatorStatus.INHIBITED
    one.take(clear(START), clock.instant())
    assert not one.is_inhibited(clock.uptime())


def test_inhibited_for_a_while(clock: FakeClock) -> None:
    """An inhibition ends by itself: forgetting it for good would switch the evaluator off."""
    one = watched()
    one.inhibit(clock.uptime() + 900)
    clock.advance(899)
    assert one.is_inhibited(clock.uptime())
    clock.advance(1)
    assert not one.is_inhibited(clock.uptime())


@pytest.mark.parametrize("how", ["latched", "inhibit"])
def test_request_by_hand_is_dropped(clock: FakeClock, how: str) -> None:
    """A request by hand is gone once it is a stop, or once a person has gone past it; a later one counts."""
    manual = ManualEvaluator(ManualSettings())
    one = Watched(manual, ManualSettings())
    manual.request("first")
    one.take(manual.evaluate(fake_readings(), clock.instant()), clock.instant())
    manual.request("second")
    one.latched() if how == "latched" else one.inhibit(clock.uptime() + 900)
    verdict = manual.evaluate(fake_readings(), clock.instant())
    assert isinstance(verdict, Trip)
    assert verdict.detail == "requested by hand: second"
    one.take(verdict, clock.instant())
    one.latched()
    assert isinstance(manual.evaluate(fake_readings(), clock.instant()), Clear)


def test_latched_without_a_request(clock: FakeClock) -> None:
    """Being latched changes nothing for an evaluator that nobody asked."""
    manual = ManualEvaluator(ManualSettings())
    one = Watched(manual, ManualSettings())
    one.latched()
    other = watched()
    other.take(trip(START), clock.instant())
    other.latched()
    assert other.stands


def test_shadow_and_scope_are_those_of_the_settings() -> None:
    """A shadow evaluator is known as one."""
    one = watched(replace(SETTINGS, mode=Mode.SHADOW))
    assert one.shadow
    assert one.scope == SETTINGS.scope
    assert one.view(Instant(START, 0)).shadow


def test_verdict_that_cannot_be_used_leaves_no_measure() -> None:
    """A verdict that breaks the arithmetic raises, and nothing of it is shown as a measure."""
    one = watched()
    with pytest.raises(AttributeError):
        one.take(None, Instant(START, 0))  # type: ignore[arg-type]  # what a foreign evaluator may answer
    assert one.view(Instant(START, 0)).measure is None


@pytest.mark.parametrize(
    "last", [clear(START), WARN, trip(START), Unknown("no reading")], ids=lambda v: type(v).__name__
)
def test_two_that_took_the_same_agree_in_their_memory(clock: FakeClock, last: Verdict) -> None:
    """What bears on what follows is the same after the same verdicts, and another after one more that is unknown."""
    one, other = watched(), watched()
    for verdict in (WARN, trip(START), last):
        clock.advance(1)
        assert one.take(verdict, clock.instant()) == other.take(verdict, clock.instant())
        assert one.memory() == other.memory()
    clock.advance(1)
    other.take(Fault("raised KeyError"), clock.instant())

    assert one.memory() != other.memory()
