"""What can be wrong with ``[[feeds]]``, and with evaluators that watch them."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from ess_server.config.checks import LONGEST_POLL, MAX_ID_BYTES, SHORTEST_POLL, repeated_at
from ess_server.config.problems import Mistake
from ess_server.config.settings import FeedSettings
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.data_feed import DataFeedSettings
from ess_server.core.venue_feeds import FeedSource

MOST_SYMBOLS = 1000
"""Symbols of one feed."""
_ID = re.compile(r"[a-z][a-z0-9]{1,39}")
_PLACES = {FeedSource.REST: "async_support", FeedSource.STREAM: "pro"}


def feed_mistakes(feed: FeedSettings) -> Iterator[Mistake]:
    """Yield what is wrong with one feed; paths start at its table."""
    if not 0 < len(feed.name.encode()) <= MAX_ID_BYTES:
        yield Mistake(("name",), f"is not 1 to {MAX_ID_BYTES} bytes long")
    yield from _exchange_mistakes(feed)
    yield from _symbol_mistakes(feed.symbols)
    if not SHORTEST_POLL <= feed.poll <= LONGEST_POLL:
        yield Mistake(("poll_ms",), "is not 100 ms to an hour")
    if feed.paper and not feed.paper.port:
        yield Mistake(("paper", "address"), "needs the port of the paper venue, not 0")


def watching_mistakes(evaluator: EvaluatorSettings, feeds: Sequence[FeedSettings]) -> Iterator[Mistake]:
    """Yield where an evaluator waits for a symbol that its configured feed does not read."""
    if not isinstance(evaluator, DataFeedSettings):
        return
    feed = next((f for f in feeds if f.name == evaluator.feed), None)
    if feed is not None:
        missing = [s for s in evaluator.symbols if s not in feed.symbols]
        if missing:
            yield Mistake(("symbols",), f'"{missing[0]}" is not among the symbols of feed "{feed.name}"; add it there')


def _exchange_mistakes(feed: FeedSettings) -> Iterator[Mistake]:
    """Look into the installed library without importing it, which would take a second."""
    known, rest = exchanges(feed.source), exchanges(FeedSource.REST)
    if not _ID.fullmatch(feed.exchange) or (rest and feed.exchange not in rest):
        close = get_close_matches(feed.exchange, rest, 1)
        hint = f"did you mean {close[0]}?" if close else "write one such as binanceusdm"
        yield Mistake(("exchange",), f'"{feed.exchange[:80]}" is no exchange id of ccxt; {hint}')
    elif known and feed.exchange not in known:
        yield Mistake(("source",), f'ccxt has no websocket class for "{feed.exchange}"; write "rest"')


def _symbol_mistakes(symbols: Sequence[str]) -> Iterator[Mistake]:
    if not 0 < len(symbols) <= MOST_SYMBOLS:
        yield Mistake(("symbols",), f"lists {len(symbols)} symbols, not 1 to {MOST_SYMBOLS}")
    for symbol in symbols:
        if not 0 < len(symbol.encode()) <= MAX_ID_BYTES:
            yield Mistake(("symbols",), f'"{symbol[:80]}" is not 1 to {MAX_ID_BYTES} bytes long')
    for name in dict.fromkeys(name for _, name in repeated_at(symbols)):
        yield Mistake(("symbols",), f'"{name[:80]}" is listed twice; leave one out')


def exchanges(source: FeedSource) -> frozenset[str]:
    """Return the ids that the installed ccxt reads from this source; empty if it is not installed."""
    package = find_spec("ccxt")
    places = [] if package is None else [Path(p) / _PLACES[source] for p in package.submodule_search_locations or ()]
    return frozenset(f.stem for place in places for f in place.glob("[a-z]*.py"))
