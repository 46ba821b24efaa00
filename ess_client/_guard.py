"""A gate in front of a ccxt exchange, sync or async. ccxt itself is never imported here."""

import inspect
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from ess_client._face import OrderCheck
from ess_client._guard_rules import (
    as_reduce_only,
    endpoint_of,
    endpoint_opens_risk,
    family_of,
    market_of,
    opens_risk,
    symbol_scope,
)
from ess_client._model import OrderDenied

Exchange = TypeVar("Exchange")
_Arguments = dict[str, Any]
_Judge = Callable[[], None]


def guard(
    exchange: Exchange,
    gate: OrderCheck,
    *,
    account: str | None = None,
    venue: str | None = None,
    strategy: str | None = None,
    spot_reduce_only: bool = False,
) -> Exchange:
    """Put ``gate`` in front of a ccxt exchange; use what is returned in its place.

    Whatever may open risk is judged before it is called and again right before the request leaves, after ccxt's
    own rate limiter. Reads, cancels, closing and reduce-only orders pass. ``docs/gate.md`` lists what counts as
    which. A denial is an ``OrderDenied`` and ccxt's ``OperationRejected``, which ccxt does not retry.

    Args:
        exchange: an instance of a ccxt exchange; its ``fetch`` is wrapped in place.
        gate: judges the orders.
        account: account id of the ESS configuration that this exchange trades on.
        venue: venue id of the ESS configuration; not guessed from the exchange.
        strategy: strategy id that sends the orders.
        spot_reduce_only: let sell orders pass on spot markets that are marked ``reduceOnly``, without the mark.
    """
    named = {"account": account, "venue": venue, "strategy": strategy}
    scopes = tuple(f"{kind}/{ident}" for kind, ident in named.items() if ident)
    return cast(Exchange, GuardedExchange(exchange, gate, scopes, spot_reduce_only=spot_reduce_only))


class _Pending:
    """An order on its way: judged once more at the edge, unless it is over and only its context lives on."""

    __slots__ = ("active", "judge")

    def __init__(self, judge: _Judge) -> None:
        self.judge = judge
        self.active = True


_PENDING: ContextVar[_Pending | None] = ContextVar("ess_client_pending_order", default=None)


class GuardedExchange:
    """Stands in for the exchange: every attribute is the exchange's own, but what opens risk is judged first."""

    def __init__(self, exchange: Any, gate: OrderCheck, scopes: tuple[str, ...], *, spot_reduce_only: bool) -> None:  # noqa: ANN401 - ccxt carries no types
        own = {
            "_ess_exchange": exchange,
            "_ess_gate": gate,
            "_ess_scopes": scopes,
            "_ess_spot": spot_reduce_only,
            "_ess_families": family_of(exchange),
            "_ess_denial": denial_type(exchange),
        }
        for name, value in own.items():
            object.__setattr__(self, name, value)
        _judge_at_the_edge(exchange)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the exchange has
        if name.startswith("_ess_"):  # a copy in the making has none of its own yet
            raise AttributeError(name)
        value = getattr(self._ess_exchange, name)
        if name.startswith("_") or not callable(value):
            return value
        if name in ("request", "fetch2", "fetch"):
            return self._guarded(name, value, self._applies_to_raw)
        endpoint = endpoint_of(value)
        gated = endpoint_opens_risk(*endpoint) if endpoint else opens_risk(name)
        return self._guarded(name, value, lambda _: True) if gated else value

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._ess_exchange, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._ess_exchange, name)

    def __dir__(self) -> list[str]:
        return dir(self._ess_exchange)

    def __repr__(self) -> str:
        return f"guard({self._ess_exchange!r})"

    async def __aenter__(self) -> Self:
        await self._ess_exchange.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ess_exchange.__aexit__(kind, error, trace)

    def _guarded(
        self, name: str, method: Callable[..., Any], applies: Callable[[_Arguments], bool]
    ) -> Callable[..., Any]:
        signature = inspect.signature(method)

        def begin(args: tuple[Any, ...], kwargs: _Arguments) -> tuple[inspect.BoundArguments, _Judge]:
            bound = signature.bind(*args, **kwargs)
            judge = self._judge_of(name, bound.arguments) if applies(bound.arguments) else _let_pass
            judge()
            return bound, judge

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes
            bound, judge = begin(args, kwargs)
            with _sending(judge):
                result = method(*bound.args, **bound.kwargs)
            return _sent_later(result, judge) if inspect.iscoroutine(result) else result

        @wraps(method)
        async def call_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes
            bound, judge = begin(args, kwargs)
            with _sending(judge):
                return await method(*bound.args, **bound.kwargs)

        return call_async if inspect.iscoroutinefunction(method) else call

    def _applies_to_raw(self, arguments: _Arguments) -> bool:
        path = arguments.get("url", arguments.get("path", ""))
        return endpoint_opens_risk(str(arguments.get("method", "GET")), str(path))

    def _judge_of(self, name: str, arguments: _Arguments) -> _Judge:
        """A call that raises if any order in ``arguments`` is denied; rewrites params that were judged reduce-only."""
        judged = [self._judged(name, order) for order in _orders_in(arguments)]

        def judge() -> None:
            for scopes, reduce_only in judged:
                verdict = self._ess_gate.check(*scopes, reduce_only=reduce_only)
                if not verdict.allowed:
                    raise self._ess_denial(verdict)

        return judge

    def _judged(self, name: str, order: _Arguments) -> tuple[tuple[str, ...], bool]:
        symbol = order.get("symbol")
        if symbol is None:
            return self._ess_scopes, False
        market = market_of(self._ess_exchange, symbol)
        scope = symbol_scope(market, symbol)
        contract = bool(market.get("contract")) if market is not None else ":" in str(symbol)
        params = as_reduce_only(name, order, self._ess_families, contract=contract, spot_allowed=self._ess_spot)
        if params is not None:
            order["params"] = params
        return (*self._ess_scopes, scope) if scope else self._ess_scopes, params is not None


