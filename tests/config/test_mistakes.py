"""How each mistake in the configuration file is named."""

from pathlib import Path

import pytest

from ess_server.config.load import MAX_BYTES, ConfigError, load
from tests.config import mistakes_accounts, mistakes_evaluators, mistakes_server
from tests.config.written import ACCOUNT, DRAWDOWN, written

ONE_MISTAKE = mistakes_server.MISTAKES | mistakes_accounts.MISTAKES | mistakes_evaluators.MISTAKES


@pytest.mark.parametrize(("text", "line", "key", "hint"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_mistake_is_named_with_its_line_key_and_remedy(
    text: str, line: int, key: str, hint: str, tmp_path: Path
) -> None:
    """A mistake is reported once, at its line, under its key, with what to do, and nothing else is."""
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load(path)

    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (line, key)
    assert hint in problem.text
    assert str(caught.value).startswith(f"{path}:{line}: {key}")


def test_several_mistakes_are_all_named_in_one_run(tmp_path: Path) -> None:
    """A mistake hides no other one, in the same table or elsewhere, and they come in the order of their lines."""
    account = ACCOUNT.replace('venue = "binance"', "equity_poll_ms = 1").replace("binanceusdm", "X Y")
    text = f"""instalation = "x"
[server]
lease_ms = "1s"
heartbeat_ms = 900
[server.tls]
certificate = "a"
{account}paper = {{ address = "x", ca_file = 3 }}
{DRAWDOWN.replace('"main"', '"mian"').replace("8", "nan")}max_daily_loss_percent = 200
confirm = 0
mode = "Live"
"""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert [(p.line, p.key) for p in caught.value.problems] == [
        (1, "instalation"),
        (3, "server.lease_ms"),
        (4, "server.heartbeat_ms"),
        (5, "server.tls.key"),
        (7, "accounts.venue"),
        (9, "accounts.equity_poll_ms"),
        (10, "accounts.exchange"),
        (13, "accounts.paper.ca_file"),
        (13, "accounts.paper.address"),
        (16, "evaluators.account"),
        (17, "evaluators.max_drawdown_percent"),
        (18, "evaluators.max_daily_loss_percent"),
        (19, "evaluators.confirm"),
        (20, "evaluators.mode"),
    ]


def test_a_lease_out_of_range_hides_nothing_that_no_lease_would_allow(tmp_path: Path) -> None:
    """What hangs on it is measured against the most that any lease allows, so nothing is named that may be right."""
    text = "[server]\nlease_ms = 9\nheartbeat_ms = 700\ntick_ms = 600\nafter_stop_grace_ms = 2100\n"
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert [p.key for p in caught.value.problems] == [
        "server.lease_ms",
        "server.heartbeat_ms",
        "server.after_stop_grace_ms",
    ]


def test_a_pasted_secret_is_never_shown(tmp_path: Path) -> None:
    """Whatever stands where a key does not belong is named by its key and never quoted."""
    text = ACCOUNT.replace('"KEY"', '"hunter2!"') + "secret = 'hunter2!'\napi_secret = 4242\nsecret_file = 4242\n"

    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))

    assert len(caught.value.problems) == 4
    assert not any(secret in str(caught.value) for secret in ("hunter2", "4242"))


def test_a_secret_that_begins_like_a_home_directory_is_not_shown(tmp_path: Path) -> None:
    """Also where a name of a file is not even that, it may be the secret itself."""
    with pytest.raises(ConfigError, match="there is no such home directory") as caught:
        load(written(tmp_path, ACCOUNT + "secret_file = '~hunter2'\n"))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"\xff\xfe", "is not UTF-8"),
        (b" " * (MAX_BYTES + 1), "is larger than"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_sentence(content: bytes | None, hint: str, tmp_path: Path) -> None:
    """A missing, binary or huge file is named with the reason."""
    path = tmp_path / "ess.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert str(caught.value).startswith(f"{path}: {hint}")
