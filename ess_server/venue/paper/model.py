"""The words of the books: sides, orders, legs, fills. Venue-neutral; every amount is a Decimal."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class LegSide(StrEnum):
    """Which position of a symbol: BOTH in one-way mode, LONG or SHORT in hedge mode."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


class TimeInForce(StrEnum):
    """How long an order may rest; GTX is post-only."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class OrderStatus(StrEnum):
    """Life of an order. EXPIRED also ends what could not be filled and what may no longer reduce anything."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        """True while the order can still fill."""
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class TriggerType(StrEnum):
    """What makes a conditional order fire, always judged by the mark price."""

    STOP = "STOP"
    TAKE_PROFIT = "TAKE_PROFIT"
    TRAILING = "TRAILING"


class ConditionalStatus(StrEnum):
    """Life of a conditional order. TRIGGERED has placed an order; REJECTED fired but its order was refused."""

    NEW = "NEW"
    TRIGGERED = "TRIGGERED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a client asks for.

    ``quantity`` is above zero, in base units. The books make up an empty ``client_id``. In hedge mode ``leg`` names the
    leg and ``reduce_only`` stays False. Some venues keep ``isolated`` positions apart. ``quiet`` ones expire unrefused.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    leg: LegSide = LegSide.BOTH
    isolated: bool = False
    reduce_only: bool = False
    client_id: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalRequest:
    """An order that waits for the mark price.

    STOP and TAKE_PROFIT need ``trigger_price``; TRAILING needs ``callback_percent`` (0.1 to 10) and may name
    ``activation_price``. ``close_position`` closes the whole leg at the trigger; ``quantity`` is then zero.
    ``other`` is the second half of a pair: whichever fires first ends both. ``kind`` is what the dialect calls it.
    """

    symbol: str
    side: Side
    trigger: TriggerType
    quantity: Decimal = ZERO
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    callback_percent: Decimal | None = None
    activation_price: Decimal | None = None
    close_position: bool = False
    tif: TimeInForce = TimeInForce.GTC
    leg: LegSide = LegSide.BOTH
    isolated: bool = False
    reduce_only: bool = False
    client_id: str = ""
    other: "ConditionalRequest | None" = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class OrderRef:
    """Names an order by its number or by its client id; the number wins."""

    id: int | None = None
    client_id: str = ""


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as the venue keeps it. ``reduces`` is True for reduce-only orders and for closes in hedge mode."""

    id: int
    client_id: str
    symbol: str
    side: Side
    type: OrderType
    leg: LegSide
    tif: TimeInForce
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool
    reduces: bool
    created: datetime
    updated: datetime
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    status: OrderStatus = OrderStatus.NEW
    close_position: bool = False
    conditional_id: int = 0
    isolated: bool = False

    @property
    def remaining(self) -> Decimal:
        """Base units still to fill."""
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        """Average fill price, zero before the first fill."""
        return self.cost / self.filled if self.filled else ZERO


@dataclass(slots=True, kw_only=True)
class Conditional:
    """A conditional order as the venue keeps it. ``extreme``: best mark that was followed; ``fired``: which half."""

    id: int
    client_id: str
    request: ConditionalRequest
    created: datetime
    updated: datetime
    status: ConditionalStatus = ConditionalStatus.NEW
    extreme: Decimal | None = None
    order_id: int = 0
    triggered: datetime | None = None
    fired: TriggerType | None = None
    problem: str = ""


@dataclass(slots=True)
class Leg:
    """One position. ``quantity`` is signed in base units; ``entry`` is the average entry price, zero when flat."""

    symbol: str
    side: LegSide
    quantity: Decimal = ZERO
    entry: Decimal = ZERO
    updated: datetime | None = None
    isolated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution. ``realized`` and ``fee`` are in ``asset``; ``before`` and ``after`` are the leg's quantity."""

    id: int
    order_id: int
    symbol: str
    side: Side
    leg: LegSide
    quantity: Decimal
    price: Decimal
    realized: Decimal
    fee: Decimal
    asset: str
    maker: bool
    before: Decimal
    after: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CashFlow:
    """One change of a wallet: ``kind`` is TRANSFER, REALIZED_PNL or COMMISSION."""

    id: int
    kind: str
    asset: str
    amount: Decimal
    at: datetime
    symbol: str = ""
    fill_id: int = 0


@dataclass(slots=True)
class SymbolSettings:
    """An account's settings for one symbol."""

    leverage: int = 20
    isolated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksConfig:
    """How the paper market behaves.

    ``slippage`` is the distance of bid and ask from the mark as a fraction (0.0005 is 5 basis points).
    ``liquidity`` is what one tick can fill per symbol, in quote units; None is without limit.
    ``reuse_client_ids`` lets a client id come back once its order is done; by default an id is used once.
    ``reserve_reduce_only`` refuses a reducing order for what resting reducing orders already cover.
    ``max_open_orders`` counts per account and symbol; ``history`` is how many finished orders are remembered.
    """

    slippage: Decimal = Decimal("0.0005")
    liquidity: Decimal | None = None
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    reuse_client_ids: bool = False
    reserve_reduce_only: bool = True
    max_open_orders: int = 200
    history: int = 10_000
    journal: int = 100_000
    instruments: tuple["Instrument", ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A linear perpetual contract, one base unit per contract.

    ``price_band`` bounds limit prices: buys at most mark x (1 + band), sells at least mark x (1 - band).
    """

    symbol: str
    base: str
    quote: str = "USDT"
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal = Decimal(5)
    price_band: Decimal = Decimal("0.05")
    first_mark: Decimal

    @property
    def price_digits(self) -> int:
        """Decimals of a price."""
        return _digits(self.tick)

    @property
    def quantity_digits(self) -> int:
        """Decimals of a quantity."""
        return _digits(self.step)


def _digits(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
