"""Every kind of evaluator in the configuration: what it may say, and how each mistake in it is named."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ess_server.config.load import ConfigError, load
from ess_server.config.settings import ComponentSettings
from ess_server.config.show import show
from ess_server.core.evaluators import DataFeedSettings, DrawdownSettings, ExecutionErrorsSettings, SystemHealthSettings
from ess_server.core.model import Action
from tests.config.written import ACCOUNT, EXAMPLE, written

HEALTH = "[[evaluators]]\nkind = 'system_health'\n"
ERRORS = ACCOUNT + "[[evaluators]]\nkind = 'execution_errors'\naccount = 'main'\n"
FEED = "[[evaluators]]\nkind = 'data_feed'\nfeed = 'f'\n"

ONE_MISTAKE = {
    "nothing watched": (HEALTH + "others = false", 1, "components", "others is false"),
    "components no list": (HEALTH + "components = 'a'", 3, "components", 'such as ["a", "b"]'),
    "component not a text": (HEALTH + "components = [3]", 3, "components", "expected a text"),
    "component twice": (HEALTH + "components = ['a', 'a']", 3, "components", '"a" is listed twice'),
    "component empty": (HEALTH + "components = ['']", 3, "components", "1 to 256 bytes"),
    "others no flag": (HEALTH + "others = 1", 3, "others", "expected true or false"),
    "silence of zero": (HEALTH + "max_silence_seconds = 0", 3, "max_silence_seconds", "above 0 s"),
    "silence without unit": (HEALTH + "max_silence = 3", 3, "max_silence", "max_silence_seconds"),
    "key of another kind": (HEALTH + "feed = 'f'", 3, "feed", "unknown key"),
    "no limit": (ERRORS, 7, "max_stop_losses", "max_orders_after_stop: set one"),
    "no account": (
        ACCOUNT + "[[evaluators]]\nkind = 'execution_errors'\nmax_stop_losses = 1",
        7,
        "account",
        "is missing",
    ),
    "unknown account": (ERRORS.replace("'main'", "'mian'") + "max_stop_losses = 1", 9, "account", 'no account "mian"'),
    "count of zero": (ERRORS + "max_stop_losses = 0", 10, "max_stop_losses", "0 is not 1 to 1000"),
    "count of a half": (ERRORS + "max_failed_orders = 1.5", 10, "max_failed_orders", "expected a whole number"),
    "count too high": (ERRORS + "max_repeated_orders = 1001", 10, "max_repeated_orders", "1 to 1000"),
    "share above 100": (ERRORS + "max_failed_percent = 101", 10, "max_failed_percent", "at most 100"),
    "slippage not a number": (ERRORS + "max_slippage_percent = nan", 10, "max_slippage_percent", "finite"),
    "window of zero": (ERRORS + "max_stop_losses = 1\nwindow_seconds = 0", 11, "window_seconds", "above 0 s"),
    "repeat window too long": (
        ERRORS + "max_stop_losses = 1\nrepeat_window_seconds = 86401",
        11,
        "repeat_window_seconds",
        "at most 1 day",
    ),
    "no orders needed": (ERRORS + "max_stop_losses = 1\nmin_orders = 0", 11, "min_orders", "1 to 1000"),
    "no feed": ("[[evaluators]]\nkind = 'data_feed'", 1, "feed", "is missing"),
    "feed empty": (FEED.replace("'f'", "''"), 3, "feed", "1 to 256 bytes"),
    "symbol twice": (FEED + "symbols = ['a', 'a']", 4, "symbols", "listed twice"),
    "feed silence of zero": (FEED + "max_feed_silence_seconds = 0", 4, "max_feed_silence_seconds", "above 0 s"),
    "symbol silence too long": (FEED + "max_symbol_silence_seconds = 1e5", 4, "max_symbol_silence_seconds", "1 day"),
    "jump of zero": (FEED + "max_jump_percent = 0", 4, "max_jump_percent", "above 0 and at most 1000"),
    "jump over too long": (FEED + "jump_within_seconds = 61", 4, "jump_within_seconds", "the 60 s that prices"),
    "clock error of zero": (FEED + "max_clock_error_seconds = 0", 4, "max_clock_error_seconds", "above 0 s"),
    "reason too long": ("[[evaluators]]\nkind = 'manual'\nreason = '" + "é" * 101 + "'", 3, "reason", "than 200 bytes"),
    "delay of an hour and more": (FEED + "flatten_delay_seconds = 3600.1", 4, "flatten_delay_seconds", "to 1 hour"),
    "delay below zero": (FEED + "flatten_delay_seconds = -1", 4, "flatten_delay_seconds", "-1 s is not 0 s to"),
    "delay of nothing": (
        FEED + "action = 'cancel'\nflatten_delay_seconds = 60",
        5,
        "flatten_delay_seconds",
        "does not go with action cancel",
    ),
    "tiers out of order": (FEED + "warn_percent = [90, 50]", 4, "warn_percent", "[90, 50] do not rise"),
    "tiers no list": (FEED + "warn_percent = 50", 4, "warn_percent", "such as [50, 90]"),
    "tier of a half": (FEED + "warn_percent = [0.5]", 4, "warn_percent", "expected a whole number"),
    "remember nothing": (FEED + "remember_seconds = 0", 4, "remember_seconds", "above 0 s"),
}


@pytest.mark.parametrize(("text", "line", "key", "hint"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_mistake_is_named_with_its_line_key_and_remedy(
    text: str, line: int, key: str, hint: str, tmp_path: Path
) -> None:
    """A mistake in an evaluator is reported once, at its line, under its key, with what to do."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (line, f"evaluators.{key}")
    assert hint in problem.text


