"""The words of the product as frozen types: scopes, actions, causes, stops and the state they form."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Self

from ess_server.core.errors import InvalidRequestError

MAX_STOPS = 64
"""Scopes that a gate message can carry; one more becomes a global stop (contract, ``StopState.stops``)."""
MAX_CAUSE_REASON_BYTES = 256
MAX_REASON_BYTES = 1024
"""Of a reason that is asked for; what a stop carries of it is shorter."""
MAX_NAME_BYTES = 128
"""Of whoever acts or is watched: people, gates, evaluators."""
MAX_REQUEST_IDS = 16
"""Request ids remembered per stop, newest last."""


class Action(IntEnum):
    """What a stop does, in rising order; values are those of the contract's ``StopAction``."""

    BLOCK = 1
    CANCEL = 2
    FLATTEN = 3


class CauseSource(IntEnum):
    """Where a cause came from; values are those of the contract."""

    MANUAL = 1
    EVALUATOR = 2
    EVALUATOR_FAULT = 3
    TRIPWIRE = 4
    STORE = 5
    WITNESS = 6


class Credential(IntEnum):
    """How an actor's identity was established; values are those of the contract."""

    NONE = 1
    INTERNAL = 2
    MTLS = 3
    TOKEN = 4
    UNIX = 5


class FlattenStatus(IntEnum):
    """Where the work on one account stands; values are those of the contract."""

    PENDING = 1
    CANCELLING = 2
    CLOSING = 3
    VERIFYING = 4
    FLAT = 5
    FLAT_WITH_DUST = 6
    INCOMPLETE = 7
    UNKNOWN = 8
    HELD = 9
    CANCELLED = 10

    @property
    def is_flat(self) -> bool:
        """True only for what the venue has been proven to show."""
        return self in (FlattenStatus.FLAT, FlattenStatus.FLAT_WITH_DUST)

    @property
    def is_done(self) -> bool:
        """As ``is_flat``, and for a stop that closes nothing, that no order is left."""
        return self.is_flat or self is FlattenStatus.CANCELLED


class ScopeKind(Enum):
    """Kinds of scope that this version knows."""

    GLOBAL = "global"
    VENUE = "venue"
    ACCOUNT = "account"
    STRATEGY = "strategy"
    SYMBOL = "symbol"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a stop covers. ``id`` is empty for the global scope and compared byte for byte otherwise."""

    kind: ScopeKind
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``kind/id``, split at the first slash; empty is global. Raises InvalidRequestError."""
        if text in ("", ScopeKind.GLOBAL.value):
            return cls(ScopeKind.GLOBAL)
        kind, slash, ident = text.partition("/")
        kinds = [k.value for k in ScopeKind if k is not ScopeKind.GLOBAL]
        if kind not in kinds or not slash or not ident:
            raise InvalidRequestError(
                "scope", f"{text[:80]!r} is not global or one of {', '.join(k + '/<id>' for k in kinds)}"
            )
        if not text.isprintable():
            raise InvalidRequestError("scope", "holds characters that cannot be printed")
        if len(text.encode()) > 128:  # noqa: PLR2004 - the bound is part of the message
            raise InvalidRequestError("scope", "is longer than 128 bytes")
        return cls(ScopeKind(kind), ident)

    def __str__(self) -> str:
        return self.kind.value if self.kind is ScopeKind.GLOBAL else f"{self.kind.value}/{self.id}"


GLOBAL = Scope(ScopeKind.GLOBAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it. ``id`` is proven by ``credential``; for NONE it is what the caller claimed."""

    id: str
    credential: Credential
    peer: str = ""
    requested_by: str = ""


SERVER = Actor(id="ess-server", credential=Credential.INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a scope is stopped. ``reading`` and ``limit`` are decimal text, empty where there is none."""

    source: CauseSource
    reason: str
    actor: Actor
    time: datetime
    evaluator: str = ""
    reading: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedFlatten:
    """A flatten that is due at ``time``, unless a person holds or releases the stop; ``delay`` after it was wanted."""

    time: datetime
    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One latched scope, from latch to release.

    ``revision`` is the global revision at which it last gained a cause or a stronger action.
    ``held`` means that a person ended cancelling and closing; trading stays blocked.
    ``flatten`` is set while the action waits to be raised to FLATTEN.
    """

    stop_id: str
    scope: Scope
    action: Action
    revision: int
    activate_time: datetime
    cause: Cause
    cause_count: int = 1
    held: bool = False
    request_ids: tuple[str, ...] = ()
    flatten: DelayedFlatten | None = None

    def covers(self, scope: Scope) -> bool:
        """Whether releasing ``scope`` releases this stop: global releases every scope."""
        return scope in (GLOBAL, self.scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyState:
    """Everything that is latched. Trading is permitted exactly when ``stops`` is empty.

    ``revision`` rises with every accepted trigger, new cause, stronger action, hold and release and
    with every start of the server; a number is never used twice in the life of a store.
    """

    store_id: str
    revision: int
    stops: tuple[Stop, ...] = ()

    @property
    def active(self) -> bool:
        """True while trading is stopped in any scope."""
        return bool(self.stops)

    def stop_for(self, scope: Scope) -> Stop | None:
        """Return the stop latched for exactly this scope, if any."""
        return next((s for s in self.stops if s.scope == scope), None)

    def with_stop(self, stop: Stop) -> "EmergencyState":
        """Return the state with ``stop`` added, or in place of the stop of the same scope."""
        if self.stop_for(stop.scope) is None:
            stops = (*self.stops, stop)
        else:
            stops = tuple(stop if s.scope == stop.scope else s for s in self.stops)
        return replace(self, stops=stops, revision=max(self.revision, stop.revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchRecord:
    """What one durable record says. The floor is the lowest revision the running server may use.

    Two records agree when everything but ``floor`` is equal: a start interrupted between two
    floors is no contradiction.
    """

    store_id: str
    revision: int
    floor: int
    stops: tuple[Stop, ...] = ()
    event_sequence: int = 0
    event_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProgress:
    """What one account still shows. Counts are those of the last good read, None if never read."""

    account: str
    venue: str
    status: FlattenStatus
    open_orders: int | None = None
    open_positions: int | None = None
    read_time: datetime | None = None
    detail: str = ""
    stop_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done on one account: ``action`` for all of it, ``symbols`` for single symbols.

    ``action`` BLOCK means nothing is to be done beyond ``symbols``. ``held`` means a person stopped the work.
    """

    account: str
    stop_id: str
    action: Action
    symbols: tuple[tuple[str, Action], ...] = ()
    held: bool = False

    def action_for(self, symbol: str) -> Action:
        """Return the strongest action that covers ``symbol``."""
        return max([self.action, *(a for s, a in self.symbols if s == symbol)])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An entry of the audit log before it has a number. ``event_id`` makes a retried write idempotent."""

    event_id: str
    kind: str
    time: datetime
    summary: str
    revision: int
    actor: Actor = SERVER
    stop_id: str = ""
    scope: str = ""
    details: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHead:
    """Newest event of the audit log; sequence 0 with an empty hash is an empty log."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An entry of the audit log: ``hash`` is SHA-256 over ``previous_hash`` and ``record``."""

    sequence: int
    draft: EventDraft
    record: bytes
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A trading account as the core knows it."""

    id: str
    venue: str
