"""TelemetryService.Report over a real connection: each observation on its own, and what is taken of it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from ess_client.pb import telemetry_pb2 as tel
from ess_server.core.readings import EquityReading
from ess_server.testing import eventually
from tests.service.conftest import Served
from tests.service.reporting import active, at, equity, report, stamp

far_future = Timestamp(seconds=2**40)
zero_in_go = Timestamp(seconds=-62135596800)


@pytest.mark.parametrize(
    ("observation", "reason", "field"),
    [
        (equity("NaN"), "NOT_A_DECIMAL", "equity.amount"),
        (equity("Infinity"), "NOT_A_DECIMAL", "equity.amount"),
        (equity("1e9"), "NOT_A_DECIMAL", "equity.amount"),
        (equity("١٢"), "NOT_A_DECIMAL", "equity.amount"),
        (equity(""), "NOT_A_DECIMAL", "equity.amount"),
        (equity("0." + "0" * 30 + "1"), "NOT_A_DECIMAL", "equity.amount"),
        (equity("1" * 25), "NOT_A_DECIMAL", "equity.amount"),
        (equity("0"), "NOT_POSITIVE", "equity.amount"),
        (equity("-5"), "NOT_POSITIVE", "equity.amount"),
        (equity("5", account="mian"), "UNKNOWN_ACCOUNT", "account"),
        (equity("5", currency=""), "MISSING", "equity.currency"),
        (equity("5", currency="x" * 300), "TOO_LONG", "equity.currency"),
        (tel.Observation(), "UNKNOWN_KIND", "kind"),
        (
            tel.Observation(cash_flow=tel.CashFlow(account="main", amount="1", currency="U")),
            "MISSING",
            "observation_id",
        ),
        (
            tel.Observation(observation_id="1", execution=tel.Execution(account="main", symbol="B")),
            "UNKNOWN_TYPE",
            "execution_type",
        ),
        (tel.Observation(observe_time=far_future, health=tel.Health(component="c")), "BAD_TIME", "observe_time"),
        (at(zero_in_go, equity("1")), "BAD_TIME", "observe_time"),
        (at(Timestamp(seconds=0), equity("1")), "BAD_TIME", "observe_time"),
        (at(Timestamp(seconds=946684799), equity("1")), "BAD_TIME", "observe_time"),
        (at(Timestamp(seconds=2**33), equity("1")), "BAD_TIME", "observe_time"),
        (tel.Observation(health=tel.Health()), "MISSING", "health.component"),
        (tel.Observation(feed=tel.Feed(feed="f", bid="x")), "NOT_A_DECIMAL", "feed.bid"),
    ],
)
async def test_bad_observation_is_rejected_alone(
    watched: Served, observation: tel.Observation, reason: str, field: str
) -> None:
    """What cannot count is rejected with its position, a stable reason and the field; the others count."""
    answer = await report(watched, equity("1000"), observation, equity("1001"))

    assert answer.accepted == 2
    assert [(r.index, r.reason) for r in answer.rejections] == [(1, reason)]
    assert answer.rejections[0].detail.startswith(f"{field}: ")


async def test_digits_that_a_division_leaves_behind_are_rounded(watched: Served) -> None:
    """Equity of more places than anybody means counts, also where rounding makes it longer before the point."""
    answer = await report(watched, equity("308.3333333333333333333333333"), equity("9" * 24 + "." + "9" * 30))
    assert answer.accepted == 2

    def latest() -> Decimal | None:
        metrics = watched.running.readings.metrics.account("main")
        return metrics and metrics.equity.amount

    # The second waits until the first has been judged.
    await eventually(lambda: latest() == Decimal("1e24"))


async def test_zero_time_leaves_the_baseline_as_it_was(watched: Served) -> None:
    """A reading stamped with a zero time is refused, and the loss is still measured from what was there."""
    await report(watched, equity("1000"), equity("1000"))
    answer = await report(watched, at(zero_in_go, equity("880")), equity("899"))
    state = await active(watched)

    assert [(r.index, r.reason) for r in answer.rejections] == [(0, "BAD_TIME")]
    assert Decimal(state.stops[0].cause.limit) == 10


async def test_observation_on_which_the_server_fails_is_rejected_alone(
    watched: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect that one observation meets is told to its sender, and the others count."""
    metrics = watched.running.readings.metrics
    take = metrics.record_equity

    def fail(reading: EquityReading) -> None:
        if reading.amount == 13:
            raise ZeroDivisionError
        take(reading)

    monkeypatch.setattr(metrics, "record_equity", fail)
    answer = await report(watched, equity("13"), equity("999"))
    known = metrics.account("main")

    assert [(r.index, r.reason) for r in answer.rejections] == [(0, "INTERNAL_ERROR")]
    assert known is not None
    assert known.equity.amount == 999


