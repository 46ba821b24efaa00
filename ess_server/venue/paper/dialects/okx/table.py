"""Every endpoint of the dialect. Limits are the exchange's published ones."""

from datetime import timedelta

from ess_server.venue.paper.dialects.okx import routes_account as account
from ess_server.venue.paper.dialects.okx import routes_algo as algo
from ess_server.venue.paper.dialects.okx import routes_lists as lists
from ess_server.venue.paper.dialects.okx import routes_orders as orders
from ess_server.venue.paper.dialects.okx import routes_public as public
from ess_server.venue.paper.dialects.okx.request import Per, Route, Security
from ess_server.venue.paper.faults import Operation

PREFIX = "/api/v5/"
_OPEN, _TRADE = Security.NONE, Security.TRADE
_ADDRESS, _INSTRUMENT = Per.ADDRESS, Per.INSTRUMENT
_SECOND = timedelta(seconds=1)


def routes() -> dict[tuple[str, str], Route]:
    """Return the route of each method and path."""
    found = {**_public(), **_account(), **_orders(), **_algos()}
    return {(method, PREFIX + path): route for (method, path), route in found.items()}


def _public() -> dict[tuple[str, str], Route]:
    kind = Operation.MARKET
    return {
        ("GET", "public/time"): Route(public.server_time, kind, 10, _OPEN, _ADDRESS),
        ("GET", "public/instruments"): Route(public.instruments, kind, 20, _OPEN, _ADDRESS),
        ("GET", "public/mark-price"): Route(public.mark_price, kind, 10, _OPEN, _ADDRESS),
        ("GET", "market/ticker"): Route(public.tickers, kind, 20, _OPEN, _ADDRESS),
        ("GET", "market/tickers"): Route(public.tickers, kind, 20, _OPEN, _ADDRESS),
        ("GET", "market/books"): Route(public.books, kind, 40, _OPEN, _ADDRESS),
        ("GET", "system/status"): Route(public.status, kind, 1, _OPEN, _ADDRESS, timedelta(seconds=5)),
    }


def _account() -> dict[tuple[str, str], Route]:
    return {
        ("GET", "account/config"): Route(account.config, Operation.ACCOUNT, 5),
        ("GET", "account/balance"): Route(account.get_balance, Operation.BALANCE, 10),
        ("GET", "account/positions"): Route(account.positions, Operation.POSITIONS, 10),
        ("GET", "account/instruments"): Route(public.instruments, Operation.MARKET, 20),
        ("GET", "account/leverage-info"): Route(account.leverage, Operation.ACCOUNT, 20),
        ("POST", "account/set-leverage"): Route(account.set_leverage, Operation.ACCOUNT, 20, _TRADE),
        ("POST", "account/set-position-mode"): Route(account.set_position_mode, Operation.ACCOUNT, 5, _TRADE),
        ("GET", "asset/currencies"): Route(public.currencies, Operation.ACCOUNT, 6, window=_SECOND),
    }


def _orders() -> dict[tuple[str, str], Route]:
    new, cancels, lists_ = Operation.ORDER, Operation.CANCEL, Operation.ORDERS
    return {
        ("POST", "trade/order"): Route(orders.place, new, 60, _TRADE, _INSTRUMENT),
        ("POST", "trade/batch-orders"): Route(orders.place, new, 300, _TRADE, _INSTRUMENT),
        ("POST", "trade/close-position"): Route(orders.close_position, new, 20, _TRADE, _INSTRUMENT),
        ("POST", "trade/amend-order"): Route(orders.amend, new, 60, _TRADE, _INSTRUMENT),
        ("POST", "trade/cancel-order"): Route(orders.cancel, cancels, 60, _TRADE, _INSTRUMENT),
        ("POST", "trade/cancel-batch-orders"): Route(orders.cancel, cancels, 300, _TRADE, _INSTRUMENT),
        ("POST", "trade/cancel-all-after"): Route(orders.cancel_all_after, cancels, 1, _TRADE, window=_SECOND),
        ("GET", "trade/order"): Route(lists.query, lists_, 60, per=_INSTRUMENT),
        ("GET", "trade/orders-pending"): Route(lists.list_pending, lists_, 60),
        ("GET", "trade/orders-history"): Route(lists.list_done, lists_, 40),
        ("GET", "trade/orders-history-archive"): Route(lists.list_done, lists_, 20),
        ("GET", "trade/fills"): Route(lists.list_fills, lists_, 60),
        ("GET", "trade/fills-history"): Route(lists.list_fill_history, lists_, 10),
    }


def _algos() -> dict[tuple[str, str], Route]:
    return {
        ("POST", "trade/order-algo"): Route(algo.place, Operation.ORDER, 20, _TRADE, _INSTRUMENT),
        ("POST", "trade/cancel-algos"): Route(algo.cancel, Operation.CANCEL, 20, _TRADE, _INSTRUMENT),
        ("GET", "trade/order-algo"): Route(algo.query, Operation.ORDERS, 20),
        ("GET", "trade/orders-algo-pending"): Route(algo.list_pending, Operation.ORDERS, 20),
        ("GET", "trade/orders-algo-history"): Route(algo.list_done, Operation.ORDERS, 20),
    }
