"""The admin API of what the paper venue tells the public, and of its websocket connections."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from ess_server.venue.paper.accounts import read_amount
from ess_server.venue.paper.admin_views import plain
from ess_server.venue.paper.quotes import FeedFault, FeedFaultKind, Quotes
from ess_server.venue.paper.streams import Streams

_FIELDS = frozenset(("kind", "symbols", "times", "price", "value", "percent", "shift_ms", "back"))


class Telling(Protocol):
    """What is driven here."""

    quotes: Quotes
    streams: Streams


class FeedRoutes:
    """Handlers by method and path. Bad input is a ValueError with one sentence that names the field."""

    def __init__(self, venue: Telling) -> None:
        self._venue = venue

    def routes(self) -> dict[tuple[str, str], Callable[[Mapping[str, object]], object]]:
        """Return them."""
        return {
            ("GET", "/paper/feeds"): self._list,
            ("POST", "/paper/feeds"): self._add,
            ("DELETE", "/paper/feeds"): self._clear,
            ("POST", "/paper/streams/drop"): self._drop,
        }

    def _list(self, _fields: Mapping[str, object]) -> object:
        faults = [{"kind": f.kind, "symbols": f.symbols, "times": f.times} for f in self._venue.quotes.faults()]
        return {"streams": len(self._venue.streams), "faults": plain(faults)}

    def _add(self, fields: Mapping[str, object]) -> object:
        self._venue.quotes.add(_parse(fields))
        return self._list(fields)

    def _clear(self, fields: Mapping[str, object]) -> object:
        self._venue.quotes.clear()
        return self._list(fields)

    def _drop(self, _fields: Mapping[str, object]) -> object:
        return {"dropped": self._venue.streams.drop()}


def _parse(fields: Mapping[str, object]) -> FeedFault:
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    symbols, times = fields.get("symbols", []), fields.get("times")
    if not isinstance(symbols, list):
        raise ValueError("symbols: expected a list")  # noqa: TRY004 - one error for bad input
    return FeedFault(
        kind=FeedFaultKind(str(fields.get("kind"))),
        symbols=tuple(str(s) for s in symbols),
        times=None if times is None else _whole(times, "times"),
        price=str(fields.get("price", "bid")),
        value=str(fields.get("value", "NaN")),
        percent=read_amount(fields["percent"], "percent") if "percent" in fields else Decimal(50),
        shift=timedelta(milliseconds=_whole(fields.get("shift_ms", 60_000), "shift_ms")),
        back=_whole(fields.get("back", 1), "back"),
    )


def _whole(value: object, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{field}: a whole number is required")  # noqa: TRY004 - one error for bad input
    return value
