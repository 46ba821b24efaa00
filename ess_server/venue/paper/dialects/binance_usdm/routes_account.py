"""Positions, balances and settings."""

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.errors import BinanceError
from ess_server.venue.paper.dialects.binance.request import Request
from ess_server.venue.paper.dialects.binance.text import Json, fixed, plain
from ess_server.venue.paper.dialects.binance_usdm import render_account as render
from ess_server.venue.paper.margin import brackets

_SUCCESS: Json = {"code": 200, "msg": "success"}
_MAX_LISTED = 1000


def position_risk(request: Request) -> list[Json]:
    """Positions; version 3 leaves out symbols without position and order."""
    symbol, account = request.params.optional("symbol"), request.books.account(request.account)
    if symbol:
        request.books.market.instrument(symbol)
    legs = render.shown_legs(account, request.books, symbol, every=request.version < 3)  # noqa: PLR2004 - in the path
    market, version = request.books.market, request.version
    wallets = {figures.asset: figures for figures in render.figures_of(account, request.books)}
    return [
        render.position_risk(account, request.books, leg, wallets[market.instrument(leg.symbol).quote], version=version)
        for leg in legs
    ]


def account(request: Request) -> Json:
    """The account: totals, assets, positions."""
    books, found = request.books, request.books.account(request.account)
    figures = render.figures_of(found, books)
    legs = render.shown_legs(found, books, "", every=request.version < 3)  # noqa: PLR2004 - in the path
    shown = render.totals(figures, books) | {
        "assets": [render.account_asset(item, books.now()) for item in figures],
        "positions": [render.account_position(found, books, leg, version=request.version) for leg in legs],
    }
    if request.version < 3:  # noqa: PLR2004 - in the path
        shown |= _config(request)
    return shown


def account_config(request: Request) -> Json:
    """The account's switches."""
    return _config(request) | {"dualSidePosition": request.books.account(request.account).hedged}


def _config(request: Request) -> Json:
    return {
        "feeTier": 0,
        "feeBurn": True,
        "canTrade": request.key is not None and request.key.can_trade,
        "canDeposit": True,
        "canWithdraw": request.key is not None and request.key.can_withdraw,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        "updateTime": milliseconds(request.books.now()),
    }


def balance(request: Request) -> list[Json]:
    """Wallets."""
    found = request.books.account(request.account)
    now = request.books.now()
    return [render.balance(item, found, now) for item in render.figures_of(found, request.books)]


def leverage_bracket(request: Request) -> object:
    """Notional brackets, the same for every contract."""
    symbol = request.params.optional("symbol")
    if symbol:
        request.books.market.instrument(symbol)
    rows = [
        {
            "bracket": number,
            "initialLeverage": item.max_leverage,
            "notionalCap": int(item.cap),
            "notionalFloor": int(item.floor),
            "maintMarginRatio": float(item.ratio),
            "cum": float(item.cumulative),
        }
        for number, item in enumerate(brackets(), start=1)
    ]
    symbols = [symbol] if symbol else list(request.books.market.instruments)
    return [{"symbol": name, "notionalCoef": 1.0, "brackets": rows} for name in symbols]


def symbol_config(request: Request) -> list[Json]:
    """Leverage and margin type."""
    symbol, found = request.params.optional("symbol"), request.books.account(request.account)
    symbols = [symbol] if symbol else list(request.books.market.instruments)
    rows: list[Json] = []
    for name in symbols:
        request.books.market.instrument(name)
        settings = found.symbol_settings(name)
        rows.append(
            {
                "symbol": name,
                "marginType": "ISOLATED" if settings.isolated else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": settings.leverage,
                "maxNotionalValue": "10000000000",
            }
        )
    return rows


def commission_rate(request: Request) -> Json:
    """Fees."""
    symbol = request.params.text("symbol")
    request.books.market.instrument(symbol)
    config = request.books.config
    return {
        "symbol": symbol,
        "makerCommissionRate": plain(config.maker_fee),
        "takerCommissionRate": plain(config.taker_fee),
        "rpiCommissionRate": plain(config.maker_fee),
    }


def position_mode(request: Request) -> Json:
    """One-way or hedge mode."""
    return {"dualSidePosition": request.books.account(request.account).hedged}


def set_position_mode(request: Request) -> Json:
    """Change between one-way and hedge mode."""
    request.params.text("dualSidePosition")
    request.books.set_hedged(request.account, hedged=request.params.flag("dualSidePosition"))
    return _SUCCESS


def multi_assets_mode(_request: Request) -> Json:
    """Single-asset mode only."""
    return {"multiAssetsMargin": False}


def set_leverage(request: Request) -> Json:
    """Change a symbol's leverage."""
    symbol, leverage = request.params.text("symbol"), request.params.integer("leverage")
    request.books.set_leverage(request.account, symbol, leverage)
    return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": "10000000000"}


def set_margin_type(request: Request) -> Json:
    """Change a symbol's margin type."""
    symbol, kind = request.params.text("symbol"), request.params.text("marginType")
    if kind not in ("ISOLATED", "CROSSED"):
        raise BinanceError(-1130, "Data sent for parameter 'marginType' is not valid.")
    request.books.set_isolated(request.account, symbol, isolated=kind == "ISOLATED")
    return _SUCCESS


def income(request: Request) -> list[Json]:
    """Changes of the wallets: transfers, realized profit, fees; newest last."""
    params, found = request.params, request.books.account(request.account)
    symbol, kind = params.optional("symbol"), params.optional("incomeType")
    start, end = params.integer("startTime", 0), params.integer("endTime", 1 << 62)
    rows: list[Json] = [
        {
            "symbol": flow.symbol,
            "incomeType": flow.kind,
            "income": fixed(flow.amount, 8),
            "asset": flow.asset,
            "info": flow.kind,
            "time": milliseconds(flow.at),
            "tranId": flow.id,
            "tradeId": str(flow.fill_id) if flow.fill_id else "",
        }
        for flow in found.cash_flows
        if symbol in ("", flow.symbol) and kind in ("", flow.kind) and start <= milliseconds(flow.at) <= end
    ]
    return rows[-min(params.integer("limit", 100), _MAX_LISTED) :]
