"""Seeded bugs: what a flattener might do wrong, each put into a copy of the real thing for one run."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ess_server.core.errors import EssError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.ports import ExchangeClient
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness


class Broken:
    """A client with a bug; what is not overwritten is the client's own."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class BelievesNothing(Broken):
    """What it cannot read it takes for an empty account."""

    async def snapshot(self) -> VenueSnapshot:
        """Read, and call whatever fails flat."""
        try:
            return await self._client.snapshot()
        except EssError:
            return VenueSnapshot(time=self._client._clock.now())

    async def witness(self) -> Witness:
        """Say nothing."""
        return Witness()


class SkipsConditionals(Broken):
    """Sees no conditional orders."""

    async def snapshot(self) -> VenueSnapshot:
        """Read, and drop them."""
        found = await self._client.snapshot()
        return replace(found, orders=tuple(o for o in found.orders if not o.conditional))


class TrustsTheLists(Broken):
    """Has no witness beside the lists."""

    async def witness(self) -> Witness:
        """Say nothing."""
        return Witness()


class ClosesTwice(Broken):
    """Sends each close again at once, as if the first had been lost."""

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Close two times over."""
        await asyncio.gather(
            self._client.close_position(position, client_order_id, limit=limit),
            self._client.close_position(position, client_order_id.replace("ess-", "ess-0", 1)[:28], limit=limit),
            return_exceptions=True,
        )


class ForgetsReduceOnly(Broken):
    """Closes with orders that may open as well."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        exchange = client._exchange
        for name in ("fapiPrivatePostOrder", "privatePostTradeOrder", "privatePostV5OrderCreate"):
            if hasattr(exchange, name):
                setattr(exchange, name, _without_reduce_only(getattr(exchange, name)))


class ClosesTheOtherWay(Broken):
    """Takes long for short."""

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Send the order that makes it grow, where nothing forbids it."""
        turned = replace(position, long=not position.long)
        await ForgetsReduceOnly(self._client).close_position(turned, client_order_id, limit=limit)


class CallsItDust(Broken):
    """Takes every position for dust."""

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Give up at once."""
        del limit
        raise BelowMinimumError(f"{client_order_id}: {position.symbol}")


class NeverCancels(Broken):
    """Believes that its cancels were sent."""

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """Do nothing."""


class ForgetsOneSide(Broken):
    """Sees long positions only."""

    async def snapshot(self) -> VenueSnapshot:
        """Read, and drop the others."""
        found = await self._client.snapshot()
        return replace(found, positions=tuple(p for p in found.positions if p.long))


def _without_reduce_only(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    async def sent(params: Mapping[str, Any]) -> Any:
        return await endpoint({name: value for name, value in params.items() if name != "reduceOnly"})

    return sent


BUGS: Mapping[str, Callable[[ExchangeClient], Any]] = MappingProxyType(
    {
        made.__name__: made
        for made in (
            BelievesNothing,
            SkipsConditionals,
            TrustsTheLists,
            ClosesTwice,
            ForgetsReduceOnly,
            ClosesTheOtherWay,
            CallsItDust,
            NeverCancels,
            ForgetsOneSide,
        )
    }
)
