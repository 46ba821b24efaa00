"""Times of a recording: ISO 8601 with an offset, local times of a named zone, or numbers since 1970."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from ess_server.replay.clock import EPOCH
from ess_server.replay.files import Sheet
from ess_server.replay.problems import MOST_NAMED, RecordingError

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Outside of these a time is a slip: another unit, or a field that nobody set."""

_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = (t.timestamp() for t in (EARLIEST, LATEST))


class TimeMistakeError(ValueError):
    """A time cannot be used."""


def read_times(sheet: Sheet, name: str, zone: ZoneInfo | None) -> list[int]:
    """Return a column of times in microseconds since 1970. Raises RecordingError with the first mistakes."""
    column = sheet.columns[name]
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        # As text they go the way of every local time.
        column = column.cast(pa.string())
    if not column.null_count:
        quick = _aware(column)
        if quick is not None and _in_range(quick):
            found: list[int] = quick.to_pylist()
            return found
    return _one_by_one(sheet, name, column, zone)


def _aware(column: pa.Array) -> pa.Array | None:
    try:
        return pc.cast(column, pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _in_range(micros: pa.Array) -> bool:
    ends = pc.min_max(micros)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is None or _FIRST <= low / 1e6 <= high / 1e6 <= _LAST


def _one_by_one(sheet: Sheet, name: str, column: pa.Array, zone: ZoneInfo | None) -> list[int]:
    problems = []
    times = []
    values = column.to_pylist()
    read = _reader(values, zone)
    for index, value in enumerate(values):
        try:
            times.append(read(value))
        except TimeMistakeError as error:
            problems.append(sheet.problem(str(error), index, name))
            if len(problems) == MOST_NAMED:
                break
    if problems:
        raise RecordingError(problems)
    return times


def _reader(values: list[object], zone: ZoneInfo | None) -> Callable[[object], int]:
    """Return what reads one value; the unit of numbers is that of the first."""
    first = next((number for number in map(_number, values) if number is not None), None)
    scale = None if first is None else _scale(first)

    def read(value: object) -> int:
        number = _number(value)
        if number is None:
            return parse_time(value, zone)
        micros = int(number * scale) if scale is not None else 0
        if not _FIRST <= micros / 1e6 <= _LAST:
            raise TimeMistakeError(f"{value} is no time since 1970 in the unit of the first row, from 2000 to 2100")
        return micros

    return read


def _number(value: object) -> Decimal | None:
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _scale(number: Decimal) -> Decimal | None:
    """Return microseconds in the unit of a number since 1970, None if it is in none."""
    scales: Iterator[Decimal] = (Decimal(s) for s in (1_000_000, 1_000, 1, Decimal("0.001")))
    return next((s for s in scales if _FIRST <= abs(number) * s / 1_000_000 <= _LAST), None)


def parse_time(value: object, zone: ZoneInfo | None) -> int:
    """Return an ISO 8601 time in microseconds since 1970. Raises TimeMistakeError."""
    if value is None:
        raise TimeMistakeError("is missing")
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise TimeMistakeError(f'"{str(value)[:40]}" is no time: write 2026-01-05T12:00:00Z') from None
    if time.tzinfo is None:
        time = _placed(time, zone)
    if not EARLIEST <= time <= LATEST:
        raise TimeMistakeError(f"{value} is not from 2000 to 2100")
    return (time - EPOCH) // _MICROSECOND


def _placed(time: datetime, zone: ZoneInfo | None) -> datetime:
    if zone is None:
        raise TimeMistakeError(f'"{time}" has no offset from UTC: add one, or say --timezone')
    placed = time.replace(tzinfo=zone)
    if placed.utcoffset() == placed.replace(fold=1).utcoffset():
        return placed
    if placed.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
        raise TimeMistakeError(f'"{time}" does not exist in {zone}: the clocks were set forward; record UTC')
    raise TimeMistakeError(f'"{time}" is two times in {zone}: the clocks were set back; record UTC or an offset')
