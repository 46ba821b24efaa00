"""Orders, fills and protective stops as exchanges tell them whose lists cover all markets."""

from dataclasses import dataclass
from decimal import Decimal

from ess_server.core.readings import ExecutionType


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order. Times are milliseconds of the exchange's clock, quantities those of positions, price zero is none.

    ``ending`` and ``forced`` are as in ``execution_reports``. ``stop`` tells whether it is a protective stop that
    fired, or the exchange's own; where only another row knows, ``parent`` is the conditional order that
    placed it.
    """

    market: str
    id: str
    client_order_id: str
    status: str
    ending: ExecutionType | None
    side: str
    price: Decimal
    quantity: Decimal
    reduces: bool
    created: int
    updated: int
    forced: str = ""
    stop: bool = False
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One execution. ``stop`` as of an order; ``lost`` whether it realised a loss, False where that is not told."""

    market: str
    id: str
    order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    time: int
    stop: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRow:
    """A conditional order that protects, and whose order the exchange refused when it fired."""

    market: str
    id: str
    client_order_id: str
    status: str
    side: str
    price: Decimal
    quantity: Decimal
    updated: int
