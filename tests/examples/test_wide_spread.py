"""The recipe for an evaluator of one's own, followed: its table, a real server, and an order that is denied."""

import re
import shutil
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import grpc.aio
import pytest

from ess_client import DenyReason
from ess_client.aio import OrderGate
from ess_client.pb import telemetry_pb2 as tel
from ess_client.pb import telemetry_pb2_grpc as telemetry_rpc
from ess_server.config.load import ConfigError, load
from ess_server.config.show import show
from tests.e2e.process import ROOT, ServerProcess, eventually

EXAMPLE = ROOT / "examples" / "wide_spread.py"
RECIPE = ROOT / "docs" / "add-an-evaluator.md"
SHADOW = re.compile(r"^mode = .*\n", re.MULTILINE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The table of the recipe, live, beside the module as a user has it."""
    (told,) = re.findall(r"```toml\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    shutil.copy(EXAMPLE, tmp_path)
    path = tmp_path / "ess.toml"
    path.write_text(SHADOW.sub("", told))
    return path


@pytest.fixture
async def server(config: Path, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server that watches by it, and allows trading."""
    one = ServerProcess(tmp_path / "data", arguments=("--config", config))
    await one.start()
    await one.reset()
    yield one
    await one.kill()


async def quote(server: ServerProcess, bid: str, ask: str) -> None:
    """Push one quote, as a feed handler does."""
    async with grpc.aio.insecure_channel(server.target) as channel:
        feed = tel.Feed(feed="quotes", symbol="BTC/USDT:USDT", bid=bid, ask=ask)
        request = tel.ReportRequest(observations=[tel.Observation(feed=feed)])
        answer = await telemetry_rpc.TelemetryServiceStub(channel).Report(request, timeout=5)
    assert answer.accepted == 1


async def test_a_wide_spread_pushed_to_a_real_server_denies_orders(server: ServerProcess) -> None:
    """A narrow spread allows; one at the limit blocks in the evaluator's words, and the gate denies."""
    async with OrderGate(server.target, subscriber_id="engine") as gate:
        await quote(server, "100", "100.5")
        await eventually(lambda: gate.check().allowed)
        before = (await server.state()).evaluators[0]
        await quote(server, "100", "102")
        await eventually(lambda: gate.check().reason is DenyReason.STOPPED)

    (stop,) = (await server.state()).state.stops
    assert (before.name, before.kind) == ("spread/BTC", "wide_spread:WideSpread")
    assert (stop.scope, stop.cause.evaluator) == ("global", "spread/BTC")
    assert stop.cause.reason == "quotes BTC/USDT:USDT: spread of 2 % (100 to 102) reached the limit of 2 %"


def test_its_mistakes_are_named_and_its_defaults_shown(config: Path) -> None:
    """Its keys are treated like those of any other evaluator, and what is shown loads again."""
    shown = show(load(config))
    config.write_text(config.read_text().replace("max_spread_percent = 2", "max_spread_percent = 0\nmax_age = 3"))
    with pytest.raises(ConfigError) as caught:
        load(config)

    assert "max_age_seconds = 10\n" in shown
    assert load(written_as(config, shown)).evaluators[0].max_spread_percent == Decimal(2)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{config}:8: evaluators.max_spread_percent: 0 is not above 0 and at most 100",
        f"{config}:9: evaluators.max_age: unknown key; did you mean max_age_seconds?",
    ]


def test_the_recipe_is_short() -> None:
    """Under twenty lines up to the table."""
    recipe = RECIPE.read_text().partition("\n1. ")[2].partition("```toml")[0]
    assert len(recipe.splitlines()) < 20


def written_as(config: Path, text: str) -> Path:
    """The text in a file beside the configuration."""
    path = config.with_name("shown.toml")
    path.write_text(text)
    return path
