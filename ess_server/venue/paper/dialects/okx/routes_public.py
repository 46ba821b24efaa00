"""What everybody may ask: time, contracts, prices; and the currencies, for which OKX wants a signature."""

from decimal import Decimal

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.okx.contracts import (
    INST_TYPE,
    LOT,
    contract_value,
    find,
    inst_id,
    plain,
    to_contracts,
)
from ess_server.venue.paper.dialects.okx.request import Answer, Json, Request
from ess_server.venue.paper.model import Instrument
from ess_server.venue.paper.quotes import Quote

_LISTED_AT = "1600000000000"
_MAX_LEVERAGE = "125"
_MAX_DEPTH = 400


def server_time(request: Request) -> Answer:
    """The venue's clock."""
    return Answer([{"ts": str(milliseconds(request.books.now()))}])


def status(_request: Request) -> Answer:
    """Announced maintenance: none."""
    return Answer([])


def instruments(request: Request) -> Answer:
    """Contracts of one type; of swaps those that the books list, of other types none."""
    kind = request.params.choice("instType", "SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
    wanted = request.params.optional("instId")
    listed = request.books.market.instruments.values() if kind == INST_TYPE else ()
    halted = request.books.market.halted
    return Answer(
        [
            _instrument(n, item, halted=item.symbol in halted)
            for n, item in enumerate(listed)
            if wanted in ("", inst_id(item))
        ]
    )


def _instrument(number: int, item: Instrument, *, halted: bool) -> Json:
    family = f"{item.base}-{item.quote}"
    largest = plain(to_contracts(item.max_quantity, item))
    empty = ("baseCcy", "quoteCcy", "alias", "optType", "stk", "expTime", "maxLmtAmt", "maxMktAmt", "auctionEndTime")
    shown: Json = dict.fromkeys(empty, "")
    return shown | {
        "instType": INST_TYPE,
        "instId": inst_id(item),
        "instIdCode": 10_000 + number,
        "instFamily": family,
        "uly": family,
        "settleCcy": item.quote,
        "ctType": "linear",
        "ctVal": plain(contract_value(item)),
        "ctValCcy": item.base,
        "ctMult": "1",
        "tickSz": plain(item.tick),
        "lotSz": plain(LOT),
        "minSz": plain(to_contracts(item.min_quantity, item)),
        "maxLmtSz": largest,
        "maxMktSz": plain(to_contracts(item.max_market_quantity, item)),
        **dict.fromkeys(("maxStopSz", "maxTriggerSz", "maxTwapSz", "maxIcebergSz"), largest),
        "lever": _MAX_LEVERAGE,
        "category": "1",
        "ruleType": "normal",
        "state": "suspend" if halted else "live",
        "listTime": _LISTED_AT,
    }


def currencies(request: Request) -> Answer:
    """Every asset that contracts are made of, with one network that takes and gives nothing."""
    listed = request.books.market.instruments.values()
    assets = sorted({item.base for item in listed} | {item.quote for item in listed} | set(request.account.wallets))
    return Answer(
        [
            {
                "ccy": asset,
                "name": asset,
                "chain": f"{asset}-Paper",
                "canDep": False,
                "canWd": False,
                "canInternal": False,
                "fee": "0",
                "minWd": "0",
                "maxWd": "0",
                "wdTickSz": "8",
            }
            for asset in assets
        ]
    )


def mark_price(request: Request) -> Answer:
    """Marks, of one contract or of all."""
    now, market = str(milliseconds(request.books.now())), request.books.market
    return Answer(
        [
            {"instType": INST_TYPE, "instId": inst_id(item), "markPx": plain(market.mark(item.symbol)), "ts": now}
            for item in _chosen(request)
        ]
    )


def tickers(request: Request) -> Answer:
    """Top of book and last price, of one contract or of all; what a day has traded is not kept."""
    return Answer([_ticker(request, item) for item in _chosen(request)])


def _ticker(request: Request, item: Instrument) -> Json:
    quote = request.quotes.quote(item.symbol)
    size = _contracts(quote, item)
    day = ("open24h", "high24h", "low24h", "sodUtc0", "sodUtc8")
    shown: Json = dict.fromkeys(day, quote.last)
    return shown | {
        "instType": INST_TYPE,
        "instId": inst_id(item),
        "last": quote.last,
        "lastSz": plain(LOT),
        "bidPx": quote.bid,
        "bidSz": size,
        "askPx": quote.ask,
        "askSz": size,
        "vol24h": "0",
        "volCcy24h": "0",
        "ts": str(milliseconds(quote.time)),
    }


def books(request: Request) -> Answer:
    """The order book: one level on each side."""
    request.params.integer("sz", _MAX_DEPTH)
    item = find(request.books.market, request.params.text("instId"))
    quote = request.quotes.quote(item.symbol)
    size = _contracts(quote, item)
    return Answer(
        [
            {
                "bids": [[quote.bid, size, "0", "1"]],
                "asks": [[quote.ask, size, "0", "1"]],
                "ts": str(milliseconds(quote.time)),
                "seqId": quote.number,
            }
        ]
    )


def _chosen(request: Request) -> list[Instrument]:
    market, name = request.books.market, request.params.optional("instId")
    return [find(market, name)] if name else list(market.instruments.values())


def _contracts(quote: Quote, item: Instrument) -> str:
    return plain(to_contracts(Decimal(quote.size), item))
