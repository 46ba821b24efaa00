"""What Bybit tells of an account and its key before anything has to be stopped."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import (
    CheckedBy,
    Coverage,
    DeadManWorth,
    Examination,
    KeyFacts,
    Topic,
)
from ess_server.venue import bybit_rows
from ess_server.venue.examining import MarketRule, Sources, parsed, read_open, sizes_of
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.reading import complete

SEND_BURST, SENDS_PER_SECOND = 20, 20
"""Orders of one account in a second: ten one by one, and ten in batches."""
REFUSALS = frozenset({10003, 10004, 10005, 10007, 10010, 33004})
"""Bybit's numbers for a key that it does not take: unknown, wrong secret, no right, from this address, expired."""
COVERAGE = Coverage(
    checked_by=CheckedBy.PAPER_DIALECT,
    covered=(
        "orders",
        "conditional orders",
        "positions of linear contracts in USDT and USDC, one-way and hedged, and of inverse contracts",
    ),
    not_covered=("spot", "options", "loans", "copy trading and bots of the exchange"),
)
MODES = MappingProxyType({1: "classic", 3: "unified", 4: "unified (pro)", 5: "unified 2.0", 6: "unified 2.0 (pro)"})
_CLASSIC = 1
_UNBOUND = "*"
_NEVER = "1970-01-01T00:00:00Z"
"""What stands for no end: keys that are bound to addresses have none."""


async def examine_bybit(by: Sources) -> Examination:
    """See ``AccountExaminer.examine``. The position mode is told with positions only."""
    inquiry = Inquiry(REFUSALS)
    seen = _before(by, inquiry)
    clock = await by.reach(inquiry)
    if seen.reason_unread(Topic.VENUE):
        return seen
    exchange, rights = by.exchange, (Topic.TRADING, Topic.WITHDRAWAL, Topic.ADDRESS, Topic.EXPIRY)
    key, mode, shown = await asyncio.gather(
        inquiry.ask(parsed(by.read(exchange.privateGetV5UserQueryApi), key_facts), *rights),
        inquiry.ask(parsed(by.read(exchange.privateGetV5AccountInfo), _mode), Topic.ACCOUNT_MODE),
        inquiry.ask(complete(by.client), Topic.OPEN),
    )
    name, covered = mode or ("", True)
    seen = replace(seen, clock=clock, account_mode=name, account_mode_covered=covered)
    if shown is not None:
        load, markets = read_open(shown, lambda symbol: _rule(by.markets.detail(symbol)))
        hedged = any(p.hedged for p in shown.positions) if shown.positions else None
        seen = replace(seen, load=load, markets=markets, hedge_mode=hedged)
    key = replace(key or KeyFacts(), valid=inquiry.valid, refused=inquiry.refused)
    return replace(seen, key=key)


def _before(by: Sources, inquiry: Inquiry) -> Examination:
    return Examination(
        account=by.client.account.id,
        unread=inquiry.unread,
        exchange="bybit",
        dead_man=DeadManWorth.FALSE_SAFETY,
        coverage=COVERAGE,
        limits=by.limits,
    )


def _mode(reply: object) -> tuple[str, bool]:
    result = _result(reply, "account")
    status, margin = result.get("unifiedMarginStatus"), result.get("marginMode")
    name = MODES.get(status) if isinstance(status, int) else None
    if name is None or not isinstance(margin, str):
        raise VenueUnknownError(f"account: unknown status {status!r:.20}")
    return f"{name}, {margin.lower().replace('_', ' ')}", status != _CLASSIC


def _result(reply: object, name: str) -> Mapping[str, Any]:
    result = reply.get("result") if isinstance(reply, Mapping) else None
    if not isinstance(result, Mapping):
        raise VenueUnknownError(f"{name}: no result")
    return result


def key_facts(reply: object) -> KeyFacts:
    """Read ``query-api``. Raises VenueUnknownError."""
    result = _result(reply, "the key")
    rights, read_only, addresses = result.get("permissions"), result.get("readOnly"), result.get("ips")
    if not isinstance(rights, Mapping) or read_only not in (0, 1) or not isinstance(addresses, list):
        raise VenueUnknownError("the key: its rights are not those of a key")
    trades = "Order" in _listed(rights, "ContractTrade") or "DerivativesTrade" in _listed(rights, "Derivatives")
    ends = result.get("expiredAt", "")
    return KeyFacts(
        may_trade=read_only == 0 and trades,
        may_withdraw="Withdraw" in _listed(rights, "Wallet"),
        bound=bool(addresses) and _UNBOUND not in addresses,
        expires=_time(ends) if ends not in ("", _NEVER) else None,
        never_expires=ends == _NEVER,
    )


def _listed(rights: Mapping[str, Any], name: str) -> list[Any]:
    found = rights.get(name, [])
    if not isinstance(found, list):
        raise VenueUnknownError(f"the key: {name} is not a list")
    return found


def _time(text: object) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise VenueUnknownError("the key: its end is not a time") from None
    if at.tzinfo is None:
        raise VenueUnknownError("the key: its end has no time zone")
    return at


def _rule(row: Any) -> MarketRule | None:  # noqa: ANN401 - JSON
    if row is None:
        return None
    trades = row.get("status") == "Trading"
    return MarketRule(trades=trades, takes_market_orders=True, sizes=sizes_of(bybit_rows.size_rules, row))
