"""What an engine can report, as messages of the contract. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp

from ess_client.pb import telemetry_pb2 as pb

Number = Decimal | int | float | str
"""A float is written as Python prints it; text is passed on as it is."""
Side = Literal["buy", "sell"]
ExecutionType = Literal["new", "trade", "canceled", "rejected", "failed", "expired"]
HealthStatus = Literal["healthy", "degraded", "critical"]

MAX_DETAIL_BYTES = 512
"""Of words for people, such as a traceback; more than the server keeps, so that it marks what is cut."""
MAX_BYTES = 4000
"""Of one observation, so that a full call stays below what a server takes (gRPC: 4 MiB)."""
MAX_DIGITS = 100

_SIDES: dict[str, pb.Side] = {"buy": pb.SIDE_BUY, "sell": pb.SIDE_SELL}
_TYPES: dict[str, pb.ExecutionType] = {
    "new": pb.EXECUTION_TYPE_NEW,
    "trade": pb.EXECUTION_TYPE_TRADE,
    "canceled": pb.EXECUTION_TYPE_CANCELED,
    "rejected": pb.EXECUTION_TYPE_REJECTED,
    "failed": pb.EXECUTION_TYPE_FAILED,
    "expired": pb.EXECUTION_TYPE_EXPIRED,
}
_STATUSES: dict[str, pb.HealthStatus] = {
    "healthy": pb.HEALTH_STATUS_HEALTHY,
    "degraded": pb.HEALTH_STATUS_DEGRADED,
    "critical": pb.HEALTH_STATUS_CRITICAL,
}


@dataclass(frozen=True, slots=True)
class Reported:
    """One observation; of those with the same ``key`` only the newest matters. No key: each one counts.

    Raises ValueError for one beyond ``MAX_BYTES``: it could never be sent, and would hold up all that follows.
    """

    message: pb.Observation
    key: tuple[str, ...] | None

    def __post_init__(self) -> None:
        size = self.message.ByteSize()
        if size > MAX_BYTES:
            raise ValueError(f"{self.message.WhichOneof('kind')} of {size} bytes; at most {MAX_BYTES}")


def equity(account: str, amount: Number, currency: str, *, time: datetime) -> Reported:
    """Equity of an account, open positions included."""
    message = _observation(time)
    message.equity.account, message.equity.amount, message.equity.currency = account, _text(amount), currency
    return Reported(message, ("equity", account, currency))


def cash_flow(account: str, amount: Number, currency: str, *, ident: str, time: datetime) -> Reported:
    """A deposit, or with a negative amount a withdrawal."""
    message = _observation(time, ident)
    flow = message.cash_flow
    flow.account, flow.amount, flow.currency = account, _text(amount), currency
    return Reported(message, None)


def execution(
    account: str,
    symbol: str,
    execution_type: ExecutionType,
    *,
    ident: str,
    time: datetime,
    side: Side | None = None,
    client_order_id: str = "",
    quantity: Number | None = None,
    price: Number | None = None,
    expected_price: Number | None = None,
    stop_loss: bool = False,
    reduce_only: bool = False,
    strategy: str = "",
    detail: str = "",
) -> Reported:
    """An execution report."""
    message = _observation(time, ident)
    message.execution.CopyFrom(
        pb.Execution(
            account=account,
            symbol=symbol,
            execution_type=_TYPES[execution_type],
            side=_SIDES[side] if side else pb.SIDE_UNSPECIFIED,
            client_order_id=client_order_id,
            quantity=_text(quantity),
            price=_text(price),
            expected_price=_text(expected_price),
            stop_loss=stop_loss,
            reduce_only=reduce_only,
            strategy=strategy,
            detail=_cut(detail),
        )
    )
    return Reported(message, None)


def health(component: str, status: HealthStatus, detail: str = "", *, time: datetime) -> Reported:
    """How a component does."""
    message = _observation(time)
    message.health.CopyFrom(pb.Health(component=component, status=_STATUSES[status], detail=_cut(detail)))
    return Reported(message, ("health", component))


def feed(
    name: str,
    symbol: str = "",
    *,
    time: datetime | None,
    bid: Number | None = None,
    ask: Number | None = None,
    last: Number | None = None,
    sequence: int | None = None,
    corrupt: bool = False,
    detail: str = "",
) -> Reported:
    """An update of a market data feed. A price that is no number cannot be sent: the update is declared corrupt.

    ``time`` None is told as such: this host's clock says nothing about that of the source.
    """
    message = _observation(time)
    prices = {"bid": bid, "ask": ask, "last": last}
    bad = {side: price for side, price in prices.items() if _is_no_number(price)}
    if bad:
        corrupt = True
        detail = ", ".join([f"{side} is {price}" for side, price in bad.items()] + [detail] * bool(detail))
    told = {side: _text(price) for side, price in prices.items() if side not in bad}
    message.feed.CopyFrom(
        pb.Feed(feed=name, symbol=symbol, sequence=sequence, corrupt=corrupt, detail=_cut(detail), **told)
    )
    # A later good update takes no declared fault with it.
    return Reported(message, None if corrupt else ("feed", name, symbol))


def _observation(time: datetime | None, ident: str = "") -> pb.Observation:
    if time is None:
        return pb.Observation(observation_id=ident)
    if time.tzinfo is None:
        raise ValueError("time has no time zone; pass an aware one, such as datetime.now(UTC)")
    stamp = Timestamp()
    stamp.FromDatetime(time.astimezone(UTC))
    return pb.Observation(observe_time=stamp, observation_id=ident)


def _text(value: Number | None) -> str:
    """Return a number without an exponent, which the contract does not know."""
    if value is None or isinstance(value, str):
        return value or ""
    # A float of another library, such as numpy's, shows its type as well.
    number = Decimal(float.__repr__(value) if isinstance(value, float) else value)
    if number and number.is_finite() and abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(f"{number:.3e} has more than {MAX_DIGITS} digits")
    return f"{number:f}"


def _cut(text: str) -> str:
    return text.encode("utf-8", "replace")[:MAX_DETAIL_BYTES].decode(errors="ignore")


def _is_no_number(value: Number | None) -> bool:
    if isinstance(value, Decimal):
        return not value.is_finite()
    return isinstance(value, float) and not math.isfinite(value)
