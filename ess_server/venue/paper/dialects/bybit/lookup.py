"""Finds orders by the one series of numbers and names that Bybit has for ordinary and conditional orders."""

from collections.abc import Callable, Iterable

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.clock import microseconds
from ess_server.venue.paper.dialects.bybit.codes import BybitError
from ess_server.venue.paper.dialects.bybit.pages import Mark
from ess_server.venue.paper.dialects.bybit.params import Params
from ess_server.venue.paper.dialects.bybit.render import conditional, order, read_id
from ess_server.venue.paper.dialects.bybit.request import Json, Request
from ess_server.venue.paper.model import Conditional, Instrument, Order, OrderRef

Entry = Order | Conditional


def named(params: Params) -> bool:
    """Whether a request names one order."""
    return bool(params.optional("orderId") or params.optional("orderLinkId"))


def find(account: Account, params: Params) -> Entry | None:
    """Return the order that ``orderId`` or else ``orderLinkId`` names. Raises BybitError 10001 if neither is there."""
    number, link = params.optional("orderId"), params.optional("orderLinkId")
    if not number and not link:
        raise BybitError(10001, "params error: orderId or orderLinkId is required")
    ref = OrderRef(id=read_id(number)) if number else OrderRef(client_id=link)
    waiting = account.find_conditional(ref)
    if waiting is None:
        return account.find_order(ref)
    return account.find_order(OrderRef(id=waiting.order_id)) or waiting


def taken(request: Request, client_id: str) -> bool:
    """Whether an orderLinkId is in use, by an order of either kind."""
    reuse = request.books.config.reuse_client_ids
    account = request.account
    return bool(client_id) and (
        account.id_taken(client_id, reuse=reuse) or account.conditional_id_taken(client_id, reuse=reuse)
    )


def symbol_of(entry: Entry) -> str:
    """Return the symbol."""
    return entry.symbol if isinstance(entry, Order) else entry.request.symbol


def mark(account: Account) -> Callable[[Entry], Mark]:
    """Return what orders entries by their time, to the microsecond, and by number."""

    def read(entry: Entry) -> Mark:
        if isinstance(entry, Order) and entry.conditional_id:
            entry = account.find_conditional(OrderRef(id=entry.conditional_id)) or entry
        return microseconds(entry.created), entry.id

    return read


def within(params: Params, request: Request) -> Callable[[str], bool]:
    """Return what tells whether a symbol is in the scope of symbol, baseCoin or settleCoin, in this order.

    Raises BybitError 10001 if none is there, Refused for an unknown symbol.
    """
    market = request.books.market
    symbol, base, settle = (params.optional(name) for name in ("symbol", "baseCoin", "settleCoin"))
    if symbol:
        market.instrument(symbol)
        return lambda name: name == symbol
    if base:
        return lambda name: market.instrument(name).base == base
    if settle:
        return lambda name: market.instrument(name).quote == settle
    raise BybitError(10001, "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")


def rows(request: Request, entries: Iterable[Entry]) -> list[Json]:
    """Print orders of either kind."""
    account = request.account

    def row(entry: Entry) -> Json:
        instrument: Instrument = request.books.market.instrument(symbol_of(entry))
        return order(entry, account, instrument) if isinstance(entry, Order) else conditional(entry, instrument)

    return [row(entry) for entry in entries]
