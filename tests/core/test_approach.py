"""Warn tiers that do not flap, and near misses: each approach of the limit that went away is told once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.approach import Approach
from ess_server.core.evaluation import Fault
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.limits import Finding, judge
from ess_server.core.readings import Clear, Instant, Measure, Trip, Unknown, Verdict
from ess_server.core.watched import Happened, Watched
from ess_server.testing import START, ScriptedEvaluator

TIERS = (50, 75, 90)


def at(second: int) -> Instant:
    """The moment so many seconds after the start."""
    return Instant(START + timedelta(seconds=second), 1000.0 + second)


def reading(used: str, second: int = 0, tiers: tuple[int, ...] = TIERS) -> Verdict:
    """The verdict on a reading that uses so many percent of a limit of 10."""
    measure = Measure(value=Decimal(used) / 10, limit=Decimal(10), time=at(second).time)
    return judge("it", [Finding(measure, used, "10")], warn_percent=tiers)


def watched(*, confirm: int = 3, tiers: tuple[int, ...] = TIERS) -> Watched:
    """An evaluator that confirms with so many readings in a row."""
    settings = EvaluatorSettings(kind="scripted", name="it", confirm=confirm, confirm_of=confirm, warn_percent=tiers)
    return Watched(ScriptedEvaluator("it"), settings)


def fed(one: Watched, *used: str | None, tiers: tuple[int, ...] = TIERS) -> list[Happened]:
    """Feed readings a second apart, None for an unknown one, and return what each led to."""
    return [
        one.take(Unknown("dark") if u is None else reading(u, second, tiers), at(second))
        for second, u in enumerate(used)
    ]


@pytest.mark.parametrize(
    ("used", "tiers"),
    [
        (["49", "50", "45.1", "45", "44.9", "49.9", "50"], [0, 50, 50, 50, 0, 0, 50]),
        (["92", "86", "85", "84.9", "75", "70", "69.9"], [90, 90, 90, 75, 75, 75, 50]),
        (["76", "91", "10"], [75, 90, 0]),
        (["20", "101", "99", "86", "101", "84"], [0, 90, 90, 90, 90, 75]),
        (["60", None, "46", None, "44"], [50, 50, 50, 50, 0]),
    ],
)
def test_tier_rises_at_once_and_falls_clearly_below(used: list[str | None], tiers: list[int]) -> None:
    """A tier is left 5 points below itself and not before; the unknown leaves none, and a breach is the highest."""
    one = watched()
    before, shown = 0, []
    for second, what in enumerate(fed(one, *used)):
        before = before if what.tier_percent is None else what.tier_percent
        shown.append(before)
        assert what.tier_percent is None or second == 0 or shown[-1] != shown[-2]
    assert shown == tiers
    assert one.tier_percent == tiers[-1]


def test_what_flaps_all_the_time_is_one_warning() -> None:
    """A component that is well and unwell a hundred times a second floods no log."""
    one, changes = watched(), []
    for number in range(301):
        now = Instant(START + timedelta(milliseconds=10 * number), 1000 + number / 100)
        verdict = reading("60" if number % 2 == 0 and number <= 200 else "0", number)
        changes += [what.tier_percent for what in [one.take(verdict, now)] if what.tier_percent is not None]
    assert changes == [50, 0]


def test_low_tier_is_left_at_half_of_itself() -> None:
    """5 points below a tier of 4 is nothing: it would never be left."""
    one = watched(tiers=(4,))
    changes = [what.tier_percent for what in fed(one, "4", "2", "1.9", tiers=(4,))]
    assert changes == [4, None, 0]


@given(st.lists(st.integers(860, 1100), min_size=1, max_size=60))
def test_equity_that_flaps_around_the_highest_tier_and_the_limit_is_one_warning(permille: list[int]) -> None:
    """However often it crosses the tier and the limit: one change up, no near miss while it goes on, one at its end."""
    one = watched(confirm=100)
    happened = fed(one, "95", *(str(Decimal(p) / 10) for p in permille), "10")
    assert [w.tier_percent for w in happened if w.tier_percent is not None] == [90, 0]
    assert [w.near_miss is not None for w in happened] == [False] * (len(permille) + 1) + [True]


@pytest.mark.parametrize(
    ("used", "peak", "breached", "words"),
    [
        (["60", "91", "96.5", "90", "20"], "9.65", False, "came close (9.65, 96% of the limit 10)"),
        (["60", "99.9999999", "20"], "9.99999999", False, "came close (9.9999, 100% of the limit 10)"),
        (["20", "103", "100", "20"], "10.3", True, "read a breach (10.3, 103% of the limit 10) that was not confirmed"),
        (["95", "101", None, "97", "84.9"], "10.1", True, "read a breach (10.1, 101% of the limit 10) that was not"),
    ],
)
def test_near_miss_names_its_peak_once(used: list[str | None], peak: str, breached: bool, words: str) -> None:  # noqa: FBT001 - parametrised
    """The end of an episode is told with the reading that used most of the limit, and whether it was a breach."""
    one = watched()
    happened = fed(one, *used, "20", "30")
    misses = [(second, w.near_miss) for second, w in enumerate(happened) if w.near_miss]
    assert [second for second, _ in misses] == [len(used) - 1]
    miss = misses[0][1]
    assert miss
    assert (miss.peak.value, miss.breached) == (Decimal(peak), breached)
    assert miss.began in [at(second) for second in range(2)]
    assert str(miss).startswith(words)
    assert one.view(at(9)).near_misses == 1


def test_confirmed_breach_is_no_near_miss() -> None:
    """What was decided is a trip; it is first only once in an episode, and the next episode counts anew."""
    one = watched(confirm=2)
    happened = fed(one, "101", "101", "97", "102", "102", "10", "95", "10")
    assert [w.decision is not None for w in happened] == [False, True, False, False, True, False, False, False]
    assert [w.decision.first for w in happened if w.decision] == [True, False]
    assert [second for second, w in enumerate(happened) if w.near_miss] == [7]


def test_without_tiers_only_breaches_are_near_misses() -> None:
    """Nothing is warned of, and the limit itself takes the place of the highest tier."""
    one = watched(tiers=())
    happened = fed(one, "99.9", "50", "101", "95", "101", "94.9", tiers=())
    assert [w.tier_percent for w in happened] == [None] * 6
    assert [second for second, w in enumerate(happened) if w.near_miss] == [5]


def test_release_ends_an_episode_without_a_word() -> None:
    """How it went on while its scope was stopped was not looked at; a stop that stands says more than a warning."""
    one = watched()
    fed(one, "101")
    one.latched()
    assert one.tier_percent == 0
    one.forget()
    assert [w.near_miss for w in fed(one, "10", "60", "10")] == [None] * 3
    assert one.view(at(9)).near_misses == 0


def test_last_error_stays_after_recovery() -> None:
    """Why it could not tell is shown with its time until it cannot tell again; the age of a reading grows."""
    one = watched()
    assert (one.view(at(0)).error, one.view(at(0)).error_time, one.view(at(0)).age) == ("", None, None)
    one.take(Fault("raised KeyError"), at(1))
    one.take(reading("20", 2), at(2))
    view = one.view(at(7))
    assert (view.error, view.error_time, view.detail) == ("raised KeyError", at(1).time, "")
    assert view.age == timedelta(seconds=5)
    one.take(Unknown("dark"), at(8))
    assert (one.view(at(9)).error, one.view(at(9)).error_time) == ("dark", at(8).time)
    assert one.view(at(1)).age == timedelta(0)


@pytest.mark.parametrize(("value", "limit"), [("NaN", "10"), ("1", "NaN")])
def test_reading_that_is_no_number_is_not_kept(value: str, limit: str) -> None:
    """It is no evidence for anything: it raises, and what was read before is still shown."""
    one = watched()
    fed(one, "60")
    bad = Measure(value=Decimal(value), limit=Decimal(limit), time=START)
    with pytest.raises(ValueError, match="no number"):
        one.take(Clear(bad), at(1))
    view = one.view(at(1))
    assert view.measure
    assert (view.measure.value, view.tier_percent) == (Decimal(6), 50)


def test_breach_of_a_limit_of_nothing_is_a_breach() -> None:
    """Where nothing is allowed the first of it trips, and all of the limit is used, without end."""
    measure = Measure(value=Decimal(1), limit=Decimal(0), time=START)
    assert measure.limit_used == float("inf")
    approach = Approach(TIERS)
    assert approach.follow(Trip(measure, "x"), at(0), decided=True) is None
    assert approach.decided


def test_readings_are_close_from_the_highest_tier_until_clearly_below_it() -> None:
    """Not below the highest tier, from there on also just below it, and no longer once it is left for good."""
    one = watched()
    close = []
    for second, used in enumerate(["89.9", "90", "86", "84.9"]):
        one.take(reading(used, second), at(second))
        close.append(one.is_close)

    assert close == [False, True, True, False]
