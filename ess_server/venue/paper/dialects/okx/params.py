"""Request parameters: a query string, or a JSON object or list, all read as text."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from ess_server.venue.paper.dialects.base import Call
from ess_server.venue.paper.dialects.okx.codes import OkxError, missing, wrong
from ess_server.venue.paper.model import OrderRef, Side

_MAX_DIGITS = 40
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class Params:
    """Parameters of one request or of one item of a batch. Every method raises OkxError for what cannot be read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """Return a mandatory parameter."""
        value = self._values.get(name, "")
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str, default: str = "") -> str:
        """Return a parameter that may be left out or empty."""
        return self._values.get(name, "") or default

    def refuse(self, *names: str) -> None:
        """Refuse options that the paper venue does not have, rather than to ignore them."""
        for name in names:
            if self._values.get(name):
                raise wrong(name)

    def choice(self, name: str, *allowed: str) -> str:
        """Return a mandatory parameter that is one of these."""
        value = self.text(name)
        if value not in allowed:
            raise wrong(name)
        return value

    def integer(self, name: str, default: int) -> int:
        """Return a whole number from 0."""
        value = self._values.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit()) or len(value) > _MAX_DIGITS:
            raise wrong(name)
        return int(value)

    def amount(self, name: str) -> Decimal:
        """Return a mandatory decimal number."""
        found = self.optional_amount(name)
        if found is None:
            raise missing(name)
        return found

    def optional_amount(self, name: str) -> Decimal | None:
        """Return a decimal number, None if left out."""
        value = self._values.get(name, "")
        if not value:
            return None
        try:
            number = Decimal(value) if len(value) <= _MAX_DIGITS else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise wrong(name)
        return number

    def flag(self, name: str) -> bool:
        """Return true or false; false if left out."""
        value = self._values.get(name, "").lower()
        if value not in ("", "true", "false"):
            raise wrong(name)
        return value == "true"

    def side(self) -> Side:
        """Return ``side``."""
        return Side(self.choice("side", "buy", "sell").upper())

    def client_id(self, name: str) -> str:
        """Return a client id, empty if left out: up to 32 letters and digits."""
        value = self._values.get(name, "")
        if value and _CLIENT_ID.fullmatch(value) is None:
            raise wrong(name)
        return value

    def order_ref(self, number: str = "ordId", client_id: str = "clOrdId") -> OrderRef:
        """Return what names an order; the number wins."""
        if self.optional(number):
            return OrderRef(id=self.integer(number, 0))
        if self.optional(client_id):
            return OrderRef(client_id=self.text(client_id))
        raise OkxError("51407", "Either order ID or client order ID is required")


def read_query(call: Call) -> Params:
    """Read the query of a GET."""
    return Params(dict(parse_qsl(call.query)))


def read_items(call: Call) -> list[Params]:
    """Read the JSON body of a POST: an object is one item. Raises OkxError 50000 or 50002."""
    if not call.body:
        raise OkxError("50000", "Body cannot be empty.", 400)
    try:
        body = json.loads(call.body)
    except ValueError:
        raise OkxError("50002", "JSON syntax error", 400) from None
    items = body if isinstance(body, list) else [body]
    if not items or not all(isinstance(item, Mapping) for item in items):
        raise OkxError("50002", "JSON syntax error", 400)
    return [Params({str(name): _text(value) for name, value in item.items()}) for item in items]


def _text(value: object) -> str:
    if value is None or value in ([], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value)
