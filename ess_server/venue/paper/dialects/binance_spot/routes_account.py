"""Balances and fees."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json, fixed
from ess_server.venue.paper.model import ZERO

_DIGITS = 8


def account(request: Request) -> Json:
    """The account: every asset of the exchange, also those of which there is nothing."""
    books, spot = request.books, request.books.account(request.account).spot
    listed = {name for item in books.market.instruments.values() for name in (item.base, item.quote)}
    assets = sorted(listed | set(spot.held))
    if request.params.flag("omitZeroBalances"):
        assets = [asset for asset in assets if spot.held.get(asset, ZERO)]
    locked = {asset: books.spot.locked(spot, asset) for asset in assets}
    trade = request.key is not None and request.key.can_trade
    return _fees(request) | {
        "canTrade": trade,
        "canWithdraw": request.key is not None and request.key.can_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": milliseconds(spot.updated) if spot.updated is not None else 0,
        "accountType": "SPOT",
        "balances": [
            {
                "asset": asset,
                "free": fixed(spot.held.get(asset, ZERO) - locked[asset], _DIGITS),
                "locked": fixed(locked[asset], _DIGITS),
            }
            for asset in assets
        ],
        "permissions": ["SPOT"],
        "uid": 354_937_868,
    }


def _fees(request: Request) -> Json:
    maker, taker = request.books.config.maker_fee, request.books.config.taker_fee
    return {
        "makerCommission": int(maker * 10_000),
        "takerCommission": int(taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(request),
    }


def _rates(request: Request) -> Json:
    config = request.books.config
    return {
        "maker": fixed(config.maker_fee, _DIGITS),
        "taker": fixed(config.taker_fee, _DIGITS),
        "buyer": fixed(ZERO, _DIGITS),
        "seller": fixed(ZERO, _DIGITS),
    }


def commission(request: Request) -> Json:
    """Fees of one pair."""
    symbol = request.params.text("symbol")
    request.books.market.instrument(symbol)
    rates = _rates(request)
    none = dict.fromkeys(rates, "0")
    discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0"}
    shown: Json = {"symbol": symbol, "standardCommission": rates, "discount": discount}
    return shown | {"specialCommission": none, "taxCommission": none}
