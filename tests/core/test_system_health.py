"""System health: CRITICAL, silence and the host's limits trip; who was never heard, or asked, is unknown."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import SystemHealthSettings
from ess_server.core.model import GLOBAL
from ess_server.core.readings import Clear, ComponentHealth, ComponentPoll, HealthStatus, Trip, Unknown, Warn
from ess_server.testing import START

from .health_words import CRITICAL, DEGRADED, HEALTHY, judge, word


@pytest.mark.parametrize(
    ("received", "kind"),
    [(990.0, Trip), (989.0, Trip), (990.001, Warn), (991.0, Warn), (991.001, Clear), (1000.0, Clear), (1000.5, Clear)],
)
def test_silence_at_the_allowance_trips_and_below_does_not(received: float, kind: type) -> None:
    """10 s of silence is reached to the last digit, 9 s is a warning, and less is what a reporter on time does."""
    assert isinstance(judge(word("oms", received=received)), kind)


def test_silence_is_told_in_one_sentence_with_its_allowance() -> None:
    """The reading is seconds, of the moment of the evaluation, so that each look is a reading of its own."""
    verdict = judge(word("oms", received=987.5))

    assert isinstance(verdict, Trip)
    assert verdict.detail == "system_health: component oms has been silent for 12.5 s, which reached the limit of 10 s"
    assert (verdict.measure.value, verdict.measure.limit, verdict.measure.time) == (Decimal("12.5"), Decimal(10), START)


def test_component_that_is_critical_trips_whether_named_or_not() -> None:
    """What it said is told, at the time at which it said it; ``others`` false ends it for those not named."""
    named = judge(word("oms", CRITICAL, detail="db down"))
    other = judge(word("oms"), word("router", CRITICAL, received=1.0))

    assert isinstance(named, Trip)
    assert named.detail == "system_health: component oms is CRITICAL (db down)"
    assert named.measure.time == START - timedelta(minutes=1)
    assert isinstance(other, Trip)
    assert "router is CRITICAL" in other.detail
    assert isinstance(judge(word("oms"), word("router", CRITICAL), others=False), Clear)
    assert isinstance(judge(word("oms", CRITICAL), others=False), Trip)


def test_component_that_is_degraded_warns() -> None:
    """Half the way to CRITICAL, and so the tier of 50 percent."""
    verdict = judge(word("oms"), word("router", DEGRADED, detail="slow"))

    assert isinstance(verdict, Warn)
    assert (verdict.tier_percent, verdict.detail) == (50, "system_health: component router is DEGRADED (slow)")


def test_warning_is_given_although_silence_uses_more_of_its_limit() -> None:
    """Eight of ten seconds are within what a reporter may take, and hide no DEGRADED."""
    assert isinstance(judge(word("oms", received=992.0)), Clear)
    assert isinstance(judge(word("oms", DEGRADED, received=992.0)), Warn)


def test_status_that_is_none_of_the_known_ones_reads_as_critical() -> None:
    """Nothing that is not understood is healthy."""
    assert isinstance(judge(word("oms", cast("HealthStatus", 9))), Trip)


@pytest.mark.parametrize("received", [float("nan"), float("inf"), float("-inf"), 1010.1])
def test_arrival_that_is_no_number_is_no_arrival(received: float) -> None:
    """NaN, infinity and a time far ahead are neither silence nor its absence."""
    assert judge(word("oms", received=received)) == Unknown("system_health: no report since the start from oms")


def test_component_that_never_reported_is_unknown_and_hides_no_breach() -> None:
    """Nothing tells how long it is silent; another's CRITICAL or silence trips all the same, a warning does not."""
    assert isinstance(judge(), Unknown)
    assert isinstance(judge(word("router", DEGRADED)), Unknown)
    assert isinstance(judge(word("router", CRITICAL)), Trip)
    assert isinstance(judge(word("router", received=900.0), components=("oms", "router")), Trip)


def test_without_names_somebody_must_have_reported() -> None:
    """A system of which nothing is known is not healthy; one word is enough, and silence then promised nothing."""
    assert judge(components=()) == Unknown("system_health: no component has reported")
    assert isinstance(judge(word("any", received=1.0), components=()), Clear)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("components", ("",), '"" is not 1 to 256 bytes long'),
        ("components", ("é" * 129,), "is not 1 to 256 bytes long"),
        ("components", ("a", "b", "a"), '"a" is listed twice'),
        ("max_silence", timedelta(0), "0 s is not above 0 s"),
        ("max_silence", timedelta(days=2), "at most 1 day"),
        ("confirm", 0, "0 is not 1 to 100"),
        ("max_disk_percent", Decimal(0), "0 is not above 0 and at most 100"),
        ("max_memory_percent", Decimal(101), "101 is not above 0 and at most 100"),
        ("max_load_per_core", Decimal(1001), "1001 is not above 0 and at most 1000"),
        ("host_max_age", timedelta(0), "0 s is not above 0 s"),
    ],
)
def test_setting_out_of_range_is_refused_by_name(field: str, value: Any, problem: str) -> None:
    """The error names the field and what it may be."""
    with pytest.raises(InvalidRequestError) as refused:
        judge(**{field: value})

    assert refused.value.field == field
    assert problem in str(refused.value)


