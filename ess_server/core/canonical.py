"""Canonical JSON, one text per value, and readers that refuse everything they do not expect."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

MAX_INTEGER = 2**63 - 1
"""Largest number of the contract's ``int64`` and of an SQLite INTEGER."""


def dump(value: object) -> bytes:
    """Write sorted, compact, pure ASCII JSON. Raises ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def load(data: bytes) -> object:
    """Read what ``dump`` wrote. Raises ValueError for everything else, the same value in other bytes included."""
    try:
        value = json.loads(data)
        canonical = dump(value) == data
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not canonical:
        raise ValueError("is not in canonical form")
    return value


def load_versioned(data: bytes, newest: int, names: Iterable[str]) -> dict[str, object]:
    """Read an object whose key ``v`` is 1 to ``newest`` and that has exactly these keys. Raises ValueError."""
    value = load(data)
    if isinstance(value, dict) and integer(value.get("v"), least=1) > newest:
        raise ValueError(f"is in format {value['v']}, this version reads up to {newest}")
    return fields(value, names)


def fields(value: object, names: Iterable[str]) -> dict[str, object]:
    """Return an object that has exactly these keys. Raises ValueError naming those missing or unknown."""
    if not isinstance(value, dict):
        raise _unexpected("an object", value)
    wrong = sorted(set(names) ^ set(value))
    if wrong:
        raise ValueError(f"missing or unknown keys: {', '.join(wrong)}")
    return value


def items(value: object) -> list[object]:
    """Return a list. Raises ValueError for anything else."""
    if not isinstance(value, list):
        raise _unexpected("a list", value)
    return value


def text(value: object) -> str:
    """Return a text. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise _unexpected("a text", value)
    return value


def flag(value: object) -> bool:
    """Return a truth value. Raises ValueError for anything else, 0 and 1 included."""
    if not isinstance(value, bool):
        raise _unexpected("true or false", value)
    return value


def integer(value: object, *, least: int = 0) -> int:
    """Return a whole number from ``least`` to MAX_INTEGER. Raises ValueError for anything else, true included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unexpected("a whole number", value)
    if not least <= value <= MAX_INTEGER:
        raise ValueError(f"{value} is out of range")
    return value


def time_text(time: datetime) -> str:
    """Write a time in UTC to the microsecond. Raises ValueError for a time without a zone."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def time(value: object) -> datetime:
    """Read what ``time_text`` wrote, as aware UTC. Raises ValueError for any other form of a time."""
    read = datetime.fromisoformat(text(value))
    if read.utcoffset() != timedelta(0) or time_text(read) != value:
        raise ValueError(f"{value!r} is not a time in UTC to the microsecond")
    return read


def _unexpected(wanted: str, value: object) -> ValueError:
    return ValueError(f"expected {wanted}, found {type(value).__name__}")
