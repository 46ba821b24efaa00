"""A client that is opened when it is first needed, and anew when its key or CA file has changed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol, runtime_checkable

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import Examination
from ess_server.core.model import Account
from ess_server.core.venue_ports import (
    AccountExaminer,
    DeadManSwitch,
    DeliverExecutions,
    ExchangeClient,
    ExecutionReader,
)
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue.inquiry import describe_opening, examine_any

_log = logging.getLogger(__name__)


class VenueClient(ExchangeClient, ExecutionReader, Protocol):
    """All that is asked of one account on one venue."""


@runtime_checkable
class Timed(Protocol):
    """A client of a venue with a timer of its own."""

    @property
    def dead_man(self) -> DeadManSwitch:
        """That timer."""


@runtime_checkable
class Thrifty(Protocol):
    """A client that reads less, or later, once an account was done."""

    def roused(self) -> None:
        """New work has come: nothing of that is owed any more."""


class DeferredClient:
    """A ``VenueClient`` and ``DeadManSwitch`` that fails call by call, not for good, while its keys cannot be read.

    A client that works is kept when a changed file cannot be used, so that a vanished key never ends a flatten.
    """

    def __init__(self, account: Account, open_client: Callable[[], VenueClient], files: Sequence[str]) -> None:
        self.account = account
        self._open = open_client
        self._files = tuple(Path(f) for f in files)
        self._client: VenueClient | None = None
        self._stamp: tuple[int, ...] | None = None
        self._closing: set[asyncio.Future[None]] = set()

    async def prepare(self) -> None:
        """See ``ExchangeClient.prepare``."""
        await self._current().prepare()

    async def snapshot(self) -> VenueSnapshot:
        """See ``ExchangeClient.snapshot``."""
        return await self._current().snapshot()

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """See ``ExchangeClient.cancel``."""
        await self._current().cancel(orders)

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """See ``ExchangeClient.close_position``."""
        await self._current().close_position(position, client_order_id, limit=limit)

    async def witness(self) -> Witness:
        """See ``ExchangeClient.witness``."""
        return await self._current().witness()

    @property
    def open_positions(self) -> int | None:
        """See ``ExchangeClient.open_positions``."""
        return self._client.open_positions if self._client is not None else None

    async def equity(self) -> tuple[Decimal, str]:
        """See ``ExchangeClient.equity``."""
        return await self._current().equity()

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """See ``ExecutionReader.executions``."""
        return await self._current().executions(deliver)

    def roused(self) -> None:
        """See ``Thrifty.roused``."""
        if isinstance(self._client, Thrifty):
            self._client.roused()

    async def order_symbols(self) -> frozenset[str]:
        """See ``DeadManSwitch.order_symbols``."""
        return await self._switch().order_symbols()

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch.arm``."""
        await self._switch().arm(after, symbols)

    async def disarm(self, symbols: Sequence[str]) -> None:
        """See ``DeadManSwitch.disarm``."""
        await self._switch().disarm(symbols)

    async def examine(self) -> Examination:
        """See ``AccountExaminer.examine``."""
        try:
            client = self._current()
        except Exception as error:  # noqa: BLE001 - why there is no client is what was asked for
            return Examination(account=self.account.id, cannot_open=describe_opening(error))
        return await (client.examine() if isinstance(client, AccountExaminer) else examine_any(client))

    async def aclose(self) -> None:
        """See ``ExchangeClient.aclose``."""
        if self._client is not None:
            self._retire(self._client)
            self._client = None
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _switch(self) -> DeadManSwitch:
        client = self._current()
        if not isinstance(client, Timed):
            raise VenueUnknownError("the venue has no dead man's switch that works from here")
        return client.dead_man

    def _current(self) -> VenueClient:
        stamp = self._read_stamp()
        if self._client is not None and stamp in (None, self._stamp):
            return self._client
        try:
            fresh = self._open()
        except Exception as error:
            if self._client is None:
                raise
            _log.warning("account %s: changed files cannot be used: %s", self.account.id, type(error).__name__)
            return self._client
        if self._client is not None:
            self._retire(self._client)
        self._client, self._stamp = fresh, stamp
        return fresh

    def _read_stamp(self) -> tuple[int, ...] | None:
        try:
            return tuple(f.stat().st_mtime_ns for f in self._files)
        except OSError:
            return None

    def _retire(self, client: ExchangeClient) -> None:
        task = asyncio.ensure_future(client.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
