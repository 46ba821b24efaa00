"""What each kind of fault does to a paper venue."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

from ess_server.venue.paper import Fault, FaultKind, Operation, PaperVenue
from tests.fault.venues.draw import Draw, Step
from tests.fault.venues.traders import Traders

OPERATIONS = (
    Operation.ANY,
    Operation.ORDER,
    Operation.ORDER,
    Operation.CANCEL,
    Operation.ORDERS,
    Operation.POSITIONS,
    Operation.BALANCE,
    Operation.MARKET,
)
PAGE = "<html><body><h1>Service Unavailable</h1></body></html>"
LATEST_FILL = timedelta(milliseconds=900)
LIES: Mapping[str, str] = MappingProxyType(
    {
        "binanceusdm": "[]",
        "okx": '{"code":"0","msg":"","data":[]}',
        "bybit": '{"retCode":0,"retMsg":"OK","result":{"list":[],"nextPageCursor":""},"retExtInfo":{},"time":1}',
    }
)
"""What each exchange says when there is nothing."""


class Troubles:
    """Brings the steps of a draw upon a venue."""

    def __init__(self, venue: PaperVenue, draw: Draw, names: tuple[str, ...]) -> None:
        self._venue = venue
        self._draw = draw
        self._names = names
        self._makers: Mapping[str, Callable[[random.Random], Fault]] = {
            "latency": _latency,
            "too_many": self._too_many,
            "banned": self._banned,
            "server_error": _server_error,
            "overload": lambda rng: _fault(rng, FaultKind.REJECT),
            "maintenance": self._maintenance,
            "hang": lambda rng: _fault(rng, FaultKind.HANG, most=3, applied=rng.random() < 0.5),
            "drop": lambda rng: _fault(rng, FaultKind.DROP),
            "refused": lambda rng: _fault(rng, FaultKind.DROP, applied=False),
            "truncated": lambda rng: _fault(rng, FaultKind.TRUNCATE),
            "empty_body": lambda rng: _fault(rng, FaultKind.BODY),
            "html_body": lambda rng: _fault(rng, FaultKind.BODY, body=PAGE),
            "object_body": lambda rng: _fault(rng, FaultKind.BODY, body="{}"),
            "null_body": lambda rng: _fault(rng, FaultKind.BODY, body="null"),
            "lying_list": self._lie,
            "late_fill": lambda rng: Fault(
                kind=FaultKind.LATE_FILL, delay=LATEST_FILL * rng.random(), times=rng.randint(1, 4)
            ),
            "kept": lambda rng: Fault(kind=FaultKind.KEEP, times=rng.randint(1, 20)),
            "grow": lambda rng: Fault(kind=FaultKind.GROW, times=rng.randint(1, 5)),
        }

    def begin(self, step: Step) -> str:
        """Bring one step upon the venue and return it in words. ``crash`` is nothing that a venue does."""
        rng = random.Random(step.seed)
        if step.kind in self._makers:
            fault = self._makers[step.kind](rng)
            self._venue.faults.add(fault)
            status = f" {fault.status}" if fault.kind is FaultKind.STATUS else ""
            return (
                f"{step.kind}: {fault.kind}{status} on {fault.operation}, {fault.times} times, applied {fault.applies}"
            )
        traders = Traders(self._venue.books, self._draw, rng)
        if step.kind == "skew":
            self._venue.clock.skew = timedelta(seconds=rng.choice((-1, 1)) * rng.uniform(1, 30))
            return f"skew: {self._venue.clock.skew}"
        if step.kind == "partial":
            self._venue.books.market.liquidity = Decimal(rng.randint(100, 800))
            return f"partial: {self._venue.books.market.liquidity} a tick"
        if step.kind == "trade":
            account = rng.choice(self._names)
            traders.trade(account)
            return f"trade: on {account}"
        return f"mark: {traders.move()}" if step.kind == "mark" else step.kind

    def end(self) -> None:
        """End every fault."""
        self._venue.faults.clear()
        # Fills that are still to come are set to a time that the clock, set right, will soon show.
        mischief, latest = self._venue.books._mischief, self._venue.clock() - self._venue.clock.skew + LATEST_FILL
        mischief._late = [(min(due, latest), account, order) for due, account, order in mischief._late]
        self._venue.clock.skew = timedelta()
        self._venue.books.market.liquidity = None

    @property
    def over(self) -> bool:
        """Whether nothing is on its way any more: a fill may still come after its cancel."""
        return not self._venue.books._mischief._late

    def _too_many(self, rng: random.Random) -> Fault:
        if self._draw.dialect == "bybit":
            return _fault(rng, FaultKind.REJECT, code=10006, message="Too many visits!")
        body = {"okx": '{"code":"50011","msg":"Too Many Requests","data":[]}'}.get(self._draw.dialect)
        body = body or '{"code":-1003,"msg":"Too many requests."}'
        return _fault(rng, FaultKind.STATUS, status=429, body=body, headers={"Retry-After": str(rng.randint(1, 2))})

    def _banned(self, rng: random.Random) -> Fault:
        """Only Binance bans for a time that it tells; Bybit's ban of ten minutes ends no run."""
        if self._draw.dialect != "binanceusdm":
            return self._too_many(rng)
        headers, body = {"Retry-After": str(rng.randint(1, 3))}, '{"code":-1003,"msg":"Way too many requests."}'
        return _fault(rng, FaultKind.STATUS, most=2, status=418, body=body, headers=headers)

    def _maintenance(self, rng: random.Random) -> Fault:
        if self._draw.dialect == "binanceusdm":
            words = "System is under maintenance."
            return Fault(kind=FaultKind.REJECT, times=None, code=1, message=words)
        if rng.random() < 0.5:
            return Fault(kind=FaultKind.STATUS, status=503, body=PAGE, times=None)
        return Fault(kind=FaultKind.REJECT, times=None)

    def _lie(self, rng: random.Random) -> Fault:
        """Nothing is held, says the list of positions in the exchange's own form, as often as it is asked for."""
        del rng
        body = LIES[self._draw.dialect]
        return Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS, times=None, body=body)


def _latency(rng: random.Random) -> Fault:
    delay = timedelta(milliseconds=rng.choice((20, 50, 200, 800, 2500)))
    times = None if delay < timedelta(milliseconds=500) else rng.randint(1, 6)
    applied = rng.random() < 0.5
    return Fault(kind=FaultKind.DELAY, operation=rng.choice(OPERATIONS), times=times, delay=delay, applied=applied)


def _server_error(rng: random.Random) -> Fault:
    return _fault(rng, FaultKind.STATUS, status=rng.choice((500, 502, 503, 504)), body=PAGE, applied=rng.random() < 0.4)


def _fault(rng: random.Random, kind: FaultKind, *, most: int = 8, **fields: object) -> Fault:
    return Fault(kind=kind, operation=rng.choice(OPERATIONS), times=rng.randint(1, most), **fields)  # type: ignore[arg-type]
