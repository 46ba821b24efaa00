"""Market streams of Binance USD-M: subscriptions by message, best bid and ask, order books, daily tickers."""

import json
from collections.abc import Mapping, Sequence

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.levels import MAX_LEVELS, Levels, levels
from ess_server.venue.paper.dialects.binance.text import Json
from ess_server.venue.paper.model import Instrument
from ess_server.venue.paper.quotes import Quote, Quotes

PATHS = ("/ws", "/public/ws", "/market/ws")
_INVALID = 2


def is_stream(path: str) -> bool:
    """Whether a path is one of the exchange's stream endpoints."""
    return any(path == known or path.startswith(f"{known}/") for known in PATHS)


class MarketChannel:
    """One connection. A stream that the exchange does not have is accepted and silent, as there."""

    def __init__(self, quotes: Quotes, instruments: Mapping[str, Instrument]) -> None:
        self._quotes = quotes
        self._instruments = instruments
        self._symbols = {symbol.lower(): symbol for symbol in instruments}
        self._names: dict[str, None] = {}
        self._books: dict[str, tuple[int, Levels, Levels]] = {}
        self._kinds = {**_KINDS, "depth@100ms": self._depth}

    def receive(self, text: str) -> Sequence[str]:
        """Subscribe or unsubscribe."""
        try:
            message = json.loads(text)
            method, names, id_ = message["method"], message.get("params", []), message.get("id")
        except (ValueError, TypeError, KeyError):
            return [_shown({"error": {"code": _INVALID, "msg": "Invalid request"}, "id": None})]
        match method:
            case "SUBSCRIBE":
                self._names |= dict.fromkeys(str(n) for n in names)
            case "UNSUBSCRIBE":
                self._names = {n: None for n in self._names if n not in names}
            case _:
                error = {"code": _INVALID, "msg": f"Invalid request: unknown method {method}"}
                return [_shown({"error": error, "id": id_})]
        return [_shown({"result": None, "id": id_})]

    def news(self) -> Sequence[str]:
        """One message for every stream that has news: each time, unless it has frozen."""
        wanted: dict[str, list[str]] = {}
        for name in self._names:
            symbol, _, kind = name.partition("@")
            if symbol in self._symbols and kind in self._kinds:
                wanted.setdefault(self._symbols[symbol], []).append(kind)
        return [_shown(self._kinds[kind](q)) for q in self._quotes.news(wanted) for kind in wanted[q.symbol]]

    def _depth(self, quote: Quote) -> Json:
        """What has changed of the order book since this connection was told of it."""
        now, number = milliseconds(quote.time), quote.number
        before, *sides = self._books.get(quote.symbol, (0, [], []))
        told = levels(quote, self._instruments[quote.symbol], MAX_LEVELS)
        self._books[quote.symbol] = (number, *told)
        bids, asks = (_changes(old, new) for old, new in zip(sides, told, strict=True))
        depth: Json = {"e": "depthUpdate", "E": now, "T": now, "s": quote.symbol, "U": before + 1, "u": number}
        return depth | {"pu": before, "b": bids, "a": asks}


def _changes(old: Levels, new: Levels) -> Levels:
    standing = {price for price, _ in new}
    return [[price, "0"] for price, _ in old if price not in standing] + new


def _book(quote: Quote) -> Json:
    now = milliseconds(quote.time)
    book: Json = {"e": "bookTicker", "u": quote.number, "E": now, "T": now, "s": quote.symbol}
    return book | {"b": quote.bid, "B": quote.size, "a": quote.ask, "A": quote.size}


def _day(quote: Quote) -> Json:
    now, last = milliseconds(quote.time), quote.last
    day: Json = {"e": "24hrTicker", "E": now, "s": quote.symbol, "p": "0", "P": "0", "w": last, "c": last, "Q": "0"}
    day |= {"o": last, "h": last, "l": last, "v": "0", "q": "0", "O": now - 86_400_000, "C": now}
    return day | {"F": 0, "L": 0, "n": 0}


def _short_day(quote: Quote) -> Json:
    last = quote.last
    day: Json = {"e": "24hrMiniTicker", "E": milliseconds(quote.time), "s": quote.symbol, "c": last, "o": last}
    return day | {"h": last, "l": last, "v": "0", "q": "0"}


_KINDS = {"bookTicker": _book, "ticker": _day, "miniTicker": _short_day}


def _shown(message: Json) -> str:
    return json.dumps(message, separators=(",", ":"))
