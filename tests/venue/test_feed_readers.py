"""Feeds read by real ccxt from a paper venue: what is told arrives, however wrong, and nothing ends the reading."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_feeds import FeedKind, FeedSource, VenueFeed
from ess_server.core.venue_wire import PaperEndpoint
from ess_server.testing.waiting import eventually
from ess_server.venue.budget import RequestBudget
from ess_server.venue.ccxt_usdm import BUDGET
from ess_server.venue.feed_quotes import QuoteReader
from ess_server.venue.feed_rest import RestFeed
from ess_server.venue.feed_stream import StreamFeed
from ess_server.venue.paper import Fault, FaultKind
from ess_server.venue.paper.quotes import FeedFault, FeedFaultKind
from ess_server.venue.upkeep import Faults

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
KINDS: dict[FeedSource, type[RestFeed | StreamFeed]] = {FeedSource.REST: RestFeed, FeedSource.STREAM: StreamFeed}


class Reading:
    """A feed that is being read, and all that it told."""

    def __init__(self, feed: VenueFeed, budget: RequestBudget) -> None:
        clock = SystemClock()
        self.updates: list[FeedUpdate] = []
        self.faults: list[str] = []
        faults = Faults(clock, lambda _, detail: self.faults.append(detail))
        made = KINDS[feed.source](feed, budget, QuoteReader(feed, clock), self.updates.append, faults)
        self.task = asyncio.create_task(made.run())

    def of(self, symbol: str) -> list[FeedUpdate]:
        """Return the updates of a symbol."""
        return [u for u in self.updates if u.symbol == symbol]

    async def more(self, symbol: str = BTC, by: int = 2) -> list[FeedUpdate]:
        """Wait for so many further updates of a symbol, and return them."""
        before = len(self.of(symbol))
        await eventually(lambda: len(self.of(symbol)) >= before + by)
        return self.of(symbol)[before:]


@pytest.fixture
async def read(floor: Any) -> AsyncIterator[Callable[..., Reading]]:
    """Begin to read a feed of the paper venue; keywords overwrite the feed."""
    readings: list[Reading] = []
    paper = PaperEndpoint(host="127.0.0.1", port=floor.venue.port, ca_file=str(floor.venue.ca_file))

    def begun(source: FeedSource, *, budget: RequestBudget | None = None, **changes: Any) -> Reading:
        feed = VenueFeed(
            name="f",
            exchange="binanceusdm",
            symbols=(BTC, ETH),
            kind=FeedKind.BOOK,
            source=source,
            poll=timedelta(milliseconds=100),
            paper=paper,
        )
        readings.append(Reading(replace(feed, **changes), budget or RequestBudget(SystemClock().uptime, BUDGET)))
        return readings[-1]

    yield begun
    for reading in readings:
        reading.task.cancel()
        await asyncio.gather(reading.task, return_exceptions=True)


both = pytest.mark.parametrize("source", list(FeedSource))


@both
async def test_books_arrive_with_the_venues_time_and_a_stream_with_its_numbers(
    floor: Any, read: Callable[..., Reading], source: FeedSource
) -> None:
    """Property: prices are the venue's own decimals, times its clock's; numbers are told where order is kept."""
    floor.venue.clock.skew = timedelta(hours=1)
    reading = read(source)
    await reading.more(ETH)
    first, second = (await reading.more(BTC))[:2]

    market = floor.books.market
    assert (first.bid, first.ask, first.last) == (market.bid("BTCUSDT"), market.ask("BTCUSDT"), None)
    assert timedelta(0) < second.time - first.time < timedelta(seconds=5)
    assert abs(first.time - floor.books.now()) < timedelta(seconds=10)
    assert first.received < second.received <= SystemClock().uptime()
    if source is FeedSource.STREAM:
        assert first.sequence is not None
        assert second.sequence == first.sequence + 1
    else:
        assert first.sequence is None
    assert reading.faults == []


@both
async def test_tickers_have_a_last_price_alone(floor: Any, read: Callable[..., Reading], source: FeedSource) -> None:
    """Property: a ticker feed tells the last price, of one symbol and of many."""
    reading = read(source, kind=FeedKind.TICKER)
    await reading.more(ETH)
    (update,) = await reading.more(BTC, by=1)

    assert (update.bid, update.ask, update.last) == (None, None, floor.books.market.mark("BTCUSDT"))


@both
async def test_where_an_exchange_has_no_list_of_best_prices_its_order_books_are_read(
    floor: Any, read: Callable[..., Reading], source: FeedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Property: the top of each book is told, and follows the market; a bad price among the levels of a reply too."""
    owner = ccxt.async_support.binanceusdm if source is FeedSource.REST else ccxt.pro.binanceusdm
    usual = owner.describe

    def without(self: Any) -> Any:
        known = usual(self)
        return known | {"has": known["has"] | {"fetchBidsAsks": False, "watchBidsAsks": False}}

    monkeypatch.setattr(owner, "describe", without)
    reading = read(source)
    await reading.more(ETH)
    floor.books.set_mark("BTCUSDT", Decimal(61000))
    market = floor.books.market
    wanted = (market.bid("BTCUSDT"), market.ask("BTCUSDT"))
    await eventually(lambda: (reading.of(BTC)[-1].bid, reading.of(BTC)[-1].ask) == wanted)

    if source is FeedSource.REST:
        floor.venue.quotes.add(FeedFault(kind=FeedFaultKind.PRICE, price="ask", value="0"))
        await eventually(lambda: reading.of(BTC)[-1].ask == 0)
    assert reading.faults == []


