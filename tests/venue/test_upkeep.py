"""Keeping an account prepared and reading its equity: no failure of a client ends either."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.testing import FakeClock
from ess_server.testing.exchange import FakeExchangeClient
from ess_server.testing.waiting import eventually
from ess_server.venue.strict import VenueError
from ess_server.venue.upkeep import Faults, keep_prepared, poll_equity


class Cancelling(FakeExchangeClient):
    """A client inside which the first call of each kind is cancelled."""

    async def prepare(self) -> None:
        """Work from the second time on."""
        await super().prepare()
        self._first("prepare")

    async def equity(self) -> tuple[Decimal, str]:
        """Work from the second time on."""
        result = await super().equity()
        self._first("equity")
        return result

    def _first(self, method: str) -> None:
        if self.calls.count(method) == 1:
            raise asyncio.CancelledError


def _prepare(client: FakeExchangeClient, faults: Faults) -> Coroutine[Any, Any, None]:
    return keep_prepared(client, faults)


def _poll(client: FakeExchangeClient, faults: Faults) -> Coroutine[Any, Any, None]:
    return poll_equity(client, timedelta(milliseconds=5), SystemClock(), lambda *_: None, faults)


@pytest.mark.parametrize(("start", "method"), [(_prepare, "prepare"), (_poll, "equity")])
async def test_a_cancellation_inside_the_client_is_a_fault(
    start: Callable[[FakeExchangeClient, Faults], Coroutine[Any, Any, None]], method: str
) -> None:
    """A call that was cancelled from inside is told and made again; our own cancellation still ends the upkeep."""
    told: list[str] = []
    client = Cancelling(Account(id="main", venue="paper"))
    faults = Faults(SystemClock(), lambda _, detail: told.append(detail))
    task = asyncio.create_task(start(client, faults))
    await eventually(lambda: client.calls.count(method) > 1)
    task.cancel()
    await asyncio.wait({task}, timeout=1)

    assert [detail.partition(": ")[2] for detail in told] == ["the call was cancelled"]
    assert task.cancelled()


def test_a_fault_is_told_once_a_minute_whatever_numbers_it_counts() -> None:
    """Venues put times and waits into their refusals: with each try the same fault would be told anew."""
    clock, told = FakeClock(), list[str]()
    faults = Faults(clock, lambda _, detail: told.append(detail))
    for second in range(61):
        faults.report("main", "reading equity", VenueError(f"10002 req_timestamp[{1767000000 + second}]", 10002))
        clock.advance(1)
    faults.report("main", "reading equity", VenueError("10003 API key is invalid", 10003))

    assert [detail.partition(": 1000")[2] for detail in told] == [
        "2 req_timestamp[1767000000]",
        "2 req_timestamp[1767000060]",
        "3 API key is invalid",
    ]
