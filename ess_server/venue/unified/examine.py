"""What a venue with a plan tells of an account and its key before anything has to be stopped."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from ess_server.core.examination import Capability, DeadManWorth, Examination, KeyFacts, Topic
from ess_server.venue.examining import MarketRule, Sources, read_open
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.unified.markets import size_rules
from ess_server.venue.unified.plan import UnifiedPlan

Asks = Callable[[], Coroutine[Any, Any, bool | None]]


async def examine_unified(plan: UnifiedPlan, by: Sources, *, withdraws: Asks, hedged: Asks) -> Examination:
    """See ``AccountExaminer.examine``."""
    inquiry = Inquiry()
    seen = Examination(
        account=by.client.account.id,
        unread=inquiry.unread,
        exchange=plan.exchange,
        dead_man=DeadManWorth.NONE if plan.switch is None else DeadManWorth.USABLE,
        coverage=plan.coverage,
        lacks=(Capability.EXECUTIONS, *(() if plan.equity else (Capability.EQUITY,))),
        limits=by.limits,
    )
    clock = await by.reach(inquiry)
    if seen.reason_unread(Topic.VENUE):
        return seen
    may_withdraw, mode, shown = await asyncio.gather(
        inquiry.ask(withdraws(), Topic.WITHDRAWAL),
        inquiry.ask(hedged(), Topic.POSITION_MODE),
        inquiry.ask(by.client.snapshot(), Topic.OPEN),
    )
    seen = replace(seen, clock=clock, hedge_mode=mode)
    if shown is not None:
        load, markets = read_open(shown, lambda symbol: _rule(plan, by.markets.detail(symbol)))
        seen = replace(seen, load=load, markets=markets)
    # An answer to a request that needs no key proves nothing of it, but a snapshot always needs one.
    valid = True if shown is not None else None
    return replace(seen, key=KeyFacts(valid=valid, may_withdraw=may_withdraw))


def _rule(plan: UnifiedPlan, market: Any) -> MarketRule | None:  # noqa: ANN401 - ccxt's
    if market is None:
        return None
    # Where ccxt does not say whether a market trades, it is taken to.
    return MarketRule(
        trades=market["active"] is not False,
        takes_market_orders=True,
        sizes=size_rules(market, plan.maximum),
    )
