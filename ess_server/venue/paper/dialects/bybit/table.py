"""Every endpoint of the dialect. Limits are the exchange's published ones for a unified account (2.0, linear)."""

from ess_server.venue.paper.dialects.bybit import routes_account as account
from ess_server.venue.paper.dialects.bybit import routes_lists as lists
from ess_server.venue.paper.dialects.bybit import routes_market as market
from ess_server.venue.paper.dialects.bybit import routes_stop as stop
from ess_server.venue.paper.dialects.bybit import routes_trade as trade
from ess_server.venue.paper.dialects.bybit.request import Route, Security
from ess_server.venue.paper.faults import Operation

_OPEN, _SIGNED, _TRADE = Security.NONE, Security.SIGNED, Security.TRADE


def routes() -> dict[tuple[str, str], Route]:
    """Return the route of each method and path."""
    return {**_market(), **_orders(), **_account()}


def _market() -> dict[tuple[str, str], Route]:
    kind = Operation.MARKET
    return {
        ("GET", "/v5/market/time"): Route(market.server_time, kind, _OPEN),
        ("GET", "/v5/market/instruments-info"): Route(market.instruments, kind, _OPEN),
        ("GET", "/v5/market/tickers"): Route(market.tickers, kind, _OPEN),
        ("GET", "/v5/market/orderbook"): Route(market.order_book, kind, _OPEN),
    }


def _orders() -> dict[tuple[str, str], Route]:
    return {
        ("POST", "/v5/order/create"): Route(trade.create, Operation.ORDER, _TRADE, 10),
        ("POST", "/v5/order/create-batch"): Route(trade.create_batch, Operation.ORDER, _TRADE, 10, batch=True),
        ("POST", "/v5/order/amend"): Route(trade.amend, Operation.ORDER, _TRADE, 10),
        ("POST", "/v5/order/cancel"): Route(trade.cancel, Operation.CANCEL, _TRADE, 10),
        ("POST", "/v5/order/cancel-all"): Route(trade.cancel_all, Operation.CANCEL, _TRADE, 10),
        ("POST", "/v5/order/cancel-batch"): Route(trade.cancel_batch, Operation.CANCEL, _TRADE, 10, batch=True),
        ("POST", "/v5/order/disconnected-cancel-all"): Route(account.protect, Operation.CANCEL, _TRADE, 5),
        ("POST", "/v5/position/trading-stop"): Route(stop.set_stop, Operation.ORDER, _TRADE, 10),
        ("GET", "/v5/order/realtime"): Route(lists.open_orders, Operation.ORDERS),
        ("GET", "/v5/order/history"): Route(lists.order_history, Operation.ORDERS),
        ("GET", "/v5/execution/list"): Route(lists.executions, Operation.ORDERS),
    }


def _account() -> dict[tuple[str, str], Route]:
    kind = Operation.ACCOUNT
    return {
        ("GET", "/v5/position/list"): Route(lists.positions, Operation.POSITIONS),
        ("GET", "/v5/account/wallet-balance"): Route(account.wallet_balance, Operation.BALANCE),
        ("GET", "/v5/account/info"): Route(account.account_info, kind),
        ("GET", "/v5/account/query-dcp-info"): Route(account.protection, kind),
        ("GET", "/v5/user/query-api"): Route(account.query_key, kind, _SIGNED, 10),
        ("GET", "/v5/asset/coin/query-info"): Route(account.coins, kind, _SIGNED, 5),
        ("POST", "/v5/account/set-margin-mode"): Route(account.set_margin_mode, kind, _TRADE, 5),
        ("POST", "/v5/position/switch-mode"): Route(account.switch_mode, kind, _TRADE, 10),
        ("POST", "/v5/position/set-leverage"): Route(account.set_leverage, kind, _TRADE, 10),
    }
