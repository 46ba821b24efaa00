"""Settings of evaluators: one mistake, one sentence that names the field and its range."""

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import (
    EVALUATORS,
    DataFeedSettings,
    DrawdownEvaluator,
    DrawdownSettings,
    EvaluatorSettings,
    ExecutionErrorsSettings,
    ManualEvaluator,
    ManualSettings,
    Mode,
    OnUnknown,
    SystemHealthSettings,
)
from ess_server.core.evaluators.drawdown import groups_of
from ess_server.core.model import GLOBAL, Action, Scope, ScopeKind
from ess_server.core.ports import Readings
from ess_server.core.readings import AccountGroup, Clear, Trip, Warn
from ess_server.testing import FakeClock, FakeFeeds, FakeHealth, FakeMetrics, fake_readings


def drawdown(**changes: Any) -> DrawdownSettings:
    """Settings that are valid but for the changes."""
    valid: dict[str, Any] = {"account": "main", "max_drawdown_percent": Decimal(10)}
    return DrawdownSettings(**valid | changes)


def test_defaults_flatten_a_breach_and_block_on_the_unknown() -> None:
    """A loss that was read is closed; an account that cannot be read is only blocked."""
    settings = drawdown()

    assert (settings.kind, settings.name, settings.mode) == ("drawdown", "drawdown/main", Mode.LIVE)
    assert Scope(ScopeKind.ACCOUNT, "main") == settings.scope
    assert (settings.action, settings.on_unknown.action) == (Action.FLATTEN, Action.BLOCK)
    assert (settings.confirm, settings.confirm_of) == (1, 1)


def test_what_is_set_is_kept() -> None:
    """Name, scope and counts of one's own replace the defaults."""
    settings = drawdown(name="floor", scope=GLOBAL, confirm=2, confirm_of=3, mode=Mode.SHADOW)

    assert (settings.name, settings.scope, settings.confirm, settings.confirm_of) == ("floor", GLOBAL, 2, 3)


def test_confirm_alone_means_as_many_readings_in_a_row() -> None:
    """Three, without a number of readings, is three of three."""
    assert drawdown(confirm=3).confirm_of == 3


def test_settings_of_any_kind_default_to_their_kind_and_to_global() -> None:
    """What a kind does not say for itself has one answer for all."""
    settings = EvaluatorSettings(kind="custom")

    assert (settings.name, settings.scope) == ("custom", GLOBAL)
    assert (ManualSettings().name, ManualSettings().scope) == ("manual", GLOBAL)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", ""),
        ("name", "x" * 129),
        ("confirm", 0),
        ("confirm", -1),
        ("confirm", 101),
        ("confirm_of", -1),
        ("confirm_of", 101),
        ("confirm_within", timedelta(0)),
        ("confirm_within", timedelta(days=2)),
        ("unknown_after", timedelta(seconds=-1)),
        ("unknown_after", timedelta(days=2)),
        ("max_age", timedelta(0)),
        ("max_age", timedelta(days=2)),
        ("max_drawdown_percent", Decimal(101)),
        ("max_daily_loss_percent", Decimal(0)),
        ("max_drawdown_percent", None),
    ],
)
def test_value_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    """The error names the field; nothing is built from half-valid settings."""
    with pytest.raises(InvalidRequestError) as refused:
        drawdown(**{field: value})

    assert refused.value.field == (field if value is not None else "max_daily_loss_percent")


def test_values_at_the_ends_of_their_ranges_are_taken() -> None:
    """The range that an error names is the range."""
    day, name = timedelta(days=1), "é" * 64
    settings = drawdown(
        name=name, confirm=100, confirm_within=day, unknown_after=day, max_age=day, max_daily_loss_percent=Decimal(100)
    )

    assert (settings.name, settings.confirm, settings.confirm_of) == (name, 100, 100)
    assert drawdown(confirm=1, confirm_of=100).confirm_of == 100


def of_sum(**changes: Any) -> DrawdownSettings:
    """Settings of a sum that are valid but for the changes."""
    valid: dict[str, Any] = {
        "accounts": ("main", "hedge"),
        "currency": "USDT",
        "max_drawdown_percent": Decimal(10),
        "confirm": 2,
    }
    return DrawdownSettings(**valid | changes)


def test_sum_is_global_unless_set_and_named_by_its_accounts() -> None:
    """A loss of all says nothing about which one to stop."""
    settings = of_sum()

    assert (settings.name, settings.scope) == ("drawdown/main+hedge", GLOBAL)
    assert settings.group == AccountGroup(("hedge", "main"), "USDT")
    assert of_sum(scope=Scope(ScopeKind.VENUE, "v")).scope == Scope(ScopeKind.VENUE, "v")
    assert drawdown().group is None


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("account", {"account": "main"}),
        ("account", {"accounts": ()}),
        ("accounts", {"accounts": ("main",)}),
        ("accounts", {"accounts": ("main", "main")}),
        ("accounts", {"accounts": ("main", "")}),
        ("currency", {"currency": ""}),
        ("confirm", {"confirm": 1}),
        ("confirm", {"confirm": 0}),
    ],
)
def test_sum_without_what_it_needs_is_refused_by_name(field: str, changes: dict[str, Any]) -> None:
    """A sum of one, of nothing, in no currency, beside an account, or tripped by one moment of a transfer."""
    with pytest.raises(InvalidRequestError) as refused:
        of_sum(**changes)

    assert refused.value.field == field


