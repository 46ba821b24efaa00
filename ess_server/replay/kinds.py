"""What a row can be: its columns, and the observation that is made of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

from ess_server.core.readings import (
    CashFlow,
    ComponentHealth,
    EquityReading,
    ExecutionReport,
    ExecutionType,
    FeedUpdate,
    HealthStatus,
)

Observation = EquityReading | CashFlow | ExecutionReport | ComponentHealth | FeedUpdate
E = TypeVar("E", bound=IntEnum)

_TRUE, _FALSE = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n")


class CellMistakeError(ValueError):
    """A cell cannot be used."""


class Column(NamedTuple):
    """A column: how a cell is read, and whether it must be there. ``aliases`` are other names of it."""

    name: str
    read: Callable[[str], Any]
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one kind: cells by column, None where empty, and what else an observation needs."""

    cells: Mapping[str, Sequence[Any]]
    times: Sequence[datetime]
    received: Sequence[float]
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row. ``source`` are the columns that tell one source of readings from another."""

    name: str
    columns: tuple[Column, ...]
    source: tuple[str, ...]
    build: Callable[[Batch], Iterator[Observation]]


def text(cell: str) -> str:
    """Return a cell as it stands."""
    return cell


def decimal(cell: str) -> Decimal:
    """Return a number: digits, NaN or infinity, for a recording may hold what a source has really said."""
    try:
        number = Decimal(cell)
    except ArithmeticError:
        raise CellMistakeError(f'"{cell[:40]}" is not a number') from None
    if number.is_snan() or (number.is_finite() and not -25 < number.adjusted() < 24):  # noqa: PLR2004 - digits
        raise CellMistakeError(f'"{cell[:40]}" is no number of at most 24 digits on either side of the point')
    return number


def finite(cell: str) -> Decimal:
    """Return a number that is neither NaN nor infinite."""
    number = decimal(cell)
    if not number.is_finite():
        raise CellMistakeError(f'"{cell[:40]}" is no finite number')
    return number


def whole(cell: str) -> int:
    """Return a whole number."""
    try:
        return int(cell)
    except ValueError:
        raise CellMistakeError(f'"{cell[:40]}" is not a whole number') from None


def flag(cell: str) -> bool:
    """Return true or false."""
    if cell.lower() not in _TRUE + _FALSE:
        raise CellMistakeError(f'"{cell[:40]}" is neither true nor false')
    return cell.lower() in _TRUE


def word(enum: type[E]) -> Callable[[str], E]:
    """Return a reader of the names of an enumeration, in any case."""

    def read(cell: str) -> E:
        try:
            return enum[cell.upper()]
        except KeyError:
            names = ", ".join(one.name.lower() for one in enum)
            raise CellMistakeError(f'"{cell[:40]}" is not one of {names}') from None

    return read


def side(cell: str) -> str:
    """Return buy or sell."""
    if cell.lower() not in ("buy", "sell"):
        raise CellMistakeError(f'"{cell[:40]}" is neither buy nor sell')
    return cell.lower()


def _equities(batch: Batch) -> Iterator[EquityReading]:
    cells = batch.cells
    rows = zip(cells["account"], cells["equity"], cells["currency"], batch.times, batch.received, strict=True)
    for account, amount, currency, time, received in rows:
        yield EquityReading(account=account, amount=amount, currency=currency, time=time, received=received)


def _cash_flows(batch: Batch) -> Iterator[CashFlow]:
    cells = batch.cells
    rows = zip(
        cells["account"], cells["id"], cells["cash_flow"], cells["currency"], batch.times, batch.ids, strict=True
    )
    for account, ident, amount, currency, time, row in rows:
        yield CashFlow(account=account, id=ident or row, amount=amount, currency=currency, time=time)


def _executions(batch: Batch) -> Iterator[ExecutionReport]:
    for fields, time, received, row in _fields(batch, "id", "side", "client_order_id", "strategy", "detail"):
        fields["id"] = fields["id"] or row
        fields["stop_loss"] = bool(fields["stop_loss"])
        yield ExecutionReport(**fields, time=time, received=received)


def _health(batch: Batch) -> Iterator[ComponentHealth]:
    for fields, time, received, _ in _fields(batch, "detail"):
        yield ComponentHealth(**fields, time=time, received=received)


def _quotes(batch: Batch) -> Iterator[FeedUpdate]:
    for fields, time, received, _ in _fields(batch, "symbol", "detail"):
        fields["corrupt"] = bool(fields["corrupt"])
        yield FeedUpdate(**fields, time=time, received=received)


def _fields(batch: Batch, *texts: str) -> Iterator[tuple[dict[str, Any], datetime, float, str]]:
    """Yield each row as fields by name; ``texts`` are empty where the cell is."""
    names = list(batch.cells)
    rows = zip(zip(*batch.cells.values(), strict=True), batch.times, batch.received, batch.ids, strict=True)
    for cells, time, received, row in rows:
        fields = dict(zip(names, cells, strict=True))
        for name in texts:
            fields[name] = fields[name] or ""
        yield fields, time, received, row


KINDS = (
    Kind(
        "equity",
        (
            Column("account", text, required=True),
            Column("equity", decimal, required=True, aliases=("amount",)),
            Column("currency", text, required=True),
        ),
        ("account",),
        _equities,
    ),
    Kind(
        "cash_flow",
        (
            Column("account", text, required=True),
            Column("cash_flow", finite, required=True, aliases=("amount",)),
            Column("currency", text, required=True),
            Column("id", text),
        ),
        ("account",),
        _cash_flows,
    ),
    Kind(
        "execution",
        (
            Column("account", text, required=True),
            Column("symbol", text, required=True),
            Column("execution_type", word(ExecutionType), required=True),
            Column("side", side),
            Column("quantity", decimal),
            Column("price", decimal),
            Column("expected_price", decimal),
            Column("client_order_id", text),
            Column("stop_loss", flag),
            Column("id", text),
            Column("strategy", text),
            Column("detail", text),
        ),
        ("account",),
        _executions,
    ),
    Kind(
        "quote",
        (
            Column("feed", text, required=True),
            Column("symbol", text),
            Column("bid", decimal),
            Column("ask", decimal),
            Column("last", decimal),
            Column("sequence", whole),
            Column("corrupt", flag),
            Column("detail", text),
        ),
        ("feed", "symbol"),
        _quotes,
    ),
    Kind(
        "health",
        (
            Column("component", text, required=True),
            Column("status", word(HealthStatus), required=True),
            Column("detail", text),
        ),
        ("component",),
        _health,
    ),
)


def kind_named(name: str) -> Kind | None:
    """Return a kind by its word, None for another word."""
    return next((kind for kind in KINDS if kind.name == name), None)


def kind_of(columns: Sequence[str]) -> Kind | None:
    """Return the kind that a file's columns tell, None if they do not; ``amount`` alone is of an equity."""
    names = set(columns)
    if "execution_type" in names:
        return kind_named("execution")
    if names & {"bid", "ask", "last"}:
        return kind_named("quote")
    if {"component", "status"} <= names:
        return kind_named("health")
    if "cash_flow" in names:
        return kind_named("cash_flow")
    return kind_named("equity") if names & {"equity", "amount"} else None
