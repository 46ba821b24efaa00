"""Every endpoint of the dialect. Weights are the exchange's published ones."""

from ess_server.venue.paper.dialects.binance.request import Route, Security
from ess_server.venue.paper.dialects.binance_usdm import routes_account as account
from ess_server.venue.paper.dialects.binance_usdm import routes_algo as algo
from ess_server.venue.paper.dialects.binance_usdm import routes_market as market
from ess_server.venue.paper.dialects.binance_usdm import routes_quotes as quotes
from ess_server.venue.paper.dialects.binance_usdm import routes_trade as trade
from ess_server.venue.paper.faults import Operation

_OPEN, _SIGNED, _TRADE = Security.NONE, Security.SIGNED, Security.TRADE


def routes() -> dict[tuple[str, str], Route]:
    """Return the route of each method and path."""
    return {**_market(), **_orders(), **_account()}


def _market() -> dict[tuple[str, str], Route]:
    kind = Operation.MARKET
    return {
        ("GET", "/fapi/v1/ping"): Route(market.ping, kind, _OPEN),
        ("GET", "/fapi/v1/time"): Route(market.server_time, kind, _OPEN),
        ("GET", "/fapi/v1/exchangeInfo"): Route(market.exchange_info, kind, _OPEN),
        ("GET", "/fapi/v1/depth"): Route(quotes.depth, kind, _OPEN, 10),
        ("GET", "/fapi/v1/premiumIndex"): Route(quotes.premium_index, kind, _OPEN, 1, 10),
        ("GET", "/fapi/v1/ticker/24hr"): Route(quotes.ticker_day, kind, _OPEN, 1, 40),
        ("GET", "/fapi/v1/ticker/price"): Route(quotes.ticker_price, kind, _OPEN, 1, 2),
        ("GET", "/fapi/v2/ticker/price"): Route(quotes.ticker_price, kind, _OPEN, 1, 2),
        ("GET", "/fapi/v1/ticker/bookTicker"): Route(quotes.book_ticker, kind, _OPEN, 2, 5),
    }


def _orders() -> dict[tuple[str, str], Route]:
    return {
        ("POST", "/fapi/v1/order"): Route(trade.place, Operation.ORDER, _TRADE, 0),
        ("POST", "/fapi/v1/order/test"): Route(trade.test, Operation.ORDER, _TRADE),
        ("PUT", "/fapi/v1/order"): Route(trade.amend, Operation.ORDER, _TRADE),
        ("DELETE", "/fapi/v1/order"): Route(trade.cancel, Operation.CANCEL, _TRADE),
        ("GET", "/fapi/v1/order"): Route(trade.query, Operation.ORDERS),
        ("POST", "/fapi/v1/batchOrders"): Route(trade.place_batch, Operation.ORDER, _TRADE, 5),
        ("DELETE", "/fapi/v1/batchOrders"): Route(trade.cancel_batch, Operation.CANCEL, _TRADE),
        ("DELETE", "/fapi/v1/allOpenOrders"): Route(trade.cancel_all, Operation.CANCEL, _TRADE),
        ("POST", "/fapi/v1/countdownCancelAll"): Route(trade.count_down, Operation.CANCEL, _TRADE, 10),
        ("GET", "/fapi/v1/openOrder"): Route(trade.query_open, Operation.ORDERS),
        ("GET", "/fapi/v1/openOrders"): Route(trade.list_open, Operation.ORDERS, _SIGNED, 1, 40),
        ("GET", "/fapi/v1/allOrders"): Route(trade.list_all, Operation.ORDERS, _SIGNED, 5),
        ("GET", "/fapi/v1/userTrades"): Route(trade.list_trades, Operation.ORDERS, _SIGNED, 5),
        ("POST", "/fapi/v1/algoOrder"): Route(algo.place, Operation.ORDER, _TRADE, 0),
        ("DELETE", "/fapi/v1/algoOrder"): Route(algo.cancel, Operation.CANCEL, _TRADE),
        ("GET", "/fapi/v1/algoOrder"): Route(algo.query, Operation.ORDERS),
        ("DELETE", "/fapi/v1/algoOpenOrders"): Route(algo.cancel_all, Operation.CANCEL, _TRADE),
        ("GET", "/fapi/v1/openAlgoOrders"): Route(algo.list_open, Operation.ORDERS, _SIGNED, 1, 40),
        ("GET", "/fapi/v1/allAlgoOrders"): Route(algo.list_all, Operation.ORDERS, _SIGNED, 5),
    }


def _account() -> dict[tuple[str, str], Route]:
    positions, balance, kind = Operation.POSITIONS, Operation.BALANCE, Operation.ACCOUNT
    return {
        ("GET", "/fapi/v2/positionRisk"): Route(account.position_risk, positions, _SIGNED, 5, version=2),
        ("GET", "/fapi/v3/positionRisk"): Route(account.position_risk, positions, _SIGNED, 5, version=3),
        ("GET", "/fapi/v2/account"): Route(account.account, balance, _SIGNED, 5, version=2),
        ("GET", "/fapi/v3/account"): Route(account.account, balance, _SIGNED, 5, version=3),
        ("GET", "/fapi/v2/balance"): Route(account.balance, balance, _SIGNED, 5, version=2),
        ("GET", "/fapi/v3/balance"): Route(account.balance, balance, _SIGNED, 5, version=3),
        ("GET", "/fapi/v1/accountConfig"): Route(account.account_config, kind, _SIGNED, 5),
        ("GET", "/fapi/v1/symbolConfig"): Route(account.symbol_config, kind, _SIGNED, 5),
        ("GET", "/fapi/v1/leverageBracket"): Route(account.leverage_bracket, kind),
        ("GET", "/fapi/v1/commissionRate"): Route(account.commission_rate, kind, _SIGNED, 20),
        ("GET", "/fapi/v1/positionSide/dual"): Route(account.position_mode, kind, _SIGNED, 30),
        ("POST", "/fapi/v1/positionSide/dual"): Route(account.set_position_mode, kind, _TRADE),
        ("GET", "/fapi/v1/multiAssetsMargin"): Route(account.multi_assets_mode, kind, _SIGNED, 30),
        ("POST", "/fapi/v1/leverage"): Route(account.set_leverage, kind, _TRADE),
        ("POST", "/fapi/v1/marginType"): Route(account.set_margin_type, kind, _TRADE),
        ("GET", "/fapi/v1/income"): Route(account.income, kind, _SIGNED, 30),
    }
