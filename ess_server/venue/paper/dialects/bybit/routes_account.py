"""The key, the account's modes, balances, and disconnection protection."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.credentials import ApiKey
from ess_server.venue.paper.dialects.bybit.codes import BybitError, invalid
from ess_server.venue.paper.dialects.bybit.render_account import isolated, wallet
from ess_server.venue.paper.dialects.bybit.request import Answer, Json, Request

_CREATED = "2026-01-01T00:00:00Z"
_NO_END = "1970-01-01T00:00:00Z"
_CROSS, _ISOLATED = "REGULAR_MARGIN", "ISOLATED_MARGIN"
_ONE_WAY, _HEDGE = 0, 3
_UTA_2_PRO = 6
_PRODUCTS = ("OPTIONS", "DERIVATIVES", "SPOT")
_DEFAULT_PRODUCT = "OPTIONS"
_SHORTEST_S, _LONGEST_S = 3, 300
_MARGIN_MODE_FAILED = 3400045
_LEVERAGE_UNCHANGED = 110043


def query_key(request: Request) -> Answer:
    """What the key may do."""
    key = request.key
    trades, withdraws = key is not None and key.can_trade, key is not None and key.can_withdraw
    return Answer(
        {
            "id": "1",
            "note": "",
            "apiKey": "" if key is None else key.key,
            "readOnly": 0 if trades else 1,
            "secret": "",
            "permissions": {
                "ContractTrade": ["Order", "Position"] if trades else [],
                "Derivatives": ["DerivativesTrade"] if trades else [],
                "Wallet": ["AccountTransfer", *(["Withdraw"] if withdraws else [])],
                "Spot": [],
                "Options": [],
                "Exchange": [],
            },
            "ips": list(key.addresses) if key and key.addresses else ["*"],
            **_ends(key),
            "type": 1,
            "createdAt": _CREATED,
            "unified": 0,
            "uta": 1,
            "isMaster": True,
            "userID": 1,
        }
    )


def _ends(key: ApiKey | None) -> Json:
    """Keys that are bound to addresses have no end."""
    if key is None or (key.expires is None and not key.addresses):
        return {}
    return {"expiredAt": f"{key.expires:%Y-%m-%dT%H:%M:%SZ}" if key.expires else _NO_END}


def account_info(request: Request) -> Answer:
    """The account's modes."""
    armed = [window for (name, _), window in request.windows.items() if name == request.name]
    return Answer(
        {
            "unifiedMarginStatus": _UTA_2_PRO,
            "marginMode": _ISOLATED if isolated(request.account, request.books) else _CROSS,
            "dcpStatus": "ON" if armed else "OFF",
            "timeWindow": armed[0] if armed else 0,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "updatedTime": str(milliseconds(request.books.now())),
        }
    )


def wallet_balance(request: Request) -> Answer:
    """Balances of the unified account."""
    if request.params.text("accountType") != "UNIFIED":
        raise BybitError(10001, "accountType only support UNIFIED.")
    coins = frozenset(filter(None, request.params.optional("coin").split(",")))
    return Answer({"list": [wallet(request.account, request.books, coins)]})


def coins(request: Request) -> Answer:
    """Coins of the venue, without chains: nothing can be sent anywhere."""
    assets = sorted({item.quote for item in request.books.market.instruments.values()})
    rows: list[Json] = [{"name": asset, "coin": asset, "remainAmount": "0", "chains": []} for asset in assets]
    return Answer({"rows": rows})


def set_margin_mode(request: Request) -> Answer:
    """Change between cross and isolated margin, for all symbols; refused while orders or positions exist."""
    wanted, books, account = request.params.text("setMarginMode"), request.books, request.account
    if wanted not in (_CROSS, _ISOLATED):
        raise invalid("setMarginMode")
    if account.open_orders or account.open_conditionals or any(account.positions()):
        raise BybitError(_MARGIN_MODE_FAILED, "Set margin mode failed")
    for symbol in books.market.instruments:
        if account.symbol_settings(symbol).isolated != (wanted == _ISOLATED):
            books.set_isolated(request.name, symbol, isolated=wanted == _ISOLATED)
    return Answer({"reasons": []})


def switch_mode(request: Request) -> Answer:
    """Change between one-way and hedge mode; the paper venue knows one mode for the whole account."""
    params, mode = request.params, request.params.integer("mode")
    if not params.linear() or mode not in (_ONE_WAY, _HEDGE):
        raise invalid("mode")
    if not params.optional("symbol") and not params.optional("coin"):
        raise invalid("symbol")
    request.books.set_hedged(request.name, hedged=mode == _HEDGE)
    return Answer({})


def set_leverage(request: Request) -> Answer:
    """Change a symbol's leverage, the same for both sides."""
    params, account = request.params, request.account
    symbol, buy, sell = params.text("symbol"), params.amount("buyLeverage"), params.amount("sellLeverage")
    request.books.market.instrument(symbol)
    if not params.linear() or buy != sell or buy != int(buy):
        raise invalid("leverage")
    if account.symbol_settings(symbol).leverage == buy:
        raise BybitError(_LEVERAGE_UNCHANGED, "leverage not modified")
    request.books.set_leverage(request.name, symbol, int(buy))
    return Answer({})


def protect(request: Request) -> Answer:
    """Set disconnection protection. It never cancels anything here.

    On the exchange it starts when a private websocket that listens to ``dcp`` is lost; a client without one is
    answered "success" and is not protected. The paper venue has no private websockets.
    """
    product, window = request.params.optional("product") or _DEFAULT_PRODUCT, request.params.integer("timeWindow")
    if product not in _PRODUCTS:
        raise invalid("product")
    if not _SHORTEST_S <= window <= _LONGEST_S:
        raise invalid("timeWindow")
    request.windows[request.name, product] = window
    return Answer(None, message="success")


def protection(request: Request) -> Answer:
    """What disconnection protection is set to."""
    rows: list[Json] = [
        {"product": product, "dcpStatus": "ON", "timeWindow": str(window)}
        for (name, product), window in request.windows.items()
        if name == request.name
    ]
    return Answer({"dcpInfos": rows}, message="success")
