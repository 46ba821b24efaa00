"""Orders and fills as they can be asked for."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.okx.contracts import INST_TYPE, find
from ess_server.venue.paper.dialects.okx.pages import page
from ess_server.venue.paper.dialects.okx.render import fill, order_type, orders, state
from ess_server.venue.paper.dialects.okx.request import Answer, Request
from ess_server.venue.paper.model import Fill, Order

T = TypeVar("T", Order, Fill)


def query(request: Request) -> Answer:
    """One order, open or done."""
    instrument = find(request.books.market, request.params.text("instId"))
    found = request.books.find(request.name, instrument.symbol, request.params.order_ref())
    return Answer(orders([found], request.account, request.books.market))


def list_pending(request: Request) -> Answer:
    """Open orders, a page of them."""
    return _orders(request, request.account.open_orders.values())


def list_done(request: Request) -> Answer:
    """Orders that are no longer open, a page of them; ``instType`` is mandatory."""
    request.params.text("instType")
    return _orders(request, request.account.done_orders.values())


def _orders(request: Request, items: Iterable[Order]) -> Answer:
    params = request.params
    kinds, states = _words(params.optional("ordType")), _words(params.optional("state"))
    chosen = [
        item
        for item in _within(request, items, lambda order: milliseconds(order.created))
        if (not kinds or order_type(item) in kinds) and (not states or state(item) in states)
    ]
    rows = page(chosen, params, lambda order: order.id)
    return Answer(orders(rows, request.account, request.books.market))


def list_fills(request: Request) -> Answer:
    """Executions of the last days, a page of them."""
    params, account = request.params, request.account
    number = params.integer("ordId", 0)
    chosen = [
        item
        for item in _within(request, account.fills, lambda fill: milliseconds(fill.at))
        if number in (0, item.order_id)
    ]
    rows = page(chosen, params, lambda fill: fill.id)
    return Answer([fill(item, account, request.books.market) for item in rows])


def list_fill_history(request: Request) -> Answer:
    """Executions of the last months; ``instType`` is mandatory."""
    request.params.text("instType")
    return list_fills(request)


def _within(request: Request, items: Iterable[T], at: Callable[[T], int]) -> list[T]:
    """Return those of one contract, and between ``begin`` and ``end``, where these are given."""
    params = request.params
    if params.optional("instType", INST_TYPE) != INST_TYPE:
        return []
    name = params.optional("instId")
    symbol = find(request.books.market, name).symbol if name else ""
    begin, end = params.integer("begin", 0), params.integer("end", 1 << 62)
    return [item for item in items if symbol in ("", item.symbol) and begin <= at(item) <= end]


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in text.split(",") if word)
