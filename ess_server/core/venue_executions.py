"""Executions that the venue process reads, on their way to the server."""

from collections.abc import Container, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.core.venue_wire import LinkError, Message

MOST_REPORTS = 500
"""Reports of one message, so that reading one takes a few milliseconds."""


def executions_message(account: str, reports: Sequence[ExecutionReport]) -> Message:
    """Return what became of orders of an account; at most ``MOST_REPORTS``."""
    return {"type": "executions", "account": account, "reports": [_entry(report) for report in reports]}


def executions_read_message(account: str, read_to: datetime) -> Message:
    """Return the venue's time up to which nothing of an account is left to read."""
    return {"type": "executions_read", "account": account, "time": read_to.isoformat()}


def _entry(report: ExecutionReport) -> Message:
    return {
        "id": report.id,
        "symbol": report.symbol,
        "execution_type": report.execution_type.name,
        "side": report.side,
        "client_order_id": report.client_order_id,
        "quantity": _text(report.quantity),
        "price": _text(report.price),
        "stop_loss": report.stop_loss,
        "reduce_only": report.reduce_only,
        "detail": report.detail,
        "time": report.time.isoformat(),
    }


def read_executions(message: Message, accounts: Container[str], received: float) -> list[ExecutionReport]:
    """Read an ``executions`` message that arrived at uptime ``received``. Raises LinkError."""
    try:
        account = _str(message["account"])
        if account not in accounts:
            raise ValueError(f"{account[:80]!r} is no account")  # noqa: TRY301 - one error for all that is wrong
        return [_read(account, entry, received) for entry in message["reports"]]
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise LinkError(f"executions: {error!r}") from None


def read_executions_read(message: Message) -> tuple[str, datetime]:
    """Read an ``executions_read`` message: account and time. Raises LinkError."""
    try:
        return _str(message["account"]), _time(message["time"])
    except (KeyError, TypeError, ValueError) as error:
        raise LinkError(f"executions_read: {error!r}") from None


def _read(account: str, entry: Message, received: float) -> ExecutionReport:
    return ExecutionReport(
        account=account,
        id=_str(entry["id"]),
        symbol=_str(entry["symbol"]),
        execution_type=ExecutionType[entry["execution_type"]],
        side=_str(entry["side"]),
        client_order_id=_str(entry["client_order_id"]),
        quantity=_decimal(entry["quantity"]),
        price=_decimal(entry["price"]),
        expected_price=None,
        stop_loss=entry["stop_loss"] is True,
        strategy="",
        detail=_str(entry["detail"]),
        time=_time(entry["time"]),
        received=received,
        reduce_only=entry["reduce_only"] is True,
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _time(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("a time has no zone")
    return time


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(_str(value))
