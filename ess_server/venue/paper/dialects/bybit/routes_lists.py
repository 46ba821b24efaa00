"""Orders, executions and positions, page by page, newest first."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.bybit import lookup
from ess_server.venue.paper.dialects.bybit.codes import BybitError, invalid
from ess_server.venue.paper.dialects.bybit.pages import page
from ess_server.venue.paper.dialects.bybit.params import Params
from ess_server.venue.paper.dialects.bybit.render import execution
from ess_server.venue.paper.dialects.bybit.render_account import figures_of, position
from ess_server.venue.paper.dialects.bybit.request import Answer, Json, Request
from ess_server.venue.paper.model import ConditionalStatus, Fill, Leg, Order, OrderRef

_ORDERS, _MAX_ORDERS = 20, 50
_FILLS, _MAX_FILLS = 50, 100
_POSITIONS, _MAX_POSITIONS = 20, 200
_RECENT = 500
_FILTERS = ("", "Order", "StopOrder", "tpslOrder", "OcoOrder", "BidirectionalTpslOrder")
_WEEK_MS = timedelta(days=7) // timedelta(milliseconds=1)


def _list(request: Request, rows: list[Json], cursor: str) -> Answer:
    return Answer({"category": request.params.text("category"), "list": rows, "nextPageCursor": cursor})


def open_orders(request: Request) -> Answer:
    """Open orders of both kinds unless ``orderFilter`` asks for one; or one order, open or done, by its name."""
    params, account = request.params, request.account
    if not params.linear():
        return _list(request, [], "")
    if lookup.named(params):
        found = lookup.find(account, params)
        return _list(request, [] if found is None else lookup.rows(request, [found]), "")
    inside = lookup.within(params, request)
    limit = params.limit(_ORDERS, _MAX_ORDERS)
    entries: list[lookup.Entry] = [*account.open_orders.values(), *account.open_conditionals.values()]
    if params.integer("openOnly", 0):
        entries = _done(request)[-_RECENT:]
    chosen = [entry for entry in entries if inside(lookup.symbol_of(entry)) and _kind(params, entry)]
    shown, cursor = page(params, chosen, lookup.mark(account), limit)
    return _list(request, lookup.rows(request, shown), cursor)


def _kind(params: Params, entry: lookup.Entry) -> bool:
    wanted = params.optional("orderFilter")
    if wanted not in _FILTERS:
        raise invalid("orderFilter")
    return not wanted or wanted == ("Order" if isinstance(entry, Order) else "StopOrder")


def _done(request: Request) -> list[lookup.Entry]:
    """Finished orders, oldest first; a conditional order that has fired is there as the order it placed."""
    account = request.account
    ended: list[lookup.Entry] = [
        item for item in account.done_conditionals.values() if item.status is not ConditionalStatus.TRIGGERED
    ]
    return sorted([*account.done_orders.values(), *ended], key=lookup.mark(account))


def order_history(request: Request) -> Answer:
    """Finished orders of both kinds, of the last seven days unless a time is given."""
    params, account = request.params, request.account
    if not params.linear():
        return _list(request, [], "")
    limit, spanned, entries = params.limit(_ORDERS, _MAX_ORDERS), _span(request), _done(request)
    if lookup.named(params):
        found = lookup.find(account, params)
        entries = [entry for entry in entries if entry is found]
    symbol = params.optional("symbol")
    chosen = [
        entry
        for entry in entries
        if symbol in ("", lookup.symbol_of(entry)) and _kind(params, entry) and spanned(entry.created)
    ]
    shown, cursor = page(params, chosen, lookup.mark(account), limit)
    return _list(request, lookup.rows(request, shown), cursor)


def _span(request: Request) -> Callable[[datetime], bool]:
    """Return what tells whether a time is within startTime and endTime, seven days apart at most."""
    start, end = request.params.integer("startTime", 0), request.params.integer("endTime", 0)
    if start and end and not 0 <= end - start <= _WEEK_MS:
        raise BybitError(10001, "The time range between startTime and endTime cannot exceed 7 days")
    now = milliseconds(request.books.now())
    last = end or (start + _WEEK_MS if start else now)
    first = start or last - _WEEK_MS
    return lambda at: first <= milliseconds(at) <= last


def executions(request: Request) -> Answer:
    """Executions of the last seven days unless a time is given."""
    params, account = request.params, request.account
    if not params.linear():
        return _list(request, [], "")
    limit, spanned, symbol = params.limit(_FILLS, _MAX_FILLS), _span(request), params.optional("symbol")
    only = lookup.find(account, params) if lookup.named(params) else None
    chosen = [
        fill
        for fill in account.fills
        if symbol in ("", fill.symbol)
        and spanned(fill.at)
        and (not lookup.named(params) or (isinstance(only, Order) and fill.order_id == only.id))
    ]
    kind = params.optional("execType")
    rows = {fill.id: _execution(request, fill) for fill in chosen}
    chosen = [fill for fill in chosen if kind in ("", rows[fill.id]["execType"])]
    shown, cursor = page(params, chosen, lambda fill: (milliseconds(fill.at), fill.id), limit)
    return _list(request, [rows[fill.id] for fill in shown], cursor)


def _execution(request: Request, fill: Fill) -> Json:
    account = request.account
    placed = account.find_order(OrderRef(id=fill.order_id))
    return execution(fill, placed, account, request.books.market.instrument(fill.symbol))


def positions(request: Request) -> Answer:
    """Positions of ``symbol``, also flat ones, or those of ``settleCoin`` that are not flat."""
    params, books, account = request.params, request.books, request.account
    if not params.linear():
        return _list(request, [], "")
    limit, inside = params.limit(_POSITIONS, _MAX_POSITIONS), lookup.within(params, request)
    one, symbols = params.optional("symbol"), list(books.market.instruments)
    legs = [account.leg(name, side) for name in symbols if inside(name) for side in account.leg_sides()]
    places = {name: len(symbols) - place for place, name in enumerate(symbols)}

    def mark(leg: Leg) -> tuple[int, int]:
        return places[leg.symbol], len(account.leg_sides()) - account.leg_sides().index(leg.side)

    shown, cursor = page(params, [leg for leg in legs if leg.quantity or one], mark, limit)
    wallets = {figures.asset: figures for figures in figures_of(account, books)}
    rows = [position(account, books, leg, wallets[books.market.instrument(leg.symbol).quote]) for leg in shown]
    return _list(request, rows, cursor)