def test_several_mistakes_are_all_named_in_one_run(tmp_path: Path) -> None:
    """A mistake hides no other, in the same evaluator or the next."""
    text = (
        ERRORS
        + "max_stop_losses = 0\nmax_failed_percent = 200\nmin_orders = 'x'\n"
        + HEALTH
        + "components = ['']\nmax_silence_seconds = 0\n"
        + FEED
        + "max_jump_percent = -1\njump_within_seconds = 90\nsymbol = 'a'\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert [(p.line, p.key.removeprefix("evaluators.")) for p in caught.value.problems] == [
        (10, "max_stop_losses"),
        (11, "max_failed_percent"),
        (12, "min_orders"),
        (15, "components"),
        (16, "max_silence_seconds"),
        (20, "max_jump_percent"),
        (21, "jump_within_seconds"),
        (22, "symbol"),
    ]


def test_the_blocks_of_the_example_load_and_tell_the_defaults(tmp_path: Path) -> None:
    """Put in force, they are these settings: what is not set here is shown with its default. Shown, they load again."""
    text = "\n".join(
        line[1:] if line.startswith("#") and line[1:2] not in (" ", "#") else line
        for line in EXAMPLE.read_text().splitlines()
    )
    settings = load(written(tmp_path, text))
    again = load(written(tmp_path, show(settings)))

    assert settings.evaluators[2:] == (
        DrawdownSettings(accounts=("main", "hedge"), currency="USDT", confirm=3, max_drawdown_percent=Decimal(6)),
        SystemHealthSettings(components=("order-router",)),
        SystemHealthSettings(
            name="host",
            others=False,
            action=Action.BLOCK,
            confirm=5,
            max_disk_percent=Decimal(95),
            max_memory_percent=Decimal(95),
            max_load_per_core=Decimal(8),
        ),
        ExecutionErrorsSettings(
            account="main",
            max_stop_losses=5,
            max_failed_orders=10,
            max_failed_percent=Decimal(50),
            max_repeated_orders=10,
            max_slippage_percent=Decimal(2),
            max_orders_after_stop=3,
        ),
        DataFeedSettings(
            feed="binance", symbols=("BTC/USDT:USDT",), action=Action.CANCEL, max_jump_percent=Decimal(10)
        ),
    )
    assert settings.components == (ComponentSettings(name="risk-engine", address="127.0.0.1:50060"),)
    assert again == settings


def test_durations_take_the_unit_of_their_key(tmp_path: Path) -> None:
    """Fractions of a second are exact."""
    text = FEED + "max_feed_silence_seconds = 0.25\nremember_seconds = 1.5\n"
    (feed,) = load(written(tmp_path, text)).evaluators

    assert feed == DataFeedSettings(
        feed="f", max_feed_silence=timedelta(milliseconds=250), remember=timedelta(milliseconds=1500)
    )
