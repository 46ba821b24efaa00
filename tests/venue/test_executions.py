"""Executions on their way from the venue to the server: nothing is lost with a process, a look or a long list."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ess_server.adapters.venue_process import LinkTimes
from ess_server.adapters.venue_process.process import COMMAND
from ess_server.core.clock import SystemClock
from ess_server.core.flatten import ReadBudgetError
from ess_server.core.model import Account
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.core.venue_executions import MOST_REPORTS
from ess_server.core.venue_link import VenueSettings
from ess_server.core.venue_ports import DeliverExecutions
from ess_server.core.venue_wire import decode
from ess_server.testing.exchange import FakeExchangeClient
from ess_server.testing.waiting import eventually
from ess_server.venue.executions import poll_executions
from ess_server.venue.pipe import Outbox
from ess_server.venue.plans import Budgets, open_clients
from ess_server.venue.upkeep import Faults
from tests.venue.office import Office

OFTEN = timedelta(milliseconds=50)


async def test_what_happens_while_the_process_is_dead_is_told_by_the_next(
    floor: Any, settings_for: Callable[..., VenueSettings], tmp_path: Path
) -> None:
    """A process that is killed costs no execution: the next reads on from where it had read to."""
    settings = settings_for(floor)
    account = replace(settings.accounts[0], executions_interval=OFTEN)
    office = Office(tmp_path)
    office.open(replace(settings, accounts=(account,)), COMMAND, LinkTimes(restart_first=OFTEN))
    await office.process.start()
    try:
        await eventually(lambda: office.process._executions_read, within=20)
        floor.hold("BTCUSDT", "1")
        await eventually(lambda: len(office.executions) == 2)
        read_to = office.process._executions_read["main"]
        await eventually(lambda: office.process._executions_read["main"] > read_to)
        os.kill(int(Path(settings.lock_file).read_text()), signal.SIGKILL)  # noqa: ASYNC240 - a short file
        floor.hold("ETHUSDT", "1")
        floor.hold("ETHUSDT", "-1")
        await eventually(lambda: len({r.id for r in office.executions}) == 6, within=20)
    finally:
        await office.process.stop()

    assert {r.symbol for r in office.executions[2:]} >= {"ETH/USDT:USDT"}
    assert {r.account for r in office.executions} == {"main"}


class Moody(FakeExchangeClient):
    """A reader whose looks fail in turn: cancelled from within, broken, put off; each delivers its reports first."""

    def __init__(self) -> None:
        super().__init__(Account(id="main", venue="paper"))
        self.moods: list[BaseException] = [
            asyncio.CancelledError(),
            ValueError("secret"),
            ReadBudgetError(timedelta(milliseconds=1)),
        ]

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """Deliver, then fail as long as there are moods."""
        read_to = await super().executions(deliver)
        if self.moods:
            raise self.moods.pop(0)
        return read_to


def _report(number: int) -> ExecutionReport:
    return ExecutionReport(
        account="main",
        id=str(number),
        symbol="BTC/USDT:USDT",
        execution_type=ExecutionType.NEW,
        side="buy",
        client_order_id="",
        quantity=None,
        price=None,
        expected_price=None,
        stop_loss=False,
        strategy="",
        detail="",
        time=datetime.now(UTC),
        received=0.0,
    )


async def test_looks_go_on_whatever_one_of_them_does() -> None:
    """What a failed look delivered is told, failures are faults, waiting for the budget is none, and all is well after.

    Messages hold no more reports than one of them may.
    """
    reader, outbox, told = Moody(), Outbox(), list[str]()
    reader.reports = [_report(number) for number in range(MOST_REPORTS + 1)]
    faults = Faults(SystemClock(), lambda _, detail: told.append(detail))
    read, write = os.pipe()
    writing = asyncio.create_task(outbox.run(write))
    polling = asyncio.create_task(poll_executions(reader, timedelta(milliseconds=1), SystemClock(), outbox, faults))
    lines = await asyncio.to_thread(_lines_until_read, read)
    polling.cancel()
    writing.cancel()
    await asyncio.wait({polling, writing}, timeout=1)
    os.close(read)

    assert polling.cancelled()
    assert [len(line["reports"]) for line in lines[:-1]] == [MOST_REPORTS, 1]
    assert [r["id"] for line in lines[:-1] for r in line["reports"]] == [str(n) for n in range(MOST_REPORTS + 1)]
    assert told == ["reading executions: the call was cancelled", "reading executions: ValueError"]


def _lines_until_read(fd: int) -> list[Any]:
    lines = []
    with os.fdopen(os.dup(fd)) as pipe:
        for line in pipe:
            lines.append(decode(line.encode()))
            if lines[-1]["type"] == "executions_read":
                break
    return lines


async def test_a_client_that_is_opened_anew_reads_on(floor: Any, settings_for: Callable[..., VenueSettings]) -> None:
    """A changed key file costs no execution: the new client goes on where the old one had read to."""
    settings, clock = settings_for(floor), SystemClock()
    [client] = open_clients(settings.accounts, clock, Budgets(clock))
    told: list[ExecutionReport] = []
    try:
        await client.executions(told.extend)
        floor.hold("BTCUSDT", "1")
        await client.executions(told.extend)
        key = Path(settings.accounts[0].key.file)
        os.utime(key, ns=(1, 1))
        floor.hold("BTCUSDT", "-1")
        await client.executions(told.extend)
    finally:
        await client.aclose()

    assert [r.execution_type for r in told] == [ExecutionType.NEW, ExecutionType.TRADE] * 2