async def test_texts_that_nobody_needs_whole_are_cut(watched: Served) -> None:
    """A detail of 100 kB is kept as 256 bytes; the observation counts."""
    long = "x" * 100_000
    answer = await report(
        watched,
        tel.Observation(
            observation_id="x1",
            execution=tel.Execution(
                account="main",
                symbol="B",
                execution_type=tel.EXECUTION_TYPE_REJECTED,
                client_order_id=long,
                strategy=long,
                detail=long,
            ),
        ),
        tel.Observation(health=tel.Health(component="oms", detail=long)),
        tel.Observation(feed=tel.Feed(feed="f", symbol=long, detail=long)),
    )
    readings = watched.running.readings
    (execution,) = readings.metrics.executions("main", 0.0)
    ((symbol, update),) = readings.feeds.updates("f").items()
    kept = (execution.client_order_id, execution.strategy, execution.detail, symbol, update.detail)

    assert answer.accepted == 3
    assert [len(t.encode()) for t in (*kept, readings.health.components()["oms"].detail)] == [256] * 6


async def test_every_kind_is_taken(watched: Served) -> None:
    """Executions, cash flows, health and feeds reach the monitors that evaluators read."""
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    answer = await report(
        watched,
        tel.Observation(observation_id="d1", cash_flow=tel.CashFlow(account="main", amount="50", currency="USDT")),
        tel.Observation(
            observation_id="x1",
            observe_time=now,
            execution=tel.Execution(
                account="main", symbol="BTC/USDT:USDT", execution_type=tel.EXECUTION_TYPE_REJECTED, side=tel.SIDE_BUY
            ),
        ),
        tel.Observation(health=tel.Health(component="oms", status=tel.HEALTH_STATUS_UNSPECIFIED)),
        tel.Observation(feed=tel.Feed(feed="f", symbol="BTC", bid="1", ask="2", sequence=0)),
    )
    readings = watched.running.readings

    assert answer.accepted == 4
    assert [e.side for e in readings.metrics.executions("main", 0.0)] == ["buy"]
    assert readings.health.components()["oms"].status.name == "CRITICAL"
    assert readings.feeds.updates("f")["BTC"].sequence == 0
    # Nothing is known of the clock of a source that told no time.
    assert readings.feeds.updates("f")["BTC"].stamped


async def test_more_than_a_thousand_observations_are_refused_whole(watched: Served) -> None:
    """The bound is named, and nothing of the call counts."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await report(watched, *[equity("1")] * 1001)

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert watched.running.readings.metrics.account("main") is None


async def test_report_of_late_flows_keeps_nothing_else_waiting(watched: Served) -> None:
    """A thousand withdrawals of yesterday beside a full window: no gap of 100 ms in what else the server does."""
    now = datetime.now(UTC)
    readings = [at(stamp(now - timedelta(seconds=0.8 * n)), equity("1000")) for n in range(1000, 0, -1)]
    await report(watched, *readings)
    flows = [
        at(
            stamp(now - timedelta(days=1) + timedelta(seconds=n)),
            tel.Observation(
                observation_id=f"w{n}", cash_flow=tel.CashFlow(account="main", amount="-0.01", currency="USDT")
            ),
        )
        for n in range(1000)
    ]
    gaps: list[float] = []

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.005)
            last, before = time.monotonic(), last
            gaps.append(last - before)

    ticking = asyncio.create_task(tick())
    answer = await report(watched, *flows)
    ticking.cancel()

    assert answer.accepted == 1000
    assert max(gaps) < 0.1
