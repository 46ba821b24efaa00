"""What looks after the host and the components, in a real server: when it fails, that itself is noticed."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from threading import Event

import psutil
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.config.settings import ComponentSettings, HostSettings
from ess_server.core.evaluators import SystemHealthSettings
from ess_server.core.readings import EvaluatorStatus
from ess_server.testing import eventually
from tests.adapters.health_component import Status, serving
from tests.service.conftest import Serve, Served
from tests.service.reporting import active

SHORT = timedelta(milliseconds=300)
OFTEN = timedelta(milliseconds=20)
HOST = SystemHealthSettings(max_disk_percent=Decimal(100), host_max_age=SHORT, unknown_after=SHORT)


async def clear(one: Served) -> None:
    """Wait until the only evaluator has read that all is well, and see that nothing is stopped."""
    await eventually(lambda: one.running.system.monitor.views()[0].status is EvaluatorStatus.CLEAR)
    assert not one.running.system.controller.state.active


def check_fault(stop: pb.Stop, words: str) -> None:
    """It blocks for lack of knowledge, and says of what; nobody has read a breach."""
    assert (stop.action, stop.cause.source) == (pb.STOP_ACTION_BLOCK, pb.CAUSE_SOURCE_EVALUATOR_FAULT)
    assert words in stop.cause.reason


@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_poller_that_ends_or_hangs_is_named_and_blocks(
    serve: Serve, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The component is well all the time; that nobody asks it any more is not its silence, and flattens nothing."""
    async with serving() as component:
        oms = ComponentSettings(name="oms", address=component.address, interval=OFTEN)
        watch = SystemHealthSettings(max_silence=SHORT, unknown_after=SHORT)
        one = await serve(components=(oms,), evaluators=(watch,), data_dir=None, tick=OFTEN)
        await one.commission()
        await clear(one)
        (task,) = (t for t in asyncio.all_tasks() if t.get_name() == "health of oms")
        if how == "killed":
            task.cancel()
        else:
            monkeypatch.setattr("ess_server.adapters.grpc_health.HealthPoller._ask", lambda _: asyncio.Event().wait())
        stop = (await active(one)).stops[0]

    check_fault(stop, "component oms was not asked for")
    assert "what asks it has ended or hangs" in stop.cause.reason


async def test_disk_that_hangs_blocks_trading_and_says_where(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader hangs in the disk, the server goes on and stops; the stop names the place."""
    answers = Event()
    one = await serve(host=HostSettings(interval=OFTEN), evaluators=(HOST,), tick=OFTEN)
    await one.commission()
    await clear(one)
    monkeypatch.setattr(psutil, "disk_usage", lambda _: answers.wait(10))
    stop = (await active(one)).stops[0]
    answers.set()

    check_fault(stop, "the thread that reads them has ended or hangs in ")
    assert stop.cause.reason.endswith("/data")


async def test_figures_that_cannot_be_read_block_trading(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that fails, again and again, is as good as none."""
    one = await serve(host=HostSettings(interval=OFTEN), evaluators=(HOST,), tick=OFTEN)
    await one.commission()
    await clear(one)

    def gone(_: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(psutil, "disk_usage", gone)

    check_fault((await active(one)).stops[0], "cannot be read (Input/output error)")


async def test_component_that_is_not_serving_stops_without_waiting_for_the_tick(serve: Serve) -> None:
    """Its answer wakes the evaluators; the stop carries its words."""
    async with serving() as component:
        oms = ComponentSettings(name="oms", address=component.address, interval=OFTEN)
        one = await serve(
            components=(oms,), evaluators=(SystemHealthSettings(),), data_dir=None, tick=timedelta(seconds=30)
        )
        await one.commission()
        await component.set(Status.NOT_SERVING)
        stop = (await active(one)).stops[0]

    assert stop.cause.source == pb.CAUSE_SOURCE_EVALUATOR
    assert stop.cause.reason == f"system_health: component oms is CRITICAL ({component.address} says NOT_SERVING)"