def test_settings_that_watch_nothing_are_refused() -> None:
    """An evaluator that can never trip would be a false comfort."""
    with pytest.raises(InvalidRequestError, match="components: is empty, and others is false"):
        SystemHealthSettings(others=False)


def test_defaults_and_ends_of_ranges_are_taken() -> None:
    """Global, because a component belongs to no account; names of 256 bytes and a day of silence."""
    settings = SystemHealthSettings(components=("é" * 128,), max_silence=timedelta(days=1))

    assert (settings.kind, settings.name, settings.scope) == ("system_health", "system_health", GLOBAL)
    assert SystemHealthSettings().max_silence == timedelta(seconds=15)


def poll(component: str = "oms", **changes: Any) -> ComponentPoll:
    """A component that was asked for 900 s, and answered a second ago."""
    told = {"max_silence": None, "asked_since": 100.0, "tried": 999.0, "answered": 999.0}
    return ComponentPoll(component=component, **told | changes)


@pytest.mark.parametrize(
    ("answered", "allowance", "kind"),
    [(990.0, None, Trip), (990.001, None, Warn), (992.0, None, Clear), (992.0, 8, Trip), (985.0, 60, Clear)],
)
def test_component_that_is_asked_may_be_silent_for_its_own_allowance(
    answered: float, allowance: int | None, kind: type
) -> None:
    """It need not be named; where its entry has no allowance, that of the evaluator holds."""
    own = None if allowance is None else timedelta(seconds=allowance)
    asked = poll(answered=answered, max_silence=own, problem="UNAVAILABLE: refused")

    assert isinstance(judge(asked, components=()), kind)
    assert isinstance(judge(asked), kind)
    assert isinstance(judge(asked, word("oms", received=1000.0)), kind), "a word that it pushed is no answer"


def test_silence_of_a_component_that_is_asked_is_told_with_its_reason() -> None:
    """What the last attempt failed on stands beside the seconds and the allowance, in breach and before the first."""
    tripped = judge(poll(answered=987.5, problem="UNAVAILABLE: refused"))
    never = judge(poll(answered=None, problem="UNAVAILABLE: refused"))

    assert isinstance(tripped, Trip)
    assert tripped.detail == (
        "system_health: component oms has not answered (UNAVAILABLE: refused) for 12.5 s, "
        "which reached the limit of 10 s"
    )
    assert never == Unknown("system_health: no answer since the start from component oms (UNAVAILABLE: refused)")


def test_component_that_nobody_asks_any_more_is_unknown_and_not_silent() -> None:
    """A poller that ended or hangs, or a host that was suspended, must not close positions as if somebody had died."""
    verdict = judge(poll(tried=989.0, answered=989.0))

    assert verdict == Unknown("system_health: component oms was not asked for 11.0 s: what asks it has ended or hangs")
    assert isinstance(judge(poll(tried=990.0, answered=980.0, problem="late")), Unknown)
    assert isinstance(judge(poll(tried=float("nan"))), Unknown)


def test_silence_counts_from_when_asking_went_on_after_a_pause() -> None:
    """One failure after ten minutes of suspend is a failure of one second."""
    assert isinstance(judge(poll(answered=400.0, asked_since=999.0, tried=999.5, problem="reset")), Clear)


def test_component_that_is_asked_counts_where_it_is_watched() -> None:
    """``others`` false leaves it to the evaluator that names it."""
    silent = poll(answered=980.0, problem="refused")

    assert isinstance(judge(silent, word("router"), components=("router",), others=False), Clear)
    assert isinstance(judge(silent, word("router"), components=("router", "oms"), others=False), Trip)


def test_of_many_that_are_unknown_five_are_named() -> None:
    """The sentence stays readable."""
    verdict = judge(components=tuple(f"c{n}" for n in range(7)))

    assert isinstance(verdict, Unknown)
    assert verdict.detail.count("no report") == 5
    assert verdict.detail.endswith("; and 2 more")


WORDS = st.builds(
    word,
    st.sampled_from(["oms", "router", "other"]),
    st.sampled_from(HealthStatus),
    st.floats(980, 1000) | st.sampled_from([float("nan"), float("-inf"), float("inf")]),
)


@pytest.mark.traced
@given(st.lists(WORDS, max_size=6))
def test_clear_means_that_all_are_healthy_and_all_named_were_heard(words: list[ComponentHealth]) -> None:
    """Over any words: Trip exactly with a CRITICAL or a silence, Clear only if each one named is heard and well."""
    verdict = judge(*words, components=("oms", "router"))
    latest = {w.component: w for w in words}
    critical = any(w.status is CRITICAL for w in latest.values())
    named = [latest[n].received for n in ("oms", "router") if n in latest]
    silent = any(received <= 990 for received in named if received > 0)

    assert isinstance(verdict, Trip) == (critical or silent)
    if isinstance(verdict, Clear | Warn):
        assert len(named) == 2
        assert all(990 < received <= 1000 for received in named)
    if isinstance(verdict, Clear):
        assert all(w.status is HEALTHY for w in latest.values())
