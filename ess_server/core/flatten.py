"""Flattens several accounts at once, inside this process."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from ess_server.core.flatten_account import AccountFlattener
from ess_server.core.flatten_plan import BelowMinimumError, FlattenSettings, ReadBudgetError
from ess_server.core.flatten_report import OnEvent, OnProgress
from ess_server.core.model import AccountProgress, Work
from ess_server.core.ports import Clock, ExchangeClient

__all__ = ["AccountFlattener", "BelowMinimumError", "FlattenSettings", "LocalFlattener", "ReadBudgetError"]

CLOSE_WITHIN = timedelta(seconds=2)
"""How long ``stop`` waits for connections to close."""


class LocalFlattener:
    """A ``Flattener`` over clients in this process; accounts work concurrently and fail on their own.

    Without work an account's progress is PENDING with an empty ``stop_id``. An account that is not configured
    has no client, so nothing of it can be in flight.
    """

    def __init__(
        self,
        clients: Sequence[ExchangeClient],
        *,
        clock: Clock,
        settings: FlattenSettings,
        on_progress: OnProgress,
        on_event: OnEvent,
    ) -> None:
        self._clients = tuple(clients)
        self._accounts = {
            client.account.id: AccountFlattener(client, clock, settings, on_progress=on_progress, on_event=on_event)
            for client in clients
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; work set before is taken up."""
        self._tasks = [asyncio.create_task(a.run(), name=f"flatten {id_}") for id_, a in self._accounts.items()]

    async def stop(self) -> None:
        """End all work and close the clients. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        closing = asyncio.gather(*(client.aclose() for client in self._clients), return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN.total_seconds()):
                await closing

    def set_work(self, work: Mapping[str, Work]) -> None:
        """See ``Flattener.set_work``."""
        for id_, account in self._accounts.items():
            account.set_work(work.get(id_))

    def progress(self) -> Mapping[str, AccountProgress]:
        """See ``Flattener.progress``."""
        return {id_: account.progress for id_, account in self._accounts.items()}

    async def quiesce(self, accounts: Sequence[str], within: timedelta) -> bool:
        """See ``Flattener.quiesce``; False as long as one of the accounts has work."""
        waiting = [self._accounts[a].quiesced() for a in accounts if a in self._accounts]
        try:
            async with asyncio.timeout(within.total_seconds()):
                return all(await asyncio.gather(*waiting))
        except TimeoutError:
            return False
