"""Request parameters as Binance reads them: strings, each with its own complaint when it is wrong."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from ess_server.venue.paper.dialects.binance.errors import BinanceError, missing
from ess_server.venue.paper.model import LegSide, OrderRef, Side, TimeInForce

_MAX_DIGITS = 40
_E = TypeVar("_E", bound=StrEnum)


class Params:
    """Parameters of one request. Every method raises BinanceError for a value that cannot be read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        """True if the parameter was sent, even empty."""
        return name in self._values

    def text(self, name: str) -> str:
        """Return a mandatory parameter."""
        value = self._values.get(name, "")
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str, default: str = "") -> str:
        """Return a parameter that may be left out."""
        return self._values.get(name, default)

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number; mandatory without a default."""
        value = self._values.get(name, "")
        if not value and default is not None:
            return default
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:
            raise missing(name)
        return int(value)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory decimal number."""
        found = self.optional_amount(name)
        if found is None:
            raise missing(name)
        return found

    def optional_amount(self, name: str) -> Decimal | None:
        """Return a decimal number; None if left out or zero, which Binance treats alike for prices."""
        value = self._values.get(name, "")
        if not value:
            return None
        try:
            number = Decimal(value) if len(value) <= _MAX_DIGITS else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise BinanceError(-1100, f"Illegal characters found in parameter '{name}'.")
        return number

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false, in any case."""
        value = self._values.get(name, "").lower()
        if value not in ("", "true", "false"):
            raise BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true" if value else default

    def side(self) -> Side:
        """Return ``side``."""
        return _member(Side, self.text("side"), BinanceError(-1117, "Invalid side."))

    def leg(self) -> LegSide:
        """Return ``positionSide``; BOTH if left out."""
        value = self.optional("positionSide", "BOTH")
        return _member(LegSide, value, BinanceError(-1130, "Data sent for parameter 'positionSide' is not valid."))

    def tif(self, *, required: bool) -> TimeInForce:
        """Return ``timeInForce``; GTC if it may be left out."""
        value = self.text("timeInForce") if required else self.optional("timeInForce", "GTC")
        return _member(TimeInForce, value, BinanceError(-1115, "Invalid timeInForce."))

    def order_ref(self, number: str = "orderId", client_id: str = "origClientOrderId") -> OrderRef:
        """Return what names an order; at least one of both must be there."""
        if self.optional(number):
            return OrderRef(id=self.integer(number))
        if self.optional(client_id):
            return OrderRef(client_id=self.text(client_id))
        raise BinanceError(-1102, f"Param '{client_id}' or '{number}' must be sent, but both were empty/null!")


def _member(kind: type[_E], value: str, complaint: BinanceError) -> _E:
    try:
        return kind(value)
    except ValueError:
        raise complaint from None
