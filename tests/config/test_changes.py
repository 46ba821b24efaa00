"""What a reload takes on of a live evaluator, and what takes a restart."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ess_server.config.changes import in_words, refusals
from ess_server.config.settings import ServerSettings, Settings
from ess_server.core.evaluators import (
    DataFeedSettings,
    DrawdownSettings,
    EvaluatorSettings,
    ManualSettings,
    Mode,
    OnUnknown,
    SystemHealthSettings,
)
from ess_server.core.model import GLOBAL, Action, Scope

LOSS = DrawdownSettings(name="x", account="a", max_drawdown_percent=Decimal(10), max_daily_loss_percent=Decimal(3))
SUM = DrawdownSettings(name="x", accounts=("a", "b"), currency="USDT", confirm=2, max_drawdown_percent=Decimal(10))
FEED = DataFeedSettings(name="x", feed="f", symbols=("A", "B"))
HEALTH = SystemHealthSettings(name="x", components=("router",))

TAKEN: dict[str, tuple[EvaluatorSettings, dict[str, Any], str]] = {
    "limit tightened": (LOSS, {"max_drawdown_percent": Decimal("2.5")}, "x: max_drawdown_percent 10 -> 2.5"),
    "limit raised": (LOSS, {"max_drawdown_percent": Decimal(20)}, "x: max_drawdown_percent 10 -> 20"),
    "limit added": (FEED, {"max_jump_percent": Decimal(5)}, "x: max_jump_percent none -> 5"),
    "duration": (FEED, {"max_feed_silence": timedelta(milliseconds=1500)}, "x: max_feed_silence_seconds 5 -> 1.5"),
    "confirmation": (LOSS, {"confirm": 2, "confirm_of": 2}, "x: confirm 1 -> 2"),
    "action": (LOSS, {"action": Action.BLOCK}, 'x: action "flatten" -> "block"'),
    "unknown": (LOSS, {"on_unknown": OnUnknown.FLATTEN}, 'x: on_unknown "block" -> "flatten"'),
    "wider scope": (LOSS, {"scope": GLOBAL}, 'x: scope "account/a" -> "global"'),
    "symbol added": (FEED, {"symbols": ("B", "C", "A")}, 'x: symbols ["A", "B"] -> ["B", "C", "A"]'),
    "accounts in another order": (SUM, {"accounts": ("b", "a")}, 'x: accounts ["a", "b"] -> ["b", "a"]'),
    "warn tiers": (LOSS, {"warn_percent": ()}, "x: warn_percent [50, 75, 90] -> []"),
}
REFUSED: dict[str, tuple[EvaluatorSettings, dict[str, Any], str, str]] = {
    "shadow": (LOSS, {"mode": Mode.SHADOW}, "mode", "puts no shadow mode on"),
    "limit taken away": (LOSS, {"max_daily_loss_percent": None}, "max_daily_loss_percent", "takes no limit away"),
    "unknown ignored": (LOSS, {"on_unknown": OnUnknown.IGNORE}, "on_unknown", "ignored"),
    "another account": (LOSS, {"account": "b"}, "account", "does not change what is watched"),
    "account of a sum added": (SUM, {"accounts": ("a", "b", "c")}, "accounts", "measured from now on"),
    "another scope": (LOSS, {"scope": Scope.parse("account/b")}, "scope", "does not change what is watched"),
    "symbol taken away": (FEED, {"symbols": ("A",)}, "symbols", "does not change what is watched"),
    "some instead of all": (replace(FEED, symbols=()), {"symbols": ("A",)}, "symbols", "does not change what"),
    "others left out": (HEALTH, {"others": False}, "others", "does not change what is watched"),
}


def with_one(settings: EvaluatorSettings) -> Settings:
    """A configuration with one evaluator."""
    return Settings(evaluators=(settings,))


@pytest.mark.parametrize(("old", "change", "words"), TAKEN.values(), ids=TAKEN.keys())
def test_a_person_may_edit_limits_and_actions_and_old_and_new_are_named(
    old: EvaluatorSettings, change: dict[str, Any], words: str
) -> None:
    """Tighter, looser or more: taken on, with both values in the words."""
    new = replace(old, **change)

    assert list(refusals(with_one(old), with_one(new))) == []
    assert words in in_words(with_one(old), with_one(new))


@pytest.mark.parametrize(("old", "change", "key", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_no_reload_switches_a_live_protection_off(
    old: EvaluatorSettings, change: dict[str, Any], key: str, words: str
) -> None:
    """What is watched, and that it is, takes a restart; the same in shadow mode is nobody's protection."""
    new = replace(old, **change)
    (refusal,) = refusals(with_one(old), with_one(new))
    shadow = replace(old, mode=Mode.SHADOW)

    assert refusal.path == ("evaluators", 0, key)
    assert words in refusal.text
    assert "restart" in refusal.text
    assert list(refusals(with_one(shadow), with_one(replace(shadow, **change)))) == []


def test_a_live_evaluator_is_neither_left_out_nor_made_another_kind() -> None:
    """One in shadow mode may go, or become live, or anything else."""
    shadow = replace(LOSS, mode=Mode.SHADOW)
    (gone,) = refusals(with_one(LOSS), Settings())
    (other,) = refusals(with_one(LOSS), with_one(replace(HEALTH)))

    assert "live evaluator x is missing" in gone.text
    assert (other.path, "another kind" in other.text) == (("evaluators", 0, "kind"), True)
    assert list(refusals(with_one(shadow), Settings())) == []
    assert in_words(with_one(shadow), Settings()) == ["x removed (it was in shadow mode)"]
    assert in_words(with_one(shadow), with_one(LOSS)) == ['x: mode "shadow" -> "live"']
    assert in_words(with_one(shadow), with_one(HEALTH)) == ['x added (system_health, live, "flatten")']
    assert in_words(Settings(), with_one(ManualSettings())) == ['manual added (manual, live, "flatten")']


def test_everything_else_takes_a_restart_and_is_named_key_by_key() -> None:
    """Each key at its place, in words on what to do; directories of evaluators are only names."""
    old = Settings()
    new = Settings(
        installation="other",
        python_path=(Path("/own"),),
        server=ServerSettings(listen="127.0.0.1:1", lease=timedelta(seconds=2)),
    )
    found = {refusal.path: refusal.text for refusal in refusals(old, new)}

    assert found == {
        ("installation",): "restart to change installation",
        ("server", "listen"): "restart to change [server] listen",
        ("server", "lease_ms"): "restart to change [server] lease_ms",
    }


def test_secrets_are_named_by_no_refusal() -> None:
    """Of accounts only the table is named, never what is in it."""
    # Any settings of accounts will do: they are compared as a whole.
    new = Settings(accounts=("a secret place",))  # type: ignore[arg-type]  # stands for an account
    (refusal,) = refusals(Settings(), new)

    assert (refusal.path, refusal.text) == (("accounts",), "restart to change [[accounts]]")
