"""Wallet endpoints: what a key may do, what lies in the spot wallet, and lists that clients ask for at start."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json, fixed
from ess_server.venue.paper.model import ZERO

_DIGITS = 8


def system_status(_request: Request) -> Json:
    """Always normal; maintenance is a scripted fault."""
    return {"status": 0, "msg": "normal"}


def nothing(_request: Request) -> list[Json]:
    """Answer an empty list: coins and margin pairs that the paper venue does not have."""
    return []


def api_restrictions(request: Request) -> Json:
    """What the key may do."""
    key = request.key
    trade = key is not None and key.can_trade
    ends: Json = {"tradingAuthorityExpirationTime": milliseconds(key.expires)} if key and key.expires else {}
    return ends | {
        "ipRestrict": key is not None and bool(key.addresses),
        "createTime": milliseconds(request.books.now()),
        "enableReading": True,
        "enableFutures": trade,
        "enableWithdrawals": key is not None and key.can_withdraw,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enableSpotAndMarginTrading": trade,
        "enableMargin": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }


def user_assets(request: Request) -> list[Json]:
    """The spot wallet, only assets of which there is something."""
    books, wanted = request.books, request.params.optional("asset")
    held = books.account(request.account).spot
    return [
        {
            "asset": asset,
            "free": fixed(amount - books.spot.locked(held, asset), _DIGITS),
            "locked": fixed(books.spot.locked(held, asset), _DIGITS),
            "freeze": "0",
            "withdrawing": "0",
            "ipoable": "0",
            "btcValuation": "0",
        }
        for asset, amount in sorted(held.held.items())
        if amount != ZERO and wanted in ("", asset)
    ]
