"""Flattens several accounts at once, inside this process."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from ess_server.core.closing import ClosingRules
from ess_server.core.flatten_account import AccountFlattener
from ess_server.core.flatten_plan import BelowMinimumError, FlattenSettings, ReadBudgetError, backoff_ceiling
from ess_server.core.flatten_report import OnEvent, OnProgress
from ess_server.core.model import AccountProgress, Work
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import ExchangeClient

__all__ = ["AccountFlattener", "BelowMinimumError", "FlattenSettings", "LocalFlattener", "ReadBudgetError"]

CLOSE_WITHIN = timedelta(seconds=2)
"""How long ``stop`` waits for connections to close."""


class LocalFlattener:
    """A ``Flattener`` over clients in this process; accounts work concurrently and fail on their own.

    Without work an account's progress is PENDING with an empty ``stop_id``. An account that is not configured
    has no client, so nothing of it can be in flight. Work on an account that ends though nobody stopped it is told
    as event ``venue.fault`` and taken up again soon.
    """

    def __init__(
        self,
        clients: Sequence[ExchangeClient],
        *,
        clock: Clock,
        settings: FlattenSettings,
        on_progress: OnProgress,
        on_event: OnEvent,
        rules: Mapping[str, ClosingRules] | None = None,
        sweep_intervals: Mapping[str, timedelta] | None = None,
    ) -> None:
        """``rules`` by account id say how its positions are closed, at market where there are none.

        ``sweep_intervals`` by account id stand for ``sweep_interval_max`` of ``settings``.
        """
        longest = sweep_intervals or {}
        self._clients = tuple(clients)
        self._clock = clock
        self._settings = settings
        self._accounts = {
            client.account.id: AccountFlattener(
                client,
                clock,
                replace(settings, sweep_interval_max=longest.get(client.account.id, settings.sweep_interval_max)),
                on_progress=on_progress,
                on_event=on_event,
                rules=(rules or {}).get(client.account.id, ClosingRules()),
            )
            for client in clients
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; work set before is taken up."""
        self._tasks = [asyncio.create_task(self._keep_running(account)) for account in self._accounts.values()]

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

    async def _keep_running(self, account: AccountFlattener) -> None:
        failures = 0
        while True:
            began = self._clock.uptime()
            # A task of its own, so that a cancellation from inside is told from ours.
            running = asyncio.create_task(account.run(), name=f"flatten {account.account.id}")
            try:
                await asyncio.wait({running})
            finally:
                running.cancel()
            lasted = self._clock.uptime() - began
            failures = failures + 1 if lasted < self._settings.backoff_max.total_seconds() else 1
            account.failed(asyncio.CancelledError() if running.cancelled() else running.exception())
            await asyncio.sleep(backoff_ceiling(self._settings, failures).total_seconds())
