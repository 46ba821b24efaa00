"""The books as plain JSON for the admin API: amounts as text, times in ISO 8601, never a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.faults import Fault
from ess_server.venue.paper.journal import JournalEntry
from ess_server.venue.paper.margin import asset_figures, leg_figures
from ess_server.venue.paper.ratelimit import Limits

Json = dict[str, object]


def plain(value: object) -> object:
    """Turn what the books hold into what JSON can."""
    if isinstance(value, Mapping):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def account_view(account: Account, books: Books) -> object:
    """One account: wallets, equity, positions, open orders, waiting conditional orders."""
    assets = {asset: asset_figures(account, books.market, asset) for asset in account.wallets}
    positions = [
        {
            "symbol": leg.symbol,
            "leg": leg.side,
            "quantity": leg.quantity,
            "entry": leg.entry,
            "mark": books.market.mark(leg.symbol),
            "unrealized": leg_figures(account, books.market, leg).unrealized,
        }
        for leg in account.positions()
    ]
    view = {
        "name": account.name,
        "hedged": account.hedged,
        "wallets": account.wallets,
        "equity": {asset: figures.equity for asset, figures in assets.items()},
        "available": {asset: figures.available for asset, figures in assets.items()},
        "positions": positions,
        "orders": [asdict(order) for order in account.open_orders.values()],
        "conditionals": [asdict(item) for item in account.open_conditionals.values()],
        "fills": len(account.fills),
        "spot": _spot(account, books),
    }
    return plain(view)


def _spot(account: Account, books: Books) -> Json:
    spot = account.spot
    locked = {asset: books.spot.locked(spot, asset) for asset in spot.held}
    return {
        "free": {asset: amount - locked[asset] for asset, amount in spot.held.items()},
        "locked": locked,
        "orders": [asdict(order) for order in spot.open.values()],
        "fills": len(spot.fills),
    }


def entry_view(entry: JournalEntry) -> object:
    """One journal entry."""
    return plain(
        {"seq": entry.seq, "at": entry.at, "kind": entry.kind, "account": entry.account, "details": entry.details}
    )


def fault_view(fault: Fault) -> object:
    """One pending fault."""
    view: Json = {
        "kind": fault.kind,
        "operation": fault.operation,
        "account": fault.account,
        "path": fault.path,
        "times": fault.times,
        "applied": fault.applies,
        "delay_ms": int(fault.delay / timedelta(milliseconds=1)),
    }
    return plain(view)


def limits_view(limits: Limits) -> object:
    """The rate limits in force; spans in seconds."""
    return plain(asdict(limits))