@both
@pytest.mark.parametrize(
    ("printed", "told", "detail"),
    [
        ("NaN", Decimal("NaN"), ""),
        ("0.00", Decimal("0.00"), ""),
        ("-7", Decimal(-7), ""),
        ("Infinity", Decimal("Infinity"), ""),
        ("n/a", None, "bid 'n/a' is no price"),
        ("1E+400", None, "bid '1E+400' is no price"),
    ],
)
async def test_what_is_no_price_is_told_as_it_was_printed(  # noqa: PLR0917 - two tables
    floor: Any, read: Callable[..., Reading], source: FeedSource, printed: str, told: Decimal | None, detail: str
) -> None:
    """Property: NaN, zero, negative and infinite prices arrive as such; text that is no number is corrupt."""
    floor.venue.quotes.add(FeedFault(kind=FeedFaultKind.PRICE, symbols=("BTCUSDT",), value=printed))
    reading = read(source)
    (update,) = await reading.more(by=1)

    assert repr(update.bid) == repr(told)
    assert (update.corrupt, update.detail) == (bool(detail), detail)
    assert update.ask == floor.books.market.ask("BTCUSDT")


async def test_frozen_replies_repeat_and_a_frozen_stream_is_silent_and_stays_connected(
    floor: Any, read: Callable[..., Reading]
) -> None:
    """Property: neither is made fresh by the reader, and neither is a fault: what it means is for an evaluator."""
    asked, heard = read(FeedSource.REST), read(FeedSource.STREAM)
    await asyncio.gather(asked.more(), heard.more())
    floor.venue.quotes.add(FeedFault(kind=FeedFaultKind.FREEZE, symbols=("BTCUSDT",)))
    await heard.more(ETH, by=2)
    silent = len(heard.of(BTC))
    one, *others = await asked.more(by=3)
    await heard.more(ETH, by=3)

    assert {(u.time, u.bid, u.ask) for u in others} == {(one.time, one.bid, one.ask)}
    assert len(heard.of(BTC)) == silent
    assert len(floor.venue.streams) == 1
    assert asked.faults == heard.faults == []


async def test_a_connection_that_is_cut_is_told_and_made_again(floor: Any, read: Callable[..., Reading]) -> None:
    """Property: a stream goes on by itself, as often as its connection is cut."""
    reading = read(FeedSource.STREAM)
    for _ in range(2):
        await reading.more(by=1)
        assert floor.venue.streams.drop() == 1
    await reading.more(by=1)

    assert reading.faults == ["listening to feed f: the connection has ended"] * 2


