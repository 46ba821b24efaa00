"""What is in force can be printed, and what is printed can be loaded."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.config.load import load
from ess_server.config.settings import (
    AccountSettings,
    PaperEndpoint,
    ServerSettings,
    Settings,
    TlsSettings,
)
from ess_server.config.show import document, show
from ess_server.core.evaluators import DrawdownSettings, ManualSettings, Mode, OnUnknown
from ess_server.core.model import Action

EXAMPLE = Path(__file__).parents[2] / "examples" / "ess.toml"

names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
paths = names.filter(lambda n: n not in (".", "..") and "/" not in n and n[0] != "~").map(lambda n: Path("/data") / n)
actions = st.sampled_from(Action)
leases = st.integers(200, 2000).map(lambda ms: timedelta(milliseconds=ms))
seconds = st.integers(1, 86_400_000_000).map(lambda us: timedelta(microseconds=us))
percents = st.none() | st.decimals(min_value="0.0001", max_value=100, places=4)

servers = st.builds(
    ServerSettings,
    data_dir=st.none() | paths,
    insecure=st.booleans(),
    tls=st.none() | st.builds(TlsSettings, certificate=paths, key=paths, client_ca=st.none() | paths),
    lease=leases,
    heartbeat=st.just(timedelta(milliseconds=50)),
    tick=st.just(timedelta(milliseconds=66)),
    expected_subscribers=st.lists(names, unique=True, max_size=3).map(tuple),
    default_action=actions,
    day_boundary=st.sampled_from([ZoneInfo("UTC"), ZoneInfo("America/New_York")]),
)
accounts = st.builds(
    AccountSettings,
    id=names,
    venue=names,
    exchange=st.just("binanceusdm"),
    api_key_file=paths,
    secret_env=st.just("SECRET"),
    paper=st.none() | st.builds(PaperEndpoint, host=st.sampled_from(["::1", "h"]), port=st.just(1), ca_file=paths),
)


def drawdowns(account: str) -> st.SearchStrategy[DrawdownSettings]:
    """Draw limits for an account."""
    return st.builds(
        DrawdownSettings,
        account=st.just(account),
        max_drawdown_percent=st.decimals(min_value="0.0001", max_value=100, places=4),
        max_daily_loss_percent=percents,
        max_age=seconds,
        confirm_within=seconds,
        mode=st.sampled_from(Mode),
        on_unknown=st.sampled_from(OnUnknown),
        action=actions,
    )


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    """Draw settings that are in range."""
    account = draw(accounts)
    return Settings(
        installation=draw(names),
        server=draw(servers),
        accounts=(account,),
        evaluators=(draw(drawdowns(account.id)), ManualSettings(name=draw(st.just("by hand")))),
    )


@given(settings=all_settings())
def test_what_is_shown_loads_to_the_same_settings(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> None:
    """Nothing is lost or rounded between settings, text and settings."""
    path = tmp_path_factory.getbasetemp() / "shown.toml"
    path.write_text(show(settings))

    assert load(path) == settings


def test_what_is_shown_spells_out_every_default() -> None:
    """Defaults that are in force are printed, and what is not set is a comment."""
    text = show(load(EXAMPLE))

    assert "lease_ms = 1000\n" in text
    assert "max_drawdown_percent = 8.5\n" in text
    assert "confirm_within_seconds = 60\n" in text
    assert "# [server.tls] is not set\n" in text


def test_the_document_is_plain_enough_for_json() -> None:
    """All values are texts, flags, whole numbers, decimals, lists and mappings."""
    text = json.dumps(document(load(EXAMPLE)), default=lambda value: {Decimal: str}[type(value)](value))

    assert json.loads(text)["evaluators"][1]["max_drawdown_percent"] == "8.5"
