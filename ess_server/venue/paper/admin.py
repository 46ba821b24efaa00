"""The admin API of the paper venue: JSON under ``/paper/`` on the venue's own port, for loopback callers only.

GET  /paper/health                     time, port-independent sign of life
GET  /paper/books[?account=NAME]       accounts with positions, orders, conditional orders, balances; marks
GET  /paper/journal[?after=&kind=&account=&limit=]
GET  /paper/faults                     what is still to come
POST /paper/accounts                   name, key, secret, balances {asset: amount}, spot {asset: amount}, hedged,
                                       can_trade, can_withdraw
POST /paper/marks                      {symbol: price, ...}
POST /paper/shift                      percent, symbols (all if left out)
POST /paper/transfer                   account, asset, amount, wallet ("spot"; futures if left out)
POST /paper/expire                     account, symbol: its open orders expire
POST /paper/liquidate                  account, symbol: its orders expire, its position is closed by the venue
POST /paper/mode                       account, hedged
POST /paper/market                     slippage, liquidity (null lifts it)
POST /paper/limits                     weight_per_minute, orders_per_ten_seconds, orders_per_minute, ban_after, ban_ms,
                                       endpoint_percent (of each endpoint's own limit, where a venue has those)
POST /paper/clock                      skew_ms
POST /paper/faults                     kind (see ``FaultKind``), operation, account, path, times (null: until cleared),
                                       applied, delay_ms, status, code, message, body, headers
DELETE /paper/faults                   forget them
GET  /paper/feeds                      open streams; falsified quotes still to come
POST /paper/feeds                      kind (freeze, cross, price, jump, clock, number), symbols (all if left out),
                                       times (null: until cleared), price, value, percent, shift_ms, back
DELETE /paper/feeds                    tell the truth again
POST /paper/streams/drop               cut every websocket
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Protocol
from urllib.parse import parse_qsl

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.accounts import parse_account, read_amount, read_amounts, read_flag
from ess_server.venue.paper.admin_feeds import FeedRoutes, Telling
from ess_server.venue.paper.admin_views import account_view, entry_view, fault_view, limits_view, plain
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import VenueClock
from ess_server.venue.paper.credentials import ApiKey
from ess_server.venue.paper.dialects.base import Call, Reply
from ess_server.venue.paper.faults import Fault, FaultKind, FaultScript, Operation
from ess_server.venue.paper.ratelimit import RateLimiter
from ess_server.venue.paper.refusal import Refused

_FAULT_FIELDS = frozenset(
    (
        "kind",
        "operation",
        "account",
        "path",
        "times",
        "applied",
        "delay_ms",
        "status",
        "code",
        "message",
        "body",
        "headers",
    )
)
_LIMIT_FIELDS = frozenset(
    ("weight_per_minute", "orders_per_ten_seconds", "orders_per_minute", "ban_after", "ban_ms", "endpoint_percent")
)
_Fields = Mapping[str, object]


class Controlled(Telling, Protocol):
    """What the admin API drives."""

    books: Books
    faults: FaultScript
    limiter: RateLimiter
    clock: VenueClock

    def open_account(
        self, key: ApiKey, balances: Mapping[str, Decimal], *, hedged: bool = False, spot: Mapping[str, Decimal] | None
    ) -> Account:
        """Open an account."""

    def set_limits(self, **changes: int | timedelta | None) -> None:
        """Change rate limits."""


class Admin:
    """Answers admin calls. Bad input is 400 with one sentence that names the field."""

    def __init__(self, venue: Controlled) -> None:
        self._venue = venue
        self._routes: dict[tuple[str, str], Callable[[_Fields], object]] = {
            ("GET", "/paper/health"): self._health,
            ("GET", "/paper/books"): self._books,
            ("GET", "/paper/journal"): self._journal,
            ("GET", "/paper/faults"): self._list_faults,
            ("POST", "/paper/accounts"): self._add_account,
            ("POST", "/paper/marks"): self._set_marks,
            ("POST", "/paper/shift"): self._shift,
            ("POST", "/paper/transfer"): self._transfer,
            ("POST", "/paper/expire"): self._expire,
            ("POST", "/paper/liquidate"): self._liquidate,
            ("POST", "/paper/mode"): self._set_mode,
            ("POST", "/paper/market"): self._set_market,
            ("POST", "/paper/limits"): self._set_limits,
            ("POST", "/paper/clock"): self._set_clock,
            ("POST", "/paper/faults"): self._add_fault,
            ("DELETE", "/paper/faults"): self._clear_faults,
            **FeedRoutes(venue).routes(),
        }

    def answer(self, call: Call) -> Reply:
        """Carry an admin call out."""
        if not _loopback(call.address) or "Origin" in call.headers:
            return _reply(403, {"error": "the admin API answers loopback callers only, and no browsers"})
        route = self._routes.get((call.method, call.path))
        if route is None:
            return _reply(404, {"error": f"no {call.method} {call.path}; known: {self._known()}"})
        try:
            return _reply(200, route(_fields(call)))
        except (ValueError, Refused) as error:
            return _reply(400, {"error": str(error)})

    def _known(self) -> str:
        return ", ".join(f"{method} {path}" for method, path in self._routes)

    def _health(self, _fields: _Fields) -> object:
        return {"ok": True, "time": self._venue.books.now().isoformat()}

    def _books(self, fields: _Fields) -> object:
        books, name = self._venue.books, fields.get("account")
        chosen = list(books.accounts.values()) if name is None else [books.account(str(name))]
        marks = {symbol: books.market.mark(symbol) for symbol in books.market.instruments}
        return {"accounts": [account_view(item, books) for item in chosen], "marks": plain(marks)}

    def _journal(self, fields: _Fields) -> object:
        journal, limit, account = self._venue.books.journal, fields.get("limit"), fields.get("account")
        entries = journal.read(
            after=_whole(fields.get("after", 0), "after"),
            kinds=[kind for kind in str(fields.get("kind", "")).split(",") if kind],
            account=None if account is None else str(account),
            limit=None if limit is None else _whole(limit, "limit"),
        )
        return {"last_seq": journal.last_seq, "entries": [entry_view(entry) for entry in entries]}

    def _list_faults(self, _fields: _Fields) -> object:
        return {"faults": [fault_view(fault) for fault in self._venue.faults.pending()]}

    def _add_account(self, fields: _Fields) -> object:
        spec = parse_account(dict(fields))
        opened = self._venue.open_account(spec.key, spec.balances, hedged=spec.hedged, spot=spec.spot)
        return account_view(opened, self._venue.books)

    def _set_marks(self, fields: _Fields) -> object:
        prices = read_amounts(dict(fields), "marks")
        for symbol in prices:
            self._venue.books.market.instrument(symbol)
        for symbol, price in prices.items():
            self._venue.books.set_mark(symbol, price)
        return {"marks": plain(prices)}

    def _shift(self, fields: _Fields) -> object:
        percent, market = read_amount(fields.get("percent"), "percent"), self._venue.books.market
        if percent <= Decimal(-100):
            raise ValueError("percent: must be above -100")
        chosen = fields.get("symbols", list(market.instruments))
        if not isinstance(chosen, list):
            raise ValueError("symbols: expected a list")  # noqa: TRY004 - one error for bad input
        moved = {}
        for symbol in [str(name) for name in chosen]:
            tick = market.instrument(symbol).tick
            raw = market.mark(symbol) * (1 + percent / 100)
            moved[symbol] = max(tick, (raw / tick).to_integral_value() * tick)
        for symbol, price in moved.items():
            self._venue.books.set_mark(symbol, price)
        return {"marks": plain(moved)}

    def _transfer(self, fields: _Fields) -> object:
        books, name, asset = self._venue.books, str(fields.get("account", "")), str(fields.get("asset", "USDT"))
        amount, wallet = read_amount(fields.get("amount"), "amount"), fields.get("wallet", "futures")
        if wallet not in ("futures", "spot"):
            raise ValueError("wallet: futures or spot")
        if wallet == "spot":
            books.spot.transfer(books.account(name), asset, amount)
        else:
            books.transfer(name, asset, amount)
        return account_view(books.account(name), books)

    def _expire(self, fields: _Fields) -> object:
        name = str(fields.get("account", ""))
        ended = self._venue.books.expire_all(name, str(fields.get("symbol", "")))
        return {"expired": [order.id for order in ended]}

    def _liquidate(self, fields: _Fields) -> object:
        name = str(fields.get("account", ""))
        self._venue.books.liquidate(name, str(fields.get("symbol", "")))
        return account_view(self._venue.books.account(name), self._venue.books)

    def _set_mode(self, fields: _Fields) -> object:
        name = str(fields.get("account", ""))
        self._venue.books.set_hedged(name, hedged=read_flag(fields, "hedged"))
        return account_view(self._venue.books.account(name), self._venue.books)

    def _set_market(self, fields: _Fields) -> object:
        market = self._venue.books.market
        if "slippage" in fields:
            slippage = read_amount(fields["slippage"], "slippage")
            if not 0 <= slippage < 1:
                raise ValueError("slippage: a fraction from 0 to below 1 is required")
            market.slippage = slippage
        if "liquidity" in fields:
            liquidity = fields["liquidity"]
            market.liquidity = None if liquidity is None else read_amount(liquidity, "liquidity")
        return plain({"slippage": market.slippage, "liquidity": market.liquidity})

    def _set_limits(self, fields: _Fields) -> object:
        _refuse_unknown(fields, _LIMIT_FIELDS)
        changes: dict[str, int | timedelta | None] = {}
        for name, value in fields.items():
            if name == "ban_ms":
                changes["ban"] = timedelta(milliseconds=_whole(value, name))
            elif value is None and name != "ban_after":
                changes[name] = None
            else:
                changes[name] = _whole(value, name)
        self._venue.set_limits(**changes)
        return limits_view(self._venue.limiter.limits)

    def _set_clock(self, fields: _Fields) -> object:
        value = fields.get("skew_ms")
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError("skew_ms: a whole number is required")  # noqa: TRY004 - one error for bad input
        self._venue.clock.skew = timedelta(milliseconds=value)
        return {"time": self._venue.books.now().isoformat()}

    def _add_fault(self, fields: _Fields) -> object:
        self._venue.faults.add(_parse_fault(fields))
        return self._list_faults(fields)

    def _clear_faults(self, _fields: _Fields) -> object:
        self._venue.faults.clear()
        return {"faults": []}


def _parse_fault(fields: _Fields) -> Fault:
    _refuse_unknown(fields, _FAULT_FIELDS)
    times, code, headers = fields.get("times", 1), fields.get("code"), fields.get("headers", {})
    if not isinstance(headers, dict):
        raise ValueError("headers: expected an object")  # noqa: TRY004 - one error for bad input
    return Fault(
        kind=FaultKind(str(fields.get("kind"))),
        operation=Operation(str(fields.get("operation", Operation.ANY.value))),
        account=str(fields.get("account", "")),
        path=str(fields.get("path", "")),
        times=None if times is None else _whole(times, "times"),
        applied=read_flag(fields, "applied") if "applied" in fields else None,
        delay=timedelta(milliseconds=_whole(fields.get("delay_ms", 0), "delay_ms")),
        status=_whole(fields.get("status", 503), "status"),
        code=int(str(code)) if code is not None else None,
        message=str(fields.get("message", "")),
        body=str(fields.get("body", "")),
        headers={str(name): str(value) for name, value in headers.items()},
    )


def _refuse_unknown(fields: _Fields, known: frozenset[str]) -> None:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _whole(value: object, field: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        raise ValueError(f"{field}: a whole number from 0 is required")
    return int(text)


def _fields(call: Call) -> _Fields:
    if call.method != "POST":
        return dict(parse_qsl(call.query))
    try:
        body = json.loads(call.body or "{}")
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - one error for bad input
    return body


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _reply(status: int, content: object) -> Reply:
    return Reply(status, json.dumps(content).encode())
