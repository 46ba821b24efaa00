"""What goes on for each account whether anything is stopped or not: keeping ready, and reading equity."""

import asyncio
import logging
import random
import re
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from ess_server.core.errors import VenueUnknownError, describe
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import ExchangeClient

PREPARE_EVERY = timedelta(minutes=5)
CALL_TIMEOUT = timedelta(seconds=15)
_RETRY_FIRST, _RETRY_LAST = 0.5, 10.0
_JITTER = 0.1
_REPEAT_FAULT_AFTER = 60.0
_NUMBER = re.compile(r"\d+")

T = TypeVar("T")
OnEquity = Callable[[str, Decimal, str, datetime, int | None], None]
OnFault = Callable[[str, str], None]

_log = logging.getLogger(__name__)


class Faults:
    """Tells a fault of an account when it is new, has changed in more than its numbers, or a minute has passed."""

    def __init__(self, clock: Clock, tell: OnFault) -> None:
        self._clock = clock
        self._tell = tell
        self._told: dict[tuple[str, str], tuple[str, float]] = {}

    def report(self, account: str, what: str, error: BaseException) -> None:
        """Report that ``what`` failed."""
        detail = f"{what}: {describe(error)}"
        # Times and waits in the words of a venue are other ones each time.
        words = _NUMBER.sub("", detail)
        before, at = self._told.get((account, what), ("", 0.0))
        if words == before and self._clock.uptime() - at < _REPEAT_FAULT_AFTER:
            return
        self._told[account, what] = (words, self._clock.uptime())
        _log.warning("account %s: %s", account, detail)
        self._tell(account, detail)

    def cleared(self, account: str, what: str) -> None:
        """``what`` works again."""
        if self._told.pop((account, what), None) is not None:
            _log.info("account %s: %s works again", account, what)


async def keep_prepared(client: ExchangeClient, faults: Faults) -> None:
    """Prepare until it succeeds, then refresh every few minutes, for ever."""
    failures = 0
    while True:
        try:
            await bounded(client.prepare())
        except Exception as error:  # noqa: BLE001 - nothing a venue does may end the upkeep
            failures += 1
            faults.report(client.account.id, "preparing", error)
            delay = min(_RETRY_LAST, _RETRY_FIRST * 2 ** min(failures, 10))
        else:
            failures = 0
            faults.cleared(client.account.id, "preparing")
            delay = PREPARE_EVERY.total_seconds()
        await asyncio.sleep(jittered(delay))


async def poll_equity(
    client: ExchangeClient, every: timedelta, clock: Clock, on_equity: OnEquity, faults: Faults
) -> None:
    """Read equity at this interval, for ever; a failure is a fault, never the end."""
    while True:
        delay = every
        try:
            amount, currency = await bounded(client.equity())
        except ReadBudgetError as error:
            delay = max(every, error.delay)
        except Exception as error:  # noqa: BLE001 - nothing a venue does may end the poll
            faults.report(client.account.id, "reading equity", error)
        else:
            faults.cleared(client.account.id, "reading equity")
            on_equity(client.account.id, amount, currency, clock.now(), client.open_positions)
        await asyncio.sleep(jittered(delay.total_seconds()))


async def bounded(call: Coroutine[Any, Any, T]) -> T:
    """Await a call for ``CALL_TIMEOUT`` at most; raises VenueUnknownError where it was cancelled from within."""
    task = asyncio.current_task()
    assert task is not None
    try:
        async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
            return await call
    except asyncio.CancelledError:
        if task.cancelling():
            raise
        # Nobody asked us to end: something inside the client was cancelled.
        raise VenueUnknownError("the call was cancelled") from None


def jittered(seconds: float) -> float:
    """Return about as many seconds, so that what began together does not stay together."""
    return seconds * (1 + random.uniform(-_JITTER, _JITTER))  # noqa: S311 - jitter
