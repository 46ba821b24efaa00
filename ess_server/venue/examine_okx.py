"""What OKX tells of an account and its key before anything has to be stopped."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.venue import okx_rows
from ess_server.venue.examining import MarketRule, Sources, parsed, read_open, sizes_of
from ess_server.venue.inquiry import Inquiry
from ess_server.venue.reading import complete
from ess_server.venue.usdm_rows import SizeRules, text_of

SEND_BURST, SENDS_PER_SECOND = 60, 30
"""Orders of one account in one contract: 60 in any two seconds. All of them in one contract is the worst case."""
REFUSALS = frozenset({50100, 50101, 50103, 50104, 50105, 50106, 50107, 50110, 50111, 50113, 50114, 50119})
"""OKX's numbers for a key that it does not take: unknown, frozen, from this address, or with a wrong part."""
COVERAGE = Coverage(
    checked_by=CheckedBy.PAPER_DIALECT,
    covered=("orders", "every kind of conditional order", "positions of contracts, cross and isolated, net and hedged"),
    not_covered=("spot", "spot margin", "spread orders", "grids and other bots of the exchange"),
)
MODES = MappingProxyType({"1": "spot mode", "2": "futures mode", "3": "multi-currency margin", "4": "portfolio margin"})
_SPOT_MODE = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    key: KeyFacts
    level: str
    hedged: bool


async def examine_okx(by: Sources) -> Examination:
    """See ``AccountExaminer.examine``."""
    inquiry = Inquiry(REFUSALS)
    seen = _before(by, inquiry)
    clock = await by.reach(inquiry)
    if seen.reason_unread(Topic.VENUE):
        return seen
    told = (Topic.TRADING, Topic.WITHDRAWAL, Topic.ADDRESS, Topic.POSITION_MODE, Topic.ACCOUNT_MODE)
    config, shown = await asyncio.gather(
        inquiry.ask(parsed(by.read(by.exchange.privateGetAccountConfig), _config), *told),
        inquiry.ask(complete(by.client), Topic.OPEN),
    )
    seen = replace(_with_open(seen, shown, by), clock=clock)
    key = config.key if config else KeyFacts()
    if config:
        covered = config.level != _SPOT_MODE
        seen = replace(seen, hedge_mode=config.hedged, account_mode=MODES[config.level], account_mode_covered=covered)
    return replace(seen, key=replace(key, valid=inquiry.valid, refused=inquiry.refused))


def _before(by: Sources, inquiry: Inquiry) -> Examination:
    return Examination(
        account=by.client.account.id,
        unread=inquiry.unread,
        exchange="okx",
        dead_man=DeadManWorth.USABLE,
        coverage=COVERAGE,
        limits=by.limits,
    )


def _with_open(seen: Examination, shown: VenueSnapshot | None, by: Sources) -> Examination:
    if shown is None:
        return seen
    load, markets = read_open(shown, lambda symbol: _rule(by.markets.detail(symbol)))
    return replace(seen, load=load, markets=markets)


def _config(reply: object) -> _Config:
    rows = okx_rows.data_of(reply, "account configuration")
    if len(rows) != 1:
        raise VenueUnknownError("account configuration: not one row")
    level = text_of(rows[0], "acctLv")
    if level not in MODES:
        raise VenueUnknownError(f"account configuration: unknown level {level[:20]!r}")
    return _Config(key=key_facts(rows[0]), level=level, hedged=okx_rows.hedge_mode(reply))


def key_facts(row: Mapping[str, Any]) -> KeyFacts:
    """Read what the account's configuration says of the key. Raises VenueUnknownError."""
    rights, addresses = frozenset(text_of(row, "perm").split(",")), row.get("ip")
    if not isinstance(addresses, str) or "read_only" not in rights:
        raise VenueUnknownError("account configuration: the key's rights are not those of a key")
    return KeyFacts(may_trade="trade" in rights, may_withdraw="withdraw" in rights, bound=bool(addresses))


def _rule(row: Any) -> MarketRule | None:  # noqa: ANN401 - JSON
    if row is None:
        return None
    return MarketRule(trades=row.get("state") == "live", takes_market_orders=True, sizes=sizes_of(_sizes, row))


def _sizes(row: object) -> SizeRules:
    contract = okx_rows.contract(row)
    sizes, value = contract.sizes, contract.value
    return replace(sizes, step=sizes.step * value, minimum=sizes.minimum * value, maximum=sizes.maximum * value)
