"""Reads what became of an account's orders, at an interval, and tells the server."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.ports import Clock
from ess_server.core.readings import ExecutionReport
from ess_server.core.venue_executions import MOST_REPORTS, executions_message, executions_read_message
from ess_server.core.venue_ports import ExecutionReader
from ess_server.venue.pipe import Outbox
from ess_server.venue.upkeep import Faults, bounded, jittered

LATE_AFTER = timedelta(seconds=60)
"""How long the request budget may put the reading off before that is told as a fault."""
LONGEST_PAUSE = timedelta(seconds=40)
"""So long the budget's own income for executions takes to pay for several requests, which one look needs."""
WHAT = "reading executions"


async def poll_executions(
    reader: ExecutionReader, every: timedelta, clock: Clock, outbox: Outbox, faults: Faults
) -> None:
    """Look at this interval, for ever; a failure is a fault, never the end, and the next look makes up for it."""
    account = reader.account.id

    def deliver(reports: Sequence[ExecutionReport]) -> None:
        for start in range(0, len(reports), MOST_REPORTS):
            outbox.put(executions_message(account, reports[start : start + MOST_REPORTS]))

    looked, put_off = clock.uptime(), 0
    while True:
        delay = every
        try:
            read_to = await bounded(reader.executions(deliver))
        except ReadBudgetError as error:
            put_off += 1
            delay = min(max(every, error.delay) * 2 ** min(put_off, 10), LONGEST_PAUSE)
            if clock.uptime() - looked > LATE_AFTER.total_seconds():
                faults.report(account, WHAT, error)
        except Exception as error:  # noqa: BLE001 - nothing a venue does may end the poll
            faults.report(account, WHAT, error)
        else:
            looked, put_off = clock.uptime(), 0
            faults.cleared(account, WHAT)
            outbox.latest(f"executions {account}", executions_read_message(account, read_to))
        await asyncio.sleep(jittered(delay.total_seconds()))
