"""Any other exchange of ccxt: what is done by its unified calls, and what is refused."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.doctor import judge
from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.examination import CheckedBy, DeadManWorth, Topic
from ess_server.core.findings import Grade
from ess_server.core.model import Account
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.unified.generic import GenericClient
from tests.venue.unified.case import AMPLE, compare
from tests.venue.unified.wire import Answer, Sent, Wire

HOST = "api.delta.exchange/v2"
BTC = "BTC/USDT:USDT"
PRODUCT = {
    "id": 27, "symbol": "BTCUSDT", "contract_type": "perpetual_futures", "contract_value": "0.001", "state": "live",
    "underlying_asset": {"symbol": "BTC"}, "quoting_asset": {"symbol": "USDT"}, "settling_asset": {"symbol": "USDT"},
    "tick_size": "0.5", "position_size_limit": 60, "taker_commission_rate": "0", "maker_commission_rate": "0",
}  # fmt: skip


def _good(*rows: object) -> dict[str, object]:
    return {"success": True, "result": list(rows)}


FLAT: dict[str, Answer] = {
    "/v2/products": _good(PRODUCT),
    "/v2/settings": {"result": {"server_time": 1_800_000_000_000_000}, "success": True},
    "/v2/orders": lambda sent: _good() if sent.method == "GET" else {"success": True, "result": {"id": 9}},
    "/v2/positions/margined": _good(),
}
ORDER = {"id": 5, "product_id": 27, "product_symbol": "BTCUSDT", "side": "buy", "size": 1, "unfilled_size": 1,
         "order_type": "limit_order", "limit_price": "1", "reduce_only": False, "client_order_id": "mine",
         "state": "open"}  # fmt: skip
FULL = FLAT | {
    "/v2/orders": lambda sent: _good(ORDER) if sent.method == "GET" else {"success": True, "result": {"id": 9}},
    "/v2/positions/margined": _good({"product_symbol": "BTCUSDT", "size": -100, "entry_price": "1"}),
}


def _connect(
    answers: dict[str, Answer], exchange: str = "delta", kind: type[GenericClient] = GenericClient
) -> tuple[GenericClient, Wire]:
    wire: Any = Wire(answers)
    clock = SystemClock()
    client = kind(
        Account(id="main", venue="v"),
        Credentials("key", "secret"),
        exchange=exchange,
        clock=clock,
        budget=RequestBudget(clock.uptime, AMPLE),
        session=wire,
    )
    return client, wire


async def test_orders_and_positions_are_read_cancelled_and_closed() -> None:
    """What ccxt lists is shown, orders are cancelled one by one, and a close only reduces, split at ccxt's limit."""
    client, wire = _connect(FULL)
    await client.prepare()
    wire.taken()
    shown = await client.snapshot()

    compare(wire.taken(), [(f"GET {HOST}/orders", {}), (f"GET {HOST}/positions/margined", {})])
    expected = OpenOrder(id="5", symbol=BTC, conditional=False, reduce_only=False, client_order_id="mine")
    assert shown.orders == (expected,)
    assert shown.positions == (Position(symbol=BTC, long=False, quantity=Decimal(100), hedged=False),)

    await client.cancel(shown.orders)
    compare(wire.taken(), [(f"DELETE {HOST}/orders", {"id": 5, "product_id": 27})])
    await client.close_position(shown.positions[0], "ess-1")
    close = {"product_id": 27, "size": 50, "side": "buy", "order_type": "market_order", "reduce_only": True}
    compare(wire.taken(), [(f"POST {HOST}/orders", close)] * 2)
    await client.aclose()


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/positions/margined"])
async def test_no_list_is_empty_for_lack_of_sense(path: str) -> None:
    """A reply in which no list stands is unknown, whatever ccxt makes of it; so is one whose rows ccxt has dropped."""
    client, wire = _connect(FLAT)
    await client.prepare()
    await client.snapshot()
    for body in ("", "<html></html>", "{}", "null", '{"success":true}', '{"result":null}', '{"result":{}}', '{"resu',
                 '{"success":true,"rows":[{"id":1}]}', '{"error":"busy","success":false}'):  # fmt: skip
        wire.answers[path] = body
        with pytest.raises(EssError):
            await client.snapshot()
    wire.answers[path] = _good()
    await client.snapshot()
    await client.aclose()


async def test_an_empty_list_in_another_reply_bears_nothing_out() -> None:
    """A cancel that is answered while positions are read says nothing of them, whatever lists are in its answer."""
    client, wire = _connect(FULL)
    await client.prepare()
    orders = (await client.snapshot()).orders
    wire.answers |= FLAT | {"/v2/orders": _good()}
    cancels: list[asyncio.Future[None]] = []

    def positions(_: Sent) -> str:
        cancels.append(asyncio.ensure_future(client.cancel(orders)))
        return '{"success":true,"result":{}}'

    wire.answers["/v2/positions/margined"] = positions
    for _ in range(3):
        with pytest.raises(VenueUnknownError, match="no list of as many"):
            await client.snapshot()
    await asyncio.gather(*cancels, return_exceptions=True)
    await client.aclose()


async def test_what_cannot_be_done_safely_is_refused() -> None:
    """No leg of hedge mode, no bounded close, no equity and no executions: nothing is sent for any of them."""
    client, wire = _connect(FULL)
    await client.prepare()
    wire.taken()
    leg = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=True)
    flat = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=False)
    for call in (
        client.close_position(leg, "ess-1"),
        client.close_position(flat, "ess-1", limit=Decimal(1)),
        client.equity(),
        client.executions(lambda _: None),
    ):
        with pytest.raises(VenueUnknownError):
            await call

    assert wire.taken() == []
    assert (await client.witness()).positions is None
    await client.aclose()


@pytest.mark.parametrize(
    ("exchange", "reason"),
    [("bitstamp", "fetchPositions"), ("htx", "createReduceOnlyOrder"), ("phemex", "symbol by symbol")],
)
def test_an_exchange_where_no_stop_could_work_is_refused(exchange: str, reason: str) -> None:
    """Without lists, without orders that only reduce, or with lists for one symbol only, there is no client at all."""
    with pytest.raises(VenueUnknownError, match=reason):
        _connect(FLAT, exchange)


class _Legs(GenericClient):
    """An account that is shown in hedge mode."""

    async def snapshot(self) -> VenueSnapshot:
        """Show a leg."""
        leg = Position(symbol=BTC, long=True, quantity=Decimal(1), hedged=True)
        return VenueSnapshot(time=datetime.now(UTC), positions=(leg,))


async def test_an_account_whose_legs_it_does_not_close_is_unsafe() -> None:
    """Whoever asks before arming learns that a close would be refused here."""
    client, _ = _connect(FULL, kind=_Legs)

    findings = judge(await client.examine(), now=datetime.now(UTC))

    assert (Topic.ACCOUNT_MODE, Grade.UNSAFE) in [(f.topic, f.grade) for f in findings]
    await client.aclose()


async def test_it_says_that_it_is_generic() -> None:
    """Whoever asks before arming is told that nobody has checked this exchange, and how much is left out."""
    client, _ = _connect(FULL)
    seen = await client.examine()

    assert seen.coverage is not None
    assert seen.coverage.checked_by is CheckedBy.GENERIC
    assert len(seen.coverage.not_covered) > 5
    assert (seen.dead_man, seen.load and seen.load.parts) == (DeadManWorth.NONE, 2)
    await client.aclose()
