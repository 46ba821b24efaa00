"""Every endpoint of the dialect. Weights are the exchange's published ones."""

from ess_server.venue.paper.dialects.binance.request import Route, Security
from ess_server.venue.paper.dialects.binance_spot import routes_account as account
from ess_server.venue.paper.dialects.binance_spot import routes_market as market
from ess_server.venue.paper.dialects.binance_spot import routes_query as query
from ess_server.venue.paper.dialects.binance_spot import routes_trade as trade
from ess_server.venue.paper.dialects.binance_spot import routes_wallet as wallet
from ess_server.venue.paper.faults import Operation

_OPEN, _SIGNED, _TRADE = Security.NONE, Security.SIGNED, Security.TRADE


def routes() -> dict[tuple[str, str], Route]:
    """Return the route of each method and path."""
    return {**_market(), **_orders(), **_account()}


def _market() -> dict[tuple[str, str], Route]:
    kind = Operation.MARKET
    return {
        ("GET", "/api/v3/ping"): Route(market.ping, kind, _OPEN),
        ("GET", "/api/v3/time"): Route(market.server_time, kind, _OPEN),
        ("GET", "/api/v3/exchangeInfo"): Route(market.exchange_info, kind, _OPEN, 20),
        ("GET", "/api/v3/depth"): Route(market.depth, kind, _OPEN, 5),
        ("GET", "/api/v3/avgPrice"): Route(market.average_price, kind, _OPEN, 2),
        ("GET", "/api/v3/ticker/24hr"): Route(market.ticker_day, kind, _OPEN, 2, 80),
        ("GET", "/api/v3/ticker/price"): Route(market.ticker_price, kind, _OPEN, 2, 4),
        ("GET", "/api/v3/ticker/bookTicker"): Route(market.book_ticker, kind, _OPEN, 2, 4),
    }


def _orders() -> dict[tuple[str, str], Route]:
    order, cancel, orders = Operation.ORDER, Operation.CANCEL, Operation.ORDERS
    return {
        ("POST", "/api/v3/order"): Route(trade.place, order, _TRADE),
        ("POST", "/api/v3/order/test"): Route(trade.test, order, _TRADE),
        ("POST", "/api/v3/order/oco"): Route(trade.place_oco, order, _TRADE),
        ("POST", "/api/v3/orderList/oco"): Route(trade.place_list, order, _TRADE),
        ("DELETE", "/api/v3/order"): Route(trade.cancel, cancel, _TRADE),
        ("DELETE", "/api/v3/openOrders"): Route(trade.cancel_all, cancel, _TRADE),
        ("DELETE", "/api/v3/orderList"): Route(trade.cancel_list, cancel, _TRADE),
        ("GET", "/api/v3/order"): Route(query.one, orders, _SIGNED, 4),
        ("GET", "/api/v3/openOrders"): Route(query.list_open, orders, _SIGNED, 6, 80),
        ("GET", "/api/v3/openOrderList"): Route(query.list_open_lists, orders, _SIGNED, 6),
        ("GET", "/api/v3/allOrders"): Route(query.list_all, orders, _SIGNED, 20),
        ("GET", "/api/v3/myTrades"): Route(query.list_trades, orders, _SIGNED, 20),
    }


def _account() -> dict[tuple[str, str], Route]:
    kind = Operation.ACCOUNT
    return {
        ("GET", "/api/v3/account"): Route(account.account, Operation.BALANCE, _SIGNED, 20),
        ("GET", "/api/v3/account/commission"): Route(account.commission, kind, _SIGNED, 20),
        ("POST", "/sapi/v3/asset/getUserAsset"): Route(wallet.user_assets, Operation.BALANCE, _SIGNED, 5),
        ("GET", "/sapi/v1/system/status"): Route(wallet.system_status, kind, _OPEN),
        ("GET", "/sapi/v1/account/apiRestrictions"): Route(wallet.api_restrictions, kind),
        ("GET", "/sapi/v1/capital/config/getall"): Route(wallet.nothing, kind, _SIGNED, 10),
        ("GET", "/sapi/v1/margin/allPairs"): Route(wallet.nothing, kind),
        ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(wallet.nothing, kind, _SIGNED, 10),
    }
