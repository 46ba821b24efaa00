"""What a client found out about one account, before anything has to be stopped. Facts only; ``doctor`` judges them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum


class CheckedBy(Enum):
    """How the plan for an exchange was checked."""

    PAPER_DIALECT = "PAPER DIALECT"
    """Against a paper venue that speaks the exchange's protocol, under faults."""
    REQUEST_SHAPE = "REQUEST SHAPE"
    """Its requests were compared with what the exchange documents; nothing ever answered them."""
    GENERIC = "GENERIC"
    """Not for this exchange: it does what the library offers for any."""


class DeadManWorth(Enum):
    """What the venue's own cancel-after timer is worth to a server that speaks REST only."""

    USABLE = "usable"
    FALSE_SAFETY = "false safety"
    """It can be set, is answered with success, and never fires."""
    NONE = "none"


class Capability(Enum):
    """What not every client can do, and a configuration may ask for."""

    EQUITY = "equity"
    EXECUTIONS = "executions"
    BOUNDED_CLOSES = "bounded closes"


class Topic(Enum):
    """What a fact or a finding is about."""

    OPENING = "opening"
    VENUE = "venue"
    KEY = "key"
    TRADING = "right to trade"
    WITHDRAWAL = "right to withdraw"
    ADDRESS = "address list"
    EXPIRY = "key expiry"
    CLOCK = "clock"
    POSITION_MODE = "position mode"
    ACCOUNT_MODE = "account mode"
    OPEN = "open now"
    MARKETS = "markets"
    DUST = "dust"
    DEAD_MAN = "dead man's switch"
    COVERAGE = "coverage"
    SPEED = "seconds to flat"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """What the venue tells of the API key. None where it does not tell, or was not read.

    ``refused`` is the venue's refusal in its own words, empty if it took the key. ``bound`` tells whether the key
    works from listed addresses only; ``expires`` is when it ends, and ``never_expires`` that the venue says it will
    not.
    """

    valid: bool | None = None
    refused: str = ""
    may_trade: bool | None = None
    may_withdraw: bool | None = None
    bound: bool | None = None
    expires: datetime | None = None
    never_expires: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """``ahead`` is this host's clock less the venue's, exact to half of ``round_trip``.

    ``send_valid`` is how long the venue takes an order of ours after it was signed, None where orders do not expire.
    """

    ahead: timedelta
    round_trip: timedelta
    send_valid: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be undone. ``parts`` are the orders that close all positions, split at each market's maximum."""

    orders: int = 0
    conditional: int = 0
    positions: int = 0
    symbols: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """Markets in which something is open, by what may stand in the way there; unified symbols, sorted.

    ``unnamed`` are in no list of the exchange, ``unsized`` have no readable size rules, ``halted`` do not trade now
    and hold a position, ``halted_orders`` do not and hold orders only, ``no_market_orders`` take none, and ``dust``
    are positions below the market's minimum.
    """

    unnamed: tuple[str, ...] = ()
    unsized: tuple[str, ...] = ()
    halted: tuple[str, ...] = ()
    halted_orders: tuple[str, ...] = ()
    no_market_orders: tuple[str, ...] = ()
    dust: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How fast a flatten may go.

    Reads are paid from ``read_burst``, which refills by ``read_per_second``, and which all accounts share that are
    reached from here, unless they are not ``shared``; one complete reading costs ``read_weight``. Of orders and cancels
    the venue takes ``send_burst`` at once and ``send_per_second`` after that, for each account. ``cancel_batch`` is how
    many orders one request cancels: 0 for those of one market and kind, None for all. ``concurrency`` requests are
    under way at a time.
    """

    read_burst: float
    read_per_second: float
    read_weight: float
    send_burst: float
    send_per_second: float
    cancel_batch: int | None = 1
    concurrency: int = 1
    shared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the plan for the exchange reads, cancels and closes, in words, and what not."""

    checked_by: CheckedBy
    covered: tuple[str, ...]
    not_covered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Facts on one account.

    ``cannot_open`` says why there is no client at all, as where a key file cannot be read. ``unread`` are topics that
    the venue was asked about without an answer, each with the reason; a fact that is None and not among them is one
    that the venue does not tell. ``account_mode`` is in the venue's words, empty where it has none. ``lacks`` is what
    the client cannot do here.
    """

    account: str
    exchange: str = ""
    cannot_open: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    key: KeyFacts = KeyFacts()
    clock: ClockFacts | None = None
    hedge_mode: bool | None = None
    account_mode: str = ""
    account_mode_covered: bool = True
    load: Load | None = None
    markets: MarketFacts = MarketFacts()
    dead_man: DeadManWorth | None = None
    coverage: Coverage | None = None
    lacks: tuple[Capability, ...] = ()
    limits: RequestLimits | None = None

    def reason_unread(self, topic: Topic) -> str:
        """Return why the topic is unknown, empty if it is not."""
        return self.unread.get(topic.value, "")