def denial_type(exchange: object) -> type[OrderDenied]:
    """``OrderDenied`` that is also the ``OperationRejected`` of the exchange's own ccxt."""
    for cls in type(exchange).__mro__:
        errors = sys.modules.get(f"{cls.__module__.partition('.')[0]}.base.errors")
        rejected = getattr(errors, "OperationRejected", None)
        if rejected is not None:
            return type(
                "OrderDenied", (OrderDenied, rejected), {"__module__": __name__, "__doc__": OrderDenied.__doc__}
            )
    return OrderDenied


def _orders_in(arguments: _Arguments) -> list[_Arguments]:
    """The orders of a call: those of a list, or the call itself. Copies what is shared with the caller."""
    orders = arguments.get("orders")
    if not isinstance(orders, list):
        return [arguments]
    arguments["orders"] = copies = [dict(order) for order in orders]
    return copies


def _let_pass() -> None:
    pass


@contextmanager
def _sending(judge: _Judge) -> Iterator[None]:
    pending = _Pending(judge)
    token = _PENDING.set(pending)
    try:
        yield
    finally:
        pending.active = False
        _PENDING.reset(token)


async def _sent_later(coroutine: Coroutine[Any, Any, Any], judge: _Judge) -> Any:  # noqa: ANN401 - whatever it returns
    """What a plain function returned instead of an answer: nothing has been sent before it is awaited."""
    try:
        judge()
    except OrderDenied:
        coroutine.close()
        raise
    with _sending(judge):
        return await coroutine


def _judge_at_the_edge(exchange: Any) -> None:  # noqa: ANN401 - ccxt carries no types
    """Judge an order once more when its request leaves: ccxt's rate limiter may have held it since long before."""
    fetch = getattr(exchange, "fetch", None)
    if fetch is None or getattr(fetch, "judges_orders", False):
        return

    def judge(url: str, method: str = "GET", *_: object, **__: object) -> None:
        pending = _PENDING.get()
        if pending is not None and pending.active and endpoint_opens_risk(method, url):
            pending.judge()

    @wraps(fetch)
    def edge(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever fetch takes
        judge(*args, **kwargs)
        return fetch(*args, **kwargs)

    @wraps(fetch)
    async def edge_async(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever fetch takes
        judge(*args, **kwargs)
        return await fetch(*args, **kwargs)

    chosen: Any = edge_async if inspect.iscoroutinefunction(fetch) else edge
    chosen.judges_orders = True
    exchange.fetch = chosen
