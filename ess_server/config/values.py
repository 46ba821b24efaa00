"""Single values of the file: strict, so that nothing is guessed from a value of another kind."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ess_server.core.errors import InvalidRequestError
from ess_server.core.model import Action, Scope

E = TypeVar("E", bound=Enum)

MAX_TEXT = 4096
MAX_DIGITS = 24
"""Before and after the point of a decimal; more is a slip of the keyboard."""
MAX_DURATION = timedelta(days=36500)

_KINDS = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    Decimal: "a number",
    list: "a list",
    dict: "a table",
}


class ValueMistakeError(ValueError):
    """A value cannot be used; the message says what is expected, as in ``expected a text, found 3``."""


def parse_float(text: str) -> Decimal:
    """Read a TOML float without binary rounding; what no decimal can hold is NaN, which every key refuses."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def text(value: object) -> str:
    """Return a text of at most 4096 characters without control characters."""
    if not isinstance(value, str):
        # Without the value: it may be a key that was pasted into the wrong place.
        raise ValueMistakeError(f"expected a text in quotes, found {_kind(value)}")
    if len(value) > MAX_TEXT:
        raise ValueMistakeError(f"is longer than {MAX_TEXT} characters")
    if not value.isprintable():
        raise ValueMistakeError("holds a control character; leave it out")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list):
        raise expected('a list of texts such as ["a", "b"]', value)
    return tuple(text(one) for one in value)


def wholes(value: object) -> tuple[int, ...]:
    """Return a list of whole numbers."""
    if not isinstance(value, list):
        raise expected("a list of whole numbers such as [50, 90]", value)
    return tuple(whole(one) for one in value)


def flag(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise expected("true or false", value)
    return value


def whole(value: object) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise expected("a whole number", value)
    return value


def decimal(value: object) -> Decimal:
    """Return a finite decimal of at most 24 digits on either side of the point, given as number or text."""
    number = parse_float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise expected("a number", value)
    number = Decimal(number)
    if not number.is_finite():
        raise ValueMistakeError(f"{shown(value)} is not a finite number")
    if number.adjusted() >= MAX_DIGITS or int(number.as_tuple().exponent) < -MAX_DIGITS:
        raise ValueMistakeError(f"has more than {MAX_DIGITS} digits on one side of the point")
    return number


def amounts(value: object) -> dict[str, Decimal]:
    """Return a table of decimals."""
    if not isinstance(value, dict):
        raise expected('a table such as { BTC = "0.5" }', value)
    return {name: decimal(amount) for name, amount in value.items()}


def duration(unit: str) -> Callable[[object], timedelta]:
    """Return a reader of durations in ``unit``: whole milliseconds ``ms``, or seconds ``s`` down to a microsecond."""

    def read(value: object) -> timedelta:
        number = Decimal(whole(value)).scaleb(-3) if unit == "ms" else decimal(value)
        if abs(number) > int(MAX_DURATION.total_seconds()):
            raise ValueMistakeError(f"{shown(value)} is out of range")
        micros = number.scaleb(6)
        if micros != micros.to_integral_value():
            raise ValueMistakeError(f"{shown(value)} is finer than a microsecond")
        return timedelta(microseconds=int(micros))

    return read


def path(base: Path) -> Callable[[object], Path]:
    """Return a reader of paths; relative ones start at ``base``, ``~`` is the home directory."""

    def read(value: object) -> Path:
        if not text(value):
            raise ValueMistakeError("is empty; name a file or leave the key out")
        try:
            return base / Path(text(value)).expanduser()
        except RuntimeError:
            # Without the value, as for a text.
            raise ValueMistakeError("there is no such home directory as it begins with") from None

    return read


def action(value: object) -> Action:
    """Return an action by its lower-case name."""
    return Action[_one_of([a.name.lower() for a in Action], value).upper()]


def word(kind: type[E]) -> Callable[[object], E]:
    """Return a reader of an enumeration whose values are words."""
    return lambda value: kind(_one_of([str(one.value) for one in kind], value))


def scope(value: object) -> Scope:
    """Return a scope."""
    try:
        return Scope.parse(text(value))
    except InvalidRequestError as error:
        raise ValueMistakeError(problem_of(error)) from None


def zone(value: object) -> ZoneInfo:
    """Return a time zone by its name in the IANA database."""
    try:
        return ZoneInfo(text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if isinstance(error, ValueMistakeError):
            raise
        raise ValueMistakeError(f"{shown(value)} is no time zone; write one such as Europe/Berlin or UTC") from None


def problem_of(error: InvalidRequestError) -> str:
    """Return what an error says, without the name of its field."""
    return str(error).removeprefix(f"{error.field}: ")


def did_you_mean(value: str, known: list[str]) -> str:
    """Return a hint: the closest of ``known``, or all of them."""
    close = get_close_matches(value, known, 1) or [k for k in known if k.startswith(value)]
    return f"did you mean {close[0]}?" if close else f"known are: {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value as it may stand in a message."""
    written = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return written if len(written) <= 80 else f"{written[:77]}..."  # noqa: PLR2004 - the cut is the bound


def expected(what: str, value: object) -> ValueMistakeError:
    """Return the error for a value of another kind."""
    return ValueMistakeError(f"expected {what}, found {_kind(value)}: {shown(value)}")


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a date or time")


def _one_of(words: list[str], value: object) -> str:
    if text(value) not in words:
        raise ValueMistakeError(f"{shown(value)} is not one of {', '.join(words)}{_close(words, value)}")
    return text(value)


def _close(words: list[str], value: object) -> str:
    close = get_close_matches(text(value).lower(), words, 1)
    return f"; did you mean {close[0]}?" if close else ""