async def test_requests_that_fail_are_told_and_tried_again(floor: Any, read: Callable[..., Reading]) -> None:
    """Property: a refusal and a page of HTML are faults and no news; the feed then goes on."""
    path = "/fapi/v1/ticker/bookTicker"
    for fault in (
        Fault(kind=FaultKind.REJECT, path=path),
        Fault(kind=FaultKind.BODY, path=path, body="<html>"),
    ):
        floor.venue.faults.add(fault)
    reading = read(FeedSource.REST)
    await reading.more()

    assert len(reading.faults) == 2
    assert "not JSON" in reading.faults[1]
    assert not any(u.corrupt for u in reading.updates)


@both
async def test_what_cannot_be_read_at_all_is_corrupt_and_does_not_end_the_feed(
    read: Callable[..., Reading], source: FeedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Property: a message or reply on which ccxt fails is told of the whole feed, and the next one is read."""
    failed: list[object] = []

    def once(self: Any, message: Any, *rest: Any) -> Any:
        if not failed:
            failed.append(message)
            raise KeyError("bid")
        return usual(self, message, *rest)

    name = "parse_ws_ticker" if source is FeedSource.STREAM else "parse_ticker"
    usual = getattr(ccxt.pro.binanceusdm, name)
    owner = ccxt.pro.binanceusdm if source is FeedSource.STREAM else ccxt.async_support.binanceusdm
    monkeypatch.setattr(owner, name, once)
    reading = read(source)
    (told,) = await reading.more("", by=1)
    await reading.more(BTC)

    assert told.corrupt
    assert told.detail == "what the venue sent cannot be read: KeyError: 'bid'"


@both
async def test_a_symbol_that_is_not_listed_is_named_and_the_others_are_read(
    read: Callable[..., Reading], source: FeedSource
) -> None:
    """Property: one slip in the list of symbols costs that symbol; if none is left, the fault says so."""
    reading, none = read(source, symbols=(BTC, "BCT/USDT:USDT")), read(source, symbols=("NO/USDT",))
    await reading.more()
    await eventually(lambda: none.faults)

    assert reading.faults == ["symbols of feed f: binanceusdm does not list BCT/USDT:USDT"]
    assert none.faults[0].endswith("binanceusdm does not list NO/USDT")


@pytest.mark.parametrize(
    ("source", "exchange", "says"),
    [
        (FeedSource.REST, "nasdaq", "has no exchange 'nasdaq'"),
        (FeedSource.STREAM, "bitbns", "has no websocket class 'bitbns'"),
    ],
)
async def test_what_ccxt_does_not_have_is_a_clear_fault(
    read: Callable[..., Reading], source: FeedSource, exchange: str, says: str
) -> None:
    """Property: the fault names what is missing; nothing else is tried."""
    reading = read(source, exchange=exchange, paper=None)
    await eventually(lambda: reading.faults)

    assert says in reading.faults[0]
    assert reading.updates == []


async def test_feeds_leave_the_request_budget_to_those_who_need_it(read: Callable[..., Reading]) -> None:
    """Property: with the budget down to its reserve a feed waits, without a fault, and reads on when there is more."""
    budget = RequestBudget(SystemClock().uptime, replace(BUDGET, burst=720, per_second=40))
    reading = read(FeedSource.REST, budget=budget)
    await reading.more(by=1)
    budget.send(30)
    began = SystemClock().uptime()
    await reading.more(by=1)

    assert SystemClock().uptime() - began > 0.3
    assert reading.faults == []


def test_websocket_classes_are_imported_where_a_feed_listens() -> None:
    """Property: without a stream none of them is imported, which saves the memory."""
    code = (
        "import sys; from datetime import timedelta; from ess_server.venue.feeds import import_streams\n"
        "from ess_server.core.venue_feeds import FeedKind, FeedSource, VenueFeed\n"
        "for s in FeedSource:\n"
        "    import_streams([VenueFeed(name='f', exchange='x', symbols=('s',), kind=FeedKind.BOOK, source=s,"
        " poll=timedelta(1))])\n"
        "    print(s.value, 'ccxt.pro' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert said.stdout.split() == ["rest", "False", "stream", "True"]
