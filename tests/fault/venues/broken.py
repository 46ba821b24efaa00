"""Seeded bugs: what a flattener might do wrong, each put into a copy of the real thing for one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ess_server.core.errors import EssError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from tests.fault.venues.draw import KINDS, Draw, draw


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
    """Sends each close again at once, as if the first had been lost, and without the flag that it failed with."""

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Close two times over."""
        await self._client.close_position(position, client_order_id, limit=limit)
        again = ForgetsReduceOnly(self._client)
        await again.close_position(position, client_order_id.replace("ess-", "ess-", 1)[:-1] + "99", limit=limit)


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


class TrustsItsCancels(Broken):
    """Takes what it has cancelled for gone."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._gone: set[str] = set()

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """Cancel, and remember."""
        self._gone |= {order.id for order in orders}
        await self._client.cancel(orders)

    async def snapshot(self) -> VenueSnapshot:
        """Read, and drop what must be gone."""
        found = await self._client.snapshot()
        return replace(found, orders=tuple(o for o in found.orders if o.id not in self._gone))

    async def witness(self) -> Witness:
        """Say nothing."""
        return Witness()


class OneCleanRead(Broken):
    """Shows what it read first after a send again, for the reads that were to prove it."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._kept: VenueSnapshot | None = None

    async def snapshot(self) -> VenueSnapshot:
        """Read once, and show that from then on once it is clean."""
        if self._kept is None:
            found = await self._client.snapshot()
            if found.orders or found.positions:
                return found
            self._kept = found
        return self._kept

    async def witness(self) -> Witness:
        """Say nothing."""
        return Witness()


class ForgetsOneSide(TrustsTheLists):
    """Sees long positions only, and asks no witness, who would find it out."""

    async def snapshot(self) -> VenueSnapshot:
        """Read, and drop the others."""
        found = await self._client.snapshot()
        return replace(found, positions=tuple(p for p in found.positions if p.long))


def _without_reduce_only(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    async def sent(params: Mapping[str, Any]) -> Any:
        return await endpoint({name: value for name, value in params.items() if name != "reduceOnly"})

    return sent


UNREADABLE = frozenset({"maintenance"})
ANY = frozenset(KINDS)
SHORT_S, LONG_S = 1.0, 5.0
"""Seconds that faults last: long where the bug shows only under them, for a run ends as soon as it is wrong."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, what the judge must say of it, seeds that show it, and the kinds of fault that they begin with."""

    put_into: Callable[[Any], Any]
    verdict: str
    seeds: tuple[int, ...]
    needs: frozenset[str] = ANY

    def draws(self) -> list[Draw]:
        """Return short runs of one account in this process; the kinds that are needed last as long as they do."""
        return [self._short(draw(seed)) for seed in self.seeds]

    def _short(self, drawn: Draw) -> Draw:
        steps = tuple(replace(step, at=0.0) for step in drawn.steps if step.kind in self.needs - {"crash"})
        return replace(
            drawn,
            process=False,
            crowded=False,
            steps=steps,
            cancel_first=0.0,
            clear_at=SHORT_S if self.needs == ANY else LONG_S,
            accounts=1,
        )


BUGS: Mapping[str, Bug] = MappingProxyType(
    {
        "believes what it cannot read": Bug(BelievesNothing, "was said, and the books show", (79, 71), UNREADABLE),
        "skips conditional orders": Bug(SkipsConditionals, "the books show conditional order", (32, 41, 54)),
        "has no witness": Bug(TrustsTheLists, "the books show position", (72, 51), frozenset({"lying_list"})),
        "one clean read only": Bug(
            OneCleanRead, "was said, and the books show", (56, 59), frozenset({"trade", "late_fill"})
        ),
        "trusts its cancels": Bug(TrustsItsCancels, "the books show order", (2, 37), frozenset({"kept"})),
        "closes twice": Bug(ClosesTwice, "grew or flipped", (3, 38)),
        "closes without reduce-only": Bug(ForgetsReduceOnly, "an order that may open", (3, 9)),
        "takes long for short": Bug(ClosesTheOtherWay, "grew or flipped", (59, 33)),
        "takes everything for dust": Bug(CallsItDust, "FLAT_WITH_DUST was said, and the books", (17, 32)),
        "sees longs only": Bug(ForgetsOneSide, "was said, and the books show position", (35, 26, 38)),
    }
)
