"""What one client needs to know of a venue to stop an account on it."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

from ess_server.core.examination import Coverage
from ess_server.core.venue_snapshot import Witness
from ess_server.venue.budget import BudgetLimits

T = TypeVar("T")
Row = Mapping[str, Any]
Exchange = Any
"""A class of ccxt; it is untyped."""
SEND_WINDOW_MS = 1750
"""Validity of a send where a venue has one: the promised 2 s less the error of the clock estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An open order as a venue lists it. ``market`` is the venue's own id, ``scope`` that of the list it stood in."""

    id: str
    market: str
    conditional: bool
    reduce_only: bool
    client_order_id: str = ""
    row: Row = field(default_factory=dict)
    scope: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPosition:
    """A position as a venue lists it. ``amount`` has the sign of the side, in the unit of the venue's orders."""

    market: str
    amount: Decimal
    hedged: bool = False
    price: Decimal | None = None
    row: Row = field(default_factory=dict)
    scope: Row = field(default_factory=dict)


Pages = Callable[[Row, Sequence[Row], Any], Row | None]
"""Returns the parameters of the page after one (its parameters, rows and reply), None after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A list of orders or positions, and the shape of its reply. Whatever has another shape is unknown, never empty.

    ``endpoint`` is ccxt's name of the request. ``rows`` are the keys that lead to the rows; ``keyed`` rows are the
    values of an object and get their key as ``id``; where ``nullable``, an explicit null is how the venue writes that
    there are none. ``says`` is what a good reply says of itself, ``absent`` are words of errors that say that nothing
    of this list's kind was ever there. ``read`` raises VenueUnknownError for a row that cannot be, and returns None for
    one that holds nothing.
    """

    name: str
    endpoint: str
    read: Callable[[Row], T | None]
    params: Row = field(default_factory=dict)
    scope: Row = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    keyed: bool = False
    nullable: bool = False
    says: Row = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    pages: Pages | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """A single request and how its reply is read; ``read`` raises VenueUnknownError.

    ``absent`` are words of errors that say that there never was such an account, which is read as ``otherwise``.
    """

    endpoint: str
    read: Callable[[Any], T]
    params: Row = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    otherwise: T | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """How orders are cancelled.

    ``some`` cancels up to ``batch`` orders of one ``group``; ``whole``, where a venue has it, everything of the group
    of the order given, with what has been added since. ``gone`` are words of errors for an order that is not there.
    """

    some: Callable[[Exchange, Sequence[ListedOrder]], Awaitable[Any]]
    batch: int
    group: Callable[[ListedOrder], Hashable]
    whole: Callable[[Exchange, ListedOrder], Awaitable[Any]] | None = None
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One order that closes. ``expires`` is in milliseconds of the venue's clock; ``whole`` if it is all of the leg."""

    symbol: str
    position: ListedPosition
    quantity: Decimal
    whole: bool
    client_order_id: str
    limit: Decimal | None
    expires: int

    @property
    def long(self) -> bool:
        """Whether a long position is closed."""
        return self.position.amount > 0

    @property
    def size(self) -> str:
        """Quantity in digits, without a trailing zero."""
        return f"{self.quantity.normalize():f}"

    @property
    def side(self) -> str:
        """Side of the order."""
        return "sell" if self.long else "buy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The venue's own timer that cancels orders; how long it may run stands in ``core.dead_man``.

    ``each_symbol`` if there is a timer for each market, else one for the account. ``arm`` takes milliseconds, 0 to
    stop it, and the venue's id of the market, empty where there is one timer. It raises unless the venue says that
    the timer was set.
    """

    arm: Callable[[Exchange, int, str], Awaitable[None]]
    each_symbol: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnifiedPlan:
    """One venue.

    Attributes:
        exchange: ccxt's id.
        name: what people call it.
        coverage: what it reads, cancels and closes, and what not, in words.
        remark: what else a person has to know to configure it.
        orders: every list of open orders.
        positions: every list of positions.
        cancelling: how orders are cancelled.
        close: sends one closing order.
        maximum: the largest market order, from ccxt's market; None where the venue does not tell.
        ids: turns a client order id into one the venue takes.
        limits: request budget of one address, or account.
        sends: orders and cancels that one account may send at once, and per second after that.
        expires: whether orders carry an expiry.
        weight: what a request costs of the budget, by endpoint; others cost 1.
        options: of the class of ccxt.
        keys: what the class of ccxt is given for key and secret, where it is not these.
        always: parameters of every reading, from the class of ccxt.
        load: parameters of the loading of markets.
        methods: take the place of those of the class of ccxt, by name: of its time where it has none, for instance.
        names: by what a market is called in the venue's rows, from ccxt's market.
        markets: types of market whose names are kept.
        mode: whether the account is in hedge mode.
        witness: readings that are not lists of orders or positions.
        equity: with open positions, and its currency.
        withdraws: whether the key may withdraw.
        switch: the venue's dead-man switch.
        below_minimum: words of errors for an order that is too small.
        serial: one request at a time, for keys whose requests must arrive in order.
        clock: whether requests carry the venue's time.
    """

    exchange: str
    name: str
    coverage: Coverage
    orders: tuple[Listing[ListedOrder], ...]
    positions: tuple[Listing[ListedPosition], ...]
    cancelling: Cancelling
    close: Callable[[Exchange, Closing], Awaitable[Any]]
    maximum: Callable[[Row], Decimal | None]
    ids: Callable[[str], str]
    limits: BudgetLimits
    sends: tuple[float, float]
    expires: bool = False
    weight: Mapping[str, float] = field(default_factory=dict)
    remark: str = ""
    options: Row = field(default_factory=dict)
    keys: Callable[[str, str], Mapping[str, str]] | None = None
    always: Callable[[Exchange], Row] | None = None
    load: Row = field(default_factory=dict)
    methods: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    names: Callable[[Row], tuple[str, ...]] = lambda market: (str(market["id"]),)
    markets: tuple[str, ...] = ("swap", "future")
    mode: Reading[bool] | None = None
    witness: tuple[Reading[Witness], ...] = ()
    equity: Reading[tuple[Decimal, str]] | None = None
    withdraws: Reading[bool] | None = None
    switch: Switch | None = None
    below_minimum: tuple[str, ...] = ()
    serial: bool = False
    clock: bool = True

    @property
    def snapshot_weight(self) -> float:
        """What the first page of every list costs."""
        endpoints = [*(x.endpoint for x in self.orders), *(x.endpoint for x in self.positions)]
        return sum((self.weight.get(endpoint, 1) for endpoint in endpoints), start=0.0)
