"""Each evaluator end to end: an observation that is pushed becomes a stop, silence does at the tick."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import telemetry_pb2 as tel
from ess_server.core.evaluators import (
    DataFeedSettings,
    EvaluatorSettings,
    ExecutionErrorsSettings,
    SystemHealthSettings,
)
from ess_server.core.model import Action
from tests.service.conftest import MAIN, Serve, Served
from tests.service.reporting import active, report

NO_TICK = timedelta(seconds=30)
"""A tick beyond every test: what stops by then was not waiting for it."""
SOON = timedelta(milliseconds=300)


def health(status: tel.HealthStatus) -> tel.Observation:
    """A word of the order router."""
    return tel.Observation(health=tel.Health(component="router", status=status, detail="no route"))


def order(number: int) -> tel.Observation:
    """The same order under a new id."""
    execution = tel.Execution(account="main", symbol="BTC", side=tel.SIDE_BUY, quantity="1", price="5")
    execution.execution_type = tel.EXECUTION_TYPE_NEW
    return tel.Observation(observation_id=f"x{number}", execution=execution)


def quote(last: str, symbol: str = "BTC") -> tel.Observation:
    """A price of a feed."""
    return tel.Observation(feed=tel.Feed(feed="quotes", symbol=symbol, last=last))


async def commissioned(serve: Serve, settings: EvaluatorSettings, tick: timedelta) -> Served:
    """A server with one evaluator, whose stops were reset."""
    one = await serve(accounts=(MAIN,), evaluators=(settings,), data_dir=None, tick=tick)
    await one.commission()
    return one


BREACHES = {
    "system_health": (
        SystemHealthSettings(),
        [[health(tel.HEALTH_STATUS_HEALTHY)], [health(tel.HEALTH_STATUS_CRITICAL)]],
        ("global", pb.STOP_ACTION_FLATTEN, "system_health: component router is CRITICAL (no route)"),
    ),
    "execution_errors": (
        ExecutionErrorsSettings(account="main", max_repeated_orders=10),
        [[order(n) for n in range(9)], [order(9)]],
        (
            "account/main",
            pb.STOP_ACTION_FLATTEN,
            "account main: the same order (buy 1 BTC at 5) 10 times within 5 s reached the limit of 10",
        ),
    ),
    "data_feed": (
        DataFeedSettings(feed="quotes", max_jump_percent=Decimal(10), action=Action.CANCEL),
        [[quote("100"), quote("7", "ETH")], [quote("111"), quote("100")]],
        (
            "global",
            pb.STOP_ACTION_CANCEL,
            "feed quotes: BTC: price moved by 11 % (from 100 to 111 within 10 s), which reached the limit of 10 %",
        ),
    ),
}


@pytest.mark.parametrize(("settings", "reports", "expected"), BREACHES.values(), ids=BREACHES.keys())
async def test_breach_that_is_pushed_latches_without_waiting_for_the_tick(
    serve: Serve,
    settings: EvaluatorSettings,
    reports: list[list[tel.Observation]],
    expected: tuple[str, int, str],
) -> None:
    """What is healthy stops nothing; the report that breaches does, with its scope, action and sentence."""
    one = await commissioned(serve, settings, NO_TICK)
    *healthy, breach = reports
    for observations in healthy:
        assert (await report(one, *observations)).accepted == len(observations)
    before = (await one.stops.GetState(pb.GetStateRequest())).state
    await report(one, *breach)
    stop = (await active(one)).stops[0]

    assert before.status == pb.STOP_STATUS_INACTIVE
    assert (stop.scope, stop.action, stop.cause.reason) == expected
    assert (stop.cause.source, stop.cause.evaluator) == (pb.CAUSE_SOURCE_EVALUATOR, settings.name)


SILENCES: dict[str, tuple[EvaluatorSettings, Callable[[], tel.Observation], str]] = {
    "component": (
        SystemHealthSettings(components=("router",), max_silence=SOON),
        lambda: health(tel.HEALTH_STATUS_HEALTHY),
        "component router has been silent",
    ),
    "feed": (
        DataFeedSettings(feed="quotes", symbols=("BTC",), max_feed_silence=SOON),
        lambda: quote("100"),
        "no news of any symbol",
    ),
}


@pytest.mark.parametrize(("settings", "word", "reason"), SILENCES.values(), ids=SILENCES.keys())
async def test_silence_is_caught_by_the_tick(
    serve: Serve, settings: EvaluatorSettings, word: Callable[[], tel.Observation], reason: str
) -> None:
    """After one good word and none since, the tick stops; before the first word nothing is known, and nothing read."""
    one = await commissioned(serve, settings, timedelta(milliseconds=20))
    unknown = (await one.stops.GetState(pb.GetStateRequest())).evaluators[0]
    await report(one, word())
    stop = (await active(one)).stops[0]

    assert unknown.status == pb.EVALUATOR_STATUS_UNKNOWN
    assert reason in stop.cause.reason
    assert "reached the limit of 0.3 s" in stop.cause.reason
    assert stop.cause.source == pb.CAUSE_SOURCE_EVALUATOR
    assert Decimal(stop.cause.reading) >= Decimal(stop.cause.limit) == Decimal("0.3")


async def test_component_that_never_reports_is_a_fault_after_its_patience(serve: Serve) -> None:
    """The stop then blocks and does not flatten: nobody has read a breach."""
    settings = SystemHealthSettings(components=("router",), unknown_after=SOON)
    one = await commissioned(serve, settings, timedelta(milliseconds=20))
    stop = (await active(one)).stops[0]

    assert (stop.action, stop.cause.source) == (pb.STOP_ACTION_BLOCK, pb.CAUSE_SOURCE_EVALUATOR_FAULT)
    assert "no report since the start from router" in stop.cause.reason
