"""What Binance tells of a spot account and its key before anything has to be stopped."""

import asyncio
from dataclasses import replace
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import Capability, CheckedBy, Coverage, DeadManWorth, Examination, KeyFacts, Topic
from ess_server.core.spot_sale import SpotSale
from ess_server.venue import spot_rows
from ess_server.venue.examine_usdm import REFUSALS, key_facts
from ess_server.venue.examining import MarketRule, Sources, parsed, read_open
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.reading import complete
from ess_server.venue.usdm_rows import flag_of

SEND_BURST, SENDS_PER_SECOND = 100, 10
"""Orders of one account: 100 in ten seconds."""


def coverage(sale: SpotSale) -> Coverage:
    """Return what a stop does on this account; without a list of assets it sells nothing."""
    orders = ("orders", "stop and take-profit orders", "lists of orders")
    rest = ("margin", "earn products", "executions")
    if not sale.sell:
        return Coverage(
            checked_by=CheckedBy.PAPER_DIALECT,
            covered=orders,
            not_covered=("every balance: the account's spot.sell is empty, so that FLATTEN sells nothing", *rest),
        )
    sold = ", ".join(
        f"{asset} above {sale.kept(asset).normalize():f}" if sale.kept(asset) else asset for asset in sale.sell
    )
    return Coverage(
        checked_by=CheckedBy.PAPER_DIALECT,
        covered=(*orders, f"sale of {sold} into {sale.into}"),
        not_covered=("every other balance", *rest),
    )


async def examine_spot(by: Sources, sale: SpotSale) -> Examination:
    """See ``AccountExaminer.examine``."""
    inquiry = Inquiry(REFUSALS)
    seen = Examination(
        account=by.client.account.id,
        unread=inquiry.unread,
        exchange="binance",
        dead_man=DeadManWorth.NONE,
        coverage=coverage(sale),
        lacks=(Capability.EXECUTIONS,),
        limits=by.limits,
    )
    clock = await by.reach(inquiry)
    if seen.reason_unread(Topic.VENUE):
        return seen
    exchange, rights = by.exchange, (Topic.TRADING, Topic.WITHDRAWAL, Topic.ADDRESS, Topic.EXPIRY)
    key, may_trade, shown = await asyncio.gather(
        inquiry.ask(parsed(by.read(exchange.sapiGetAccountApiRestrictions), _key), *rights),
        inquiry.ask(parsed(by.read(exchange.privateGetAccount), _may_trade), Topic.ACCOUNT_MODE),
        inquiry.ask(complete(by.client), Topic.OPEN),
    )
    seen = replace(seen, clock=clock, account_mode="spot" if may_trade is not None else "")
    if shown is not None:
        load, markets = read_open(shown, lambda symbol: _rule(by.markets.detail(symbol)))
        seen = replace(seen, load=load, markets=markets)
    key = key or KeyFacts()
    may = False if may_trade is False else key.may_trade
    return replace(seen, key=replace(key, valid=inquiry.valid, refused=inquiry.refused, may_trade=may))


def _key(reply: object) -> KeyFacts:
    return replace(key_facts(reply), may_trade=flag_of(reply, "enableSpotAndMarginTrading"))


def _may_trade(reply: object) -> bool:
    return flag_of(reply, "canTrade")


def _rule(row: Any) -> MarketRule | None:  # noqa: ANN401 - JSON
    if row is None:
        return None
    kinds = row.get("orderTypes")
    try:
        rules = spot_rows.pair_rules(row)
    except VenueUnknownError:
        rules = None
    return MarketRule(
        trades=row.get("status") == "TRADING",
        takes_market_orders=isinstance(kinds, list) and "MARKET" in kinds,
        sizes=None if rules is None else rules.sizes,
    )
