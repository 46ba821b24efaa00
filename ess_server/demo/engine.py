"""A small trading engine in a process of its own: every order passes its gate through guarded ccxt.

``python -m ess_server.demo.engine`` reads one JSON line of orders on stdin and writes what happens as JSON lines.
It ends when stdin closes.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt

from ess_client import GateStatus, OrderDenied, guard
from ess_client.aio import OrderGate
from ess_server.venue.paper.pin import open_session

BETWEEN_ORDERS = 0.1
MOST_RESTING = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOrders:
    """What one engine is told: who it is, where its servers are, and what it trades."""

    name: str
    target: str
    account: str
    key: str
    secret: str
    paper_host: str
    paper_port: int
    ca_file: str
    symbols: tuple[str, ...]
    notional: float


def say(event: str, **facts: object) -> None:
    """Tell the demo what happened, with the wall clock."""
    sys.stdout.write(json.dumps({"event": event, "time": time.time(), **facts}) + "\n")
    sys.stdout.flush()


async def trade(orders: EngineOrders) -> None:
    """Trade until cancelled."""
    session = open_session(Path(orders.ca_file), orders.paper_host, orders.paper_port)
    venue = ccxt.binanceusdm(
        {
            "apiKey": orders.key,
            "secret": orders.secret,
            "session": session,
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False, "fetchMargins": False},
        }
    )
    gate = OrderGate(orders.target, subscriber_id=orders.name, scopes=(f"account/{orders.account}",))
    async with session, gate:
        guarded = guard(venue, gate, account=orders.account)
        await guarded.load_markets()
        say("ready")
        async with asyncio.TaskGroup() as group:
            group.create_task(_tell_changes(gate))
            group.create_task(_send_orders(guarded, orders))


async def _tell_changes(gate: OrderGate) -> None:
    async for state in gate.changes():
        say("gate", open=state.status is GateStatus.OPEN, reason=str(state.reason or ""), revision=state.revision)


async def _send_orders(venue: Any, orders: EngineOrders) -> None:  # noqa: ANN401 - ccxt carries no types
    """One order after the other, for ever: entries at market first, then resting and conditional ones."""
    resting: list[tuple[str, str]] = []
    accepted = denied = 0
    while True:
        symbol = orders.symbols[accepted % len(orders.symbols)]
        try:
            price = float((await venue.fetch_ticker(symbol))["last"])
            kind, made = await _order(venue, orders, symbol, price, accepted)
            say("order", kind=kind, symbol=symbol, after_denials=denied)
            accepted, denied = accepted + 1, 0
            if kind == "limit":
                resting.append((made["id"], symbol))
            if len(resting) > MOST_RESTING:
                await venue.cancel_order(*resting.pop(0))
        except OrderDenied as no:
            denied += 1
            if denied == 1:
                say("denied", reason=str(no.reason), symbol=symbol)
        except ccxt.BaseError as error:
            say("error", kind=type(error).__name__, text=str(error)[:200])
            resting.clear()
        await asyncio.sleep(BETWEEN_ORDERS)


async def _order(
    venue: Any,  # noqa: ANN401 - ccxt carries no types
    orders: EngineOrders,
    symbol: str,
    price: float,
    number: int,
) -> tuple[str, dict[str, Any]]:
    amount = float(venue.amount_to_precision(symbol, orders.notional / price))
    entered = len(orders.symbols)
    if number < entered:
        return "market", await venue.create_order(symbol, "market", "buy", amount)
    if number < 2 * entered:
        high = float(venue.price_to_precision(symbol, price * 1.5))
        return "conditional", await venue.create_order(symbol, "market", "buy", amount, None, {"stopPrice": high})
    low = float(venue.price_to_precision(symbol, price * 0.7))
    return "limit", await venue.create_order(symbol, "limit", "buy", amount, low)


async def main() -> None:
    """Read the orders, trade, end with stdin."""
    loop = asyncio.get_running_loop()
    told = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    trading = asyncio.create_task(trade(EngineOrders(**told | {"symbols": tuple(told["symbols"])})))
    ended = asyncio.ensure_future(loop.run_in_executor(None, sys.stdin.read))
    done, _ = await asyncio.wait([trading, ended], return_when=asyncio.FIRST_COMPLETED)
    if trading in done:
        trading.result()
    trading.cancel()
    await asyncio.gather(trading, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
