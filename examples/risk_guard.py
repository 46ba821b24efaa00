"""A risk guard in front of an order router: asks the gate, keeps its own limit, and reports what became of orders.

    .venv/bin/python examples/risk_guard.py

With ccxt there is nothing to write: ``ess_client.guard(exchange, gate, account="main")`` does the asking. This is
for routers of one's own. What is reported feeds the ``execution_errors`` evaluator, so that an engine which is
refused again and again is stopped.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import uuid4

from ess_client import OrderCheck, OrderDenied, OrderGate, Reporter

TARGET = os.environ.get("ESS_TARGET", "127.0.0.1:50051")


@dataclass(frozen=True)
class Order:
    """What a strategy wants."""

    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    reduce_only: bool = False


class VenueRefusedError(Exception):
    """The venue does not take the order."""


class OrderRouter(Protocol):
    """Sends orders to a venue."""

    def send(self, order: Order, client_order_id: str) -> None:
        """Send one order. Raises VenueRefusedError."""


class RiskGuard:
    """An ``OrderRouter`` that lets through what may be sent."""

    def __init__(self, router: OrderRouter, gate: OrderCheck, reporter: Reporter, account: str, most: Decimal) -> None:
        self._router = router
        self._gate = gate
        self._reporter = reporter
        self._account = account
        self._most = most

    def send(self, order: Order, client_order_id: str) -> None:
        """Send an order that is allowed. Raises OrderDenied, ValueError or VenueRefusedError."""
        if order.quantity * order.price > self._most and not order.reduce_only:
            raise ValueError(f"{order.quantity} x {order.price} is more than {self._most}")
        # Last of all checks and right before the order leaves: whatever happens above takes time.
        self._gate.require(f"account/{self._account}", f"symbol/{order.symbol}", reduce_only=order.reduce_only)
        report = self._reporting(order, client_order_id)
        try:
            self._router.send(order, client_order_id)
        except VenueRefusedError as refusal:
            report("rejected", str(refusal))
            raise
        except Exception as error:
            # It may have arrived or not: that is a failed order too.
            report("failed", type(error).__name__)
            raise
        report("new", "")

    def _reporting(self, order: Order, client_order_id: str) -> Callable[[str, str], None]:
        def report(execution_type: str, detail: str) -> None:
            self._reporter.execution(
                self._account,
                order.symbol,
                execution_type,
                side=order.side,
                client_order_id=client_order_id,
                quantity=order.quantity,
                price=order.price,
                reduce_only=order.reduce_only,
                detail=detail,
            )

        return report


class PrintingRouter:
    """A venue that takes every order but those of DOGE."""

    def send(self, order: Order, client_order_id: str) -> None:
        """Print the order."""
        if order.symbol.startswith("DOGE"):
            raise VenueRefusedError("this symbol is not traded here")
        print(f"sent {order.side} {order.quantity} {order.symbol} as {client_order_id[:8]}")


def main() -> None:
    """Send a few orders."""
    btc = Order("BTC/USDT:USDT", "buy", Decimal("0.01"), Decimal(60000))
    orders = [
        btc,
        Order("BTC/USDT:USDT", "buy", Decimal(1), Decimal(60000)),
        Order("DOGE/USDT:USDT", "buy", Decimal(10), Decimal("0.1")),
        Order("BTC/USDT:USDT", "sell", Decimal("0.01"), Decimal(60000), reduce_only=True),
    ]
    with OrderGate(TARGET, subscriber_id="risk-guard") as gate, Reporter(TARGET, source="risk-guard") as reporter:
        gate.wait_ready(5)
        guard = RiskGuard(PrintingRouter(), gate, reporter, "main", most=Decimal(1000))
        for order in orders:
            try:
                guard.send(order, uuid4().hex)
            except OrderDenied as denied:
                print(f"denied: {denied.reason}")
            except (ValueError, VenueRefusedError) as refusal:
                print(f"refused: {refusal}")
        reporter.flush(2)
        print(f"reported: {reporter.stats.accepted} accepted, {reporter.stats.rejected} rejected")


if __name__ == "__main__":
    main()
