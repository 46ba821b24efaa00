"""Request parameters as Bybit reads them: texts in a query, JSON values in a body."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.bybit.codes import BybitError, invalid
from ess_server.venue.paper.model import LegSide, Side

LINEAR = "linear"
_CATEGORIES = (LINEAR, "inverse", "spot", "option")
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_LEGS = {0: LegSide.BOTH, 1: LegSide.LONG, 2: LegSide.SHORT}
_MAX_DIGITS = 40


class Params:
    """Parameters of one request. Every method raises BybitError 10001 for a value that cannot be read."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def optional(self, name: str) -> str:
        """Return a text or number as text; empty if it was left out."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise invalid(name)
        return str(value)

    def text(self, name: str) -> str:
        """Return a mandatory text."""
        value = self.optional(name)
        if not value:
            raise invalid(name)
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number from 0; mandatory without a default."""
        value = self.optional(name)
        if not value and default is not None:
            return default
        if not (value.isascii() and value.isdigit()) or len(value) > _MAX_DIGITS:
            raise invalid(name)
        return int(value)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory decimal number from 0."""
        found = self.optional_amount(name)
        if found is None:
            raise invalid(name)
        return found

    def optional_amount(self, name: str) -> Decimal | None:
        """Return a decimal number from 0; None if it was left out."""
        value = self.optional(name)
        if not value:
            return None
        try:
            number = Decimal(value) if len(value) <= _MAX_DIGITS else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < 0:
            raise invalid(name)
        return number

    def flag(self, name: str) -> bool:
        """Return true or false; false if it was left out."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise invalid(name)
        return value

    def items(self, name: str, most: int) -> "list[Params]":
        """Return a mandatory list of objects, ``most`` at most."""
        rows = self._values.get(name)
        if not isinstance(rows, list) or not 0 < len(rows) <= most:
            raise invalid(name)
        if not all(isinstance(row, Mapping) for row in rows):
            raise invalid(name)
        return [Params(row) for row in rows]

    def linear(self) -> bool:
        """Whether ``category`` is the one that the paper venue trades; the others are known and empty."""
        category = self.text("category")
        if category not in _CATEGORIES:
            raise invalid("category")
        return category == LINEAR

    def side(self) -> Side:
        """Return ``side``."""
        found = _SIDES.get(self.text("side"))
        if found is None:
            raise invalid("side")
        return found

    def leg(self) -> LegSide:
        """Return the leg that ``positionIdx`` names; that of one-way mode if it was left out."""
        found = _LEGS.get(self.integer("positionIdx", 0))
        if found is None:
            raise invalid("positionIdx")
        return found

    def limit(self, default: int, most: int) -> int:
        """Return the size of a page."""
        limit = self.integer("limit", default)
        if not 1 <= limit <= most:
            raise invalid("limit")
        return limit


def read_params(call: Call) -> Params:
    """Read the query of a GET, the JSON body of a POST. Raises BybitError 10001."""
    if call.method == "GET":
        return Params(dict(parse_qsl(call.query, keep_blank_values=True)))
    try:
        body = json.loads(call.body or "{}", parse_float=str)
    except ValueError:
        raise BybitError(10001, "Request parameter error: the body is not JSON") from None
    if not isinstance(body, dict):
        raise BybitError(10001, "Request parameter error: the body is no object")
    return Params(body)
