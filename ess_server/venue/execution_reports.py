"""Execution reports, made of the rows in which an exchange tells of the orders of one account."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.venue.usdm_rows import SymbolOf

LIQUIDATED = "liquidation by the exchange"
DELEVERAGED = "deleveraging by the exchange"


class Told(Protocol):
    """What each row has: ``id`` is unique among rows of its kind in its ``market``, which is the exchange's id."""

    @property
    def market(self) -> str: ...  # noqa: D102 - see the class
    @property
    def id(self) -> int | str: ...  # noqa: D102
    @property
    def side(self) -> str: ...  # noqa: D102
    @property
    def price(self) -> Decimal: ...  # noqa: D102
    @property
    def quantity(self) -> Decimal: ...  # noqa: D102


class ToldFill(Told, Protocol):
    """One execution; ``time`` is in milliseconds of the exchange's clock."""

    @property
    def time(self) -> int: ...  # noqa: D102


class ToldOrder(Told, Protocol):
    """An order: price zero is none. ``ending`` is how it ended without being filled whole, None of every other.

    ``forced`` says so where the exchange itself has sent it, else it is empty.
    """

    @property
    def client_order_id(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def reduces(self) -> bool: ...  # noqa: D102
    @property
    def ending(self) -> ExecutionType | None: ...  # noqa: D102
    @property
    def forced(self) -> str: ...  # noqa: D102
    @property
    def created(self) -> int: ...  # noqa: D102
    @property
    def updated(self) -> int: ...  # noqa: D102


class ToldStop(Told, Protocol):
    """A conditional order that protects."""

    @property
    def client_order_id(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def updated(self) -> int: ...  # noqa: D102


class Reports:
    """Makes reports of the rows of one account."""

    def __init__(self, account: str, symbol_of: SymbolOf) -> None:
        self._account = account
        self._symbol_of = symbol_of

    def accepted(self, order: ToldOrder) -> ExecutionReport:
        """The exchange took an order."""
        return self._of_order(order, ExecutionType.NEW, order.created, "")

    def ended(self, order: ToldOrder) -> ExecutionReport | None:
        """An order ended without being filled to the end; None for every other one."""
        return self._of_order(order, order.ending, order.updated, order.status) if order.ending else None

    def filled(self, fill: ToldFill, order: ToldOrder, *, stop_loss: bool) -> ExecutionReport:
        """One execution of an order."""
        return self._report(
            fill,
            id=f"{fill.market}/fill/{fill.id}",
            execution_type=ExecutionType.TRADE,
            client_order_id=order.client_order_id,
            price=fill.price,
            stop_loss=stop_loss,
            reduce_only=order.reduces,
            detail=order.forced,
            time=fill.time,
        )

    def refused(self, stop: ToldStop) -> ExecutionReport:
        """A protective stop fired, and the exchange refused its order: the position stands without it."""
        return self._report(
            stop,
            id=f"{stop.market}/stop/{stop.id}/{stop.status}",
            execution_type=ExecutionType.REJECTED,
            client_order_id=stop.client_order_id,
            price=stop.price or None,
            stop_loss=False,
            reduce_only=True,
            detail="a protective stop fired and its order was refused",
            time=stop.updated,
        )

    def _of_order(self, order: ToldOrder, execution_type: ExecutionType, time: int, detail: str) -> ExecutionReport:
        return self._report(
            order,
            id=f"{order.market}/order/{order.id}/{execution_type.name}",
            execution_type=execution_type,
            client_order_id=order.client_order_id,
            price=order.price or None,
            stop_loss=False,
            reduce_only=order.reduces,
            detail=detail or order.forced,
            time=time,
        )

    def _report(self, row: Told, *, time: int, **said: Any) -> ExecutionReport:  # noqa: ANN401 - fields of the report
        return ExecutionReport(
            account=self._account,
            symbol=self._symbol_of(row.market),
            side=row.side,
            quantity=row.quantity,
            expected_price=None,
            strategy="",
            time=datetime.fromtimestamp(time / 1000, UTC),
            received=0.0,
            **said,
        )