def test_groups_of_evaluators_are_each_listed_once() -> None:
    """Two limits on one sum are one series."""
    evaluators = [ManualSettings(), drawdown(), of_sum(name="a"), of_sum(name="b"), of_sum(name="c", currency="EUR")]

    assert groups_of(evaluators) == (
        AccountGroup(("main", "hedge"), "USDT"),
        AccountGroup(("main", "hedge"), "EUR"),
    )


def test_settings_without_any_name_are_refused() -> None:
    """Not even a kind to be called after."""
    with pytest.raises(InvalidRequestError, match="name: is not 1 to 128 bytes long"):
        EvaluatorSettings()


def test_confirm_beyond_its_readings_is_refused() -> None:
    """Three breaches among two readings would never trip."""
    with pytest.raises(InvalidRequestError, match=r"confirm_of: 2 is not 3 \(confirm\) to 100"):
        drawdown(confirm=3, confirm_of=2)


def test_unknown_may_be_a_fault_at_once() -> None:
    """Zero is the one duration that means something: no patience."""
    assert drawdown(unknown_after=timedelta(0)).unknown_after == timedelta(0)


def test_on_unknown_has_the_action_of_its_name_and_ignore_has_none() -> None:
    """Four words, three actions."""
    assert [word.action for word in OnUnknown] == [Action.BLOCK, Action.CANCEL, Action.FLATTEN, None]


def test_every_duration_names_its_unit() -> None:
    """A configuration derives its key from that: no duration without a unit."""
    for kind in EVALUATORS.values():
        durations = [f for f in fields(kind.Settings) if f.type is timedelta]

        assert len(durations) >= 2
        assert all(f.metadata["unit"] == "s" for f in durations)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("manual", ManualSettings(name="x")),
        ("drawdown", drawdown(name="x")),
        ("system_health", SystemHealthSettings(name="x")),
        ("execution_errors", ExecutionErrorsSettings(name="x", account="main", max_stop_losses=1)),
        ("data_feed", DataFeedSettings(name="x", feed="f")),
    ],
)
def test_every_kind_is_built_from_its_settings(kind: str, settings: EvaluatorSettings) -> None:
    """Word, settings and evaluator of a kind agree, and the name is that of the settings."""
    evaluator = EVALUATORS[kind]

    assert (settings.kind, type(settings)) == (kind, evaluator.Settings)
    assert evaluator(settings).name == "x"


def test_manual_evaluator_trips_from_request_until_taken() -> None:
    """The reason is told, empty ones too, and evaluating changes nothing."""
    evaluator, now = ManualEvaluator(ManualSettings()), FakeClock().instant()
    before = evaluator.evaluate(fake_readings(), now)
    evaluator.request("fat finger")
    evaluator.request("")
    first, second = evaluator.evaluate(fake_readings(), now), evaluator.evaluate(fake_readings(), now)

    assert isinstance(before, Clear)
    assert isinstance(first, Trip)
    assert first == second
    assert first.detail == "requested by hand: fat finger; no reason given"
    assert first.measure.limit_used >= 1

    evaluator.take(first)
    evaluator.take(first)

    assert isinstance(evaluator.evaluate(fake_readings(), now), Clear)


def test_manual_request_made_while_an_earlier_one_is_latched_still_trips() -> None:
    """Taking a trip takes only the requests that it stood for."""
    evaluator, now = ManualEvaluator(ManualSettings()), FakeClock().instant()
    evaluator.request("first")
    trip = evaluator.evaluate(fake_readings(), now)
    evaluator.request("second")
    assert isinstance(trip, Trip)
    evaluator.take(trip)
    after = evaluator.evaluate(fake_readings(), now)

    assert isinstance(after, Trip)
    assert after.detail == "requested by hand: second"


def test_manual_requests_are_bounded_and_never_forgotten_as_a_whole() -> None:
    """A thousand requests cost the memory of a few, and trip until every one that is told is taken."""
    evaluator, now = ManualEvaluator(ManualSettings()), FakeClock().instant()
    for number in range(1000):
        evaluator.request(f"r{number}")
    trip = evaluator.evaluate(fake_readings(), now)
    assert isinstance(trip, Trip)
    evaluator.request("one more")
    evaluator.take(trip)

    assert "r999" in trip.detail
    assert len(trip.detail) < 200
    assert isinstance(evaluator.evaluate(fake_readings(), now), Trip)


def test_manual_evaluator_takes_no_trip_of_another() -> None:
    """A trip that it did not return stands for none of its requests."""
    evaluator, now = ManualEvaluator(ManualSettings()), FakeClock().instant()
    evaluator.request("mine")
    mine = evaluator.evaluate(fake_readings(), now)
    assert isinstance(mine, Trip)
    evaluator.take(Trip(mine.measure, mine.detail))

    assert isinstance(evaluator.evaluate(fake_readings(), now), Trip)


def test_settings_reach_the_evaluator() -> None:
    """Each limit, the age and the currency that are configured are those that it judges by."""
    clock = FakeClock()
    settings = drawdown(max_daily_loss_percent=Decimal(4), max_age=timedelta(seconds=3), currency="EUR")
    evaluator = DrawdownEvaluator(settings)

    assert (evaluator._daily_limit, evaluator._drawdown_limit) == (Decimal(4), Decimal(10))
    assert (evaluator._max_age, evaluator._currency) == (3.0, "EUR")
    assert not isinstance(
        evaluator.evaluate(Readings(FakeMetrics(), FakeHealth(), FakeFeeds()), clock.instant()), Clear | Warn
    )
