"""What a configuration file without a mistake is read as."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.config.load import load
from ess_server.config.settings import PaperEndpoint, ServerSettings, Settings
from ess_server.core.evaluators import DrawdownSettings
from ess_server.core.model import Action, Scope, ScopeKind
from tests.config.written import ACCOUNT, DRAWDOWN, EXAMPLE, written


def test_an_empty_file_is_every_default(tmp_path: Path) -> None:
    """Nothing is required but what an account or evaluator needs."""
    assert load(written(tmp_path, "")) == Settings()


def test_the_example_is_valid_and_its_comments_tell_the_defaults(tmp_path: Path) -> None:
    """The example loads, and setting what it has commented out to the value shown changes nothing."""
    text = EXAMPLE.read_text()
    assigned = [line for line in text.splitlines() if line.startswith("# ") and " = " in line and "tls/" not in line]
    spelled_out = text
    for line in assigned:
        spelled_out = spelled_out.replace(line, line.removeprefix("# "))

    settings = load(written(tmp_path, text))

    assert len(assigned) > 15
    assert load(written(tmp_path, spelled_out)) == settings
    assert load(EXAMPLE).accounts[0].paper == PaperEndpoint(
        host="127.0.0.1", port=9443, ca_file=EXAMPLE.parent / "paper/ca.pem"
    )


def test_paths_start_at_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the same whatever directory the server is started in, even if the file is named so."""
    folder = tmp_path / "etc"
    folder.mkdir()
    written(folder, "[server]\ndata_dir = 'data'\n[server.tls]\ncertificate = '/c.pem'\nkey = '../k.pem'\n")
    monkeypatch.chdir(tmp_path)

    server = load(Path("etc/ess.toml")).server

    assert server.data_dir == folder / "data"
    assert server.tls is not None
    assert (server.tls.certificate, server.tls.key) == (Path("/c.pem"), folder / "../k.pem")


def test_every_kind_of_value_is_read_exactly(tmp_path: Path) -> None:
    """Durations take the unit of their key, words become enumerations, scopes are parsed, defaults stay."""
    text = (
        "[server]\nlease_ms = 600\nheartbeat_ms = 200\ntick_ms = 100\ndefault_action = 'block'\n"
        + ACCOUNT
        + DRAWDOWN.replace("8", "0.1")
        + "max_age_seconds = 0.25\nscope = 'venue/binance'\naction = 'cancel'\n"
    )

    settings = load(written(tmp_path, text))

    assert settings.server == replace(
        ServerSettings(),
        lease=timedelta(milliseconds=600),
        heartbeat=timedelta(milliseconds=200),
        tick=timedelta(milliseconds=100),
        default_action=Action.BLOCK,
    )
    assert settings.evaluators == (
        DrawdownSettings(
            account="main",
            max_drawdown_percent=Decimal("0.1"),
            max_age=timedelta(milliseconds=250),
            scope=Scope(ScopeKind.VENUE, "binance"),
            action=Action.CANCEL,
        ),
    )


@given(
    limit=st.decimals(min_value="0.000000000001", max_value=100, places=12),
    quoted=st.booleans(),
)
def test_a_percentage_is_the_decimal_that_was_written(
    tmp_path_factory: pytest.TempPathFactory, limit: Decimal, *, quoted: bool
) -> None:
    """Every decimal arrives digit for digit, as number or as text, without binary rounding."""
    number = f'"{limit:f}"' if quoted else f"{limit:f}"
    folder = tmp_path_factory.getbasetemp()

    settings = load(written(folder, ACCOUNT + DRAWDOWN.replace("8", number)))

    (evaluator,) = settings.evaluators
    assert isinstance(evaluator, DrawdownSettings)
    assert f"{evaluator.max_drawdown_percent:f}" == f"{limit:f}"
