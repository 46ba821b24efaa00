"""What Binance tells of a USD-M account and its key before anything has to be stopped."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import (
    CheckedBy,
    Coverage,
    DeadManWorth,
    Examination,
    KeyFacts,
    MarketFacts,
    Topic,
)
from ess_server.venue import usdm_rows
from ess_server.venue.examining import MarketRule, Sources, parsed, read_open, sizes_of
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.reading import complete
from ess_server.venue.strict import translated
from ess_server.venue.usdm_rows import flag_of

SEND_BURST, SENDS_PER_SECOND = 300, 20
"""Orders of one account: 300 in ten seconds, 1,200 in a minute."""
REFUSALS = frozenset({-2008, -2014, -2015, -1022})
"""Binance's numbers for a key that it does not take: unknown, malformed, from this address, or with a wrong secret."""
COVERAGE = Coverage(
    checked_by=CheckedBy.PAPER_DIALECT,
    covered=("orders", "conditional orders", "positions of USD-M perpetuals and futures, one-way and hedged"),
    not_covered=("spot", "COIN-M", "options", "margin loans", "portfolio margin accounts"),
)


async def examine_usdm(by: Sources) -> Examination:
    """See ``AccountExaminer.examine``."""
    inquiry = Inquiry(REFUSALS)
    seen = _before(by, inquiry)
    clock = await by.reach(inquiry)
    if seen.reason_unread(Topic.VENUE):
        return seen
    exchange, rights = by.exchange, (Topic.TRADING, Topic.WITHDRAWAL, Topic.ADDRESS, Topic.EXPIRY)
    mode = by.read(exchange.fapiPrivateGetPositionSideDual)
    key, config, hedged, shown, rules = await asyncio.gather(
        inquiry.ask(parsed(by.read(exchange.sapiGetAccountApiRestrictions), key_facts), *rights),
        inquiry.ask(parsed(by.read(exchange.fapiPrivateGetAccountConfig), _config), Topic.ACCOUNT_MODE),
        inquiry.ask(parsed(mode, usdm_rows.hedge_mode), Topic.POSITION_MODE),
        inquiry.ask(complete(by.client), Topic.OPEN),
        inquiry.ask(_rules(by), Topic.MARKETS, signed=False),
    )
    key = key or KeyFacts()
    trades, margin = config or (None, "")
    seen = replace(seen, clock=clock, hedge_mode=hedged, account_mode=margin)
    if shown is not None:
        load, markets = read_open(shown, (rules or {}).get)
        seen = replace(seen, load=load, markets=markets if rules is not None else MarketFacts())
    may = False if trades is False else key.may_trade
    key = replace(key, valid=inquiry.valid, refused=inquiry.refused, may_trade=may)
    return replace(seen, key=key)


def _before(by: Sources, inquiry: Inquiry) -> Examination:
    return Examination(
        account=by.client.account.id,
        unread=inquiry.unread,
        exchange="binanceusdm",
        dead_man=DeadManWorth.USABLE,
        coverage=COVERAGE,
        limits=by.limits,
    )


async def _rules(by: Sources) -> dict[str, MarketRule]:
    """Read what every market lets one do now; more than a flatten keeps of them."""
    info = await translated(by.exchange.fapiPublicGetExchangeInfo())
    rows = usdm_rows.rows_of(info.get("symbols") if isinstance(info, Mapping) else None, "markets")
    return {by.markets.symbol_of(usdm_rows.text_of(row, "symbol")): _rule(row) for row in rows}


def _config(reply: object) -> tuple[bool, str]:
    multi = flag_of(reply, "multiAssetsMargin")
    return flag_of(reply, "canTrade"), "multi-assets margin" if multi else "single-asset margin"


def _rule(row: Mapping[str, Any]) -> MarketRule:
    kinds = row.get("orderTypes")
    return MarketRule(
        trades=row.get("status") == "TRADING",
        takes_market_orders=isinstance(kinds, list) and "MARKET" in kinds,
        sizes=sizes_of(usdm_rows.size_rules, row.get("filters")),
    )


def key_facts(reply: object) -> KeyFacts:
    """Read ``apiRestrictions``. Raises VenueUnknownError."""
    ends = reply.get("tradingAuthorityExpirationTime") if isinstance(reply, Mapping) else None
    if ends is not None and (not isinstance(ends, int) or isinstance(ends, bool)):
        raise VenueUnknownError("the key's rights: their end is not a time")
    return KeyFacts(
        may_trade=flag_of(reply, "enableFutures"),
        may_withdraw=flag_of(reply, "enableWithdrawals"),
        bound=flag_of(reply, "ipRestrict"),
        expires=None if ends is None else datetime.fromtimestamp(ends / 1000, UTC),
    )
