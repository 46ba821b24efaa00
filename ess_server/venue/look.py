"""One reading of an account, for whoever asks while nothing is being done about it."""

import asyncio
from datetime import timedelta

from ess_server.core.errors import describe
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.venue_look import looked_message, unread_message
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_wire import Message
from ess_server.venue.reading import complete
from ess_server.venue.upkeep import bounded


async def look(id_: int, client: ExchangeClient | None, within: timedelta) -> Message:
    """Return what the account shows, or why that could not be read within this time.

    A flatten at work takes its own readings: what it knows of them must not be changed by another one in between.
    """
    if client is None:
        return unread_message(id_, "the account is not configured")
    loop = asyncio.get_running_loop()
    end = loop.time() + within.total_seconds()
    while True:
        try:
            async with asyncio.timeout_at(end):
                return looked_message(id_, await bounded(complete(client)))
        except ReadBudgetError as error:
            delay, why = error.delay.total_seconds(), describe(error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the account could not be read
            delay, why = 0.2, describe(error)
        if loop.time() + delay >= end:
            return unread_message(id_, why)
        await asyncio.sleep(delay)
