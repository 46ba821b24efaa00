"""What a gate is told and what it answers, as frozen types without any wire format."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

INACTIVE = 1
"""``STOP_STATUS_INACTIVE``, the only status that does not read as stopped."""


class DenyReason(StrEnum):
    """Why an order is denied."""

    STOPPED = "STOPPED"
    """A stop covers the order."""
    UNDECLARED_SCOPE = "UNDECLARED_SCOPE"
    """A scope is stopped of a kind for which the check named none."""
    LEASE_EXPIRED = "LEASE_EXPIRED"
    """Nothing proves any more that trading is allowed. Heals by itself."""
    NEVER_CONNECTED = "NEVER_CONNECTED"
    """No server has told its state yet."""
    STORE_CHANGED = "STORE_CHANGED"
    """A server shows another history than the one followed."""
    NOT_REARMED = "NOT_REARMED"
    """A stop was released and ``rearm="manual"`` asks for a local go-ahead."""
    GATE_TOO_OLD = "GATE_TOO_OLD"
    """The server enforces something that this version does not understand."""


class GateStatus(StrEnum):
    """What a gate lets through at one moment."""

    OPEN = "OPEN"
    """Every order."""
    PARTIAL = "PARTIAL"
    """Orders that no scoped stop covers and that name a scope of each stopped kind."""
    CLOSED = "CLOSED"
    """Nothing but reduce-only orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One latched scope. All but ``scope`` is for people and decides nothing."""

    scope: str
    stop_id: str = ""
    revision: int = 0
    reason: str = ""
    activate_time: datetime | None = None
    durable: bool = False

    def __str__(self) -> str:
        since = f" since {self.activate_time:%Y-%m-%d %H:%M:%S} UTC" if self.activate_time else ""
        return f"{self.scope or 'global'}{since}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWarning:
    """An evaluator that has used ``tier_percent`` of its limit: 50, 75 or 90 unless configured otherwise."""

    evaluator: str
    scope: str
    tier_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One message of the watch stream.

    Uptimes and lease are seconds, the uptimes by the server's own clock. A field that the server left out is
    NaN, which proves nothing.
    """

    store_id: str
    server_instance_id: str
    revision: int
    status: int
    proven_uptime: float
    sent_uptime: float
    lease: float
    stops: tuple[Stop, ...] = ()
    gate_level: int = 1
    warnings: tuple[LimitWarning, ...] = ()
    installation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Answer to one check. True in a condition exactly when the order is allowed.

    ``scope`` is the stopped scope that decided, where one did; ``detail`` says in a sentence what is the
    matter and what to do.
    """

    allowed: bool
    reason: DenyReason | None = None
    scope: str = ""
    detail: str = ""

    def __bool__(self) -> bool:
        return self.allowed


ALLOW = Verdict(allowed=True)


class OrderDenied(Exception):  # noqa: N818 - the trading field's word for it, and what callers catch
    """An order was not sent because the gate denied it. Never retried, queued or replayed by this library."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict

    @property
    def reason(self) -> DenyReason | None:
        """Why."""
        return self.verdict.reason

    @property
    def scope(self) -> str:
        """The stopped scope that decided, empty where none did."""
        return self.verdict.scope

    def __reduce__(self) -> tuple[type["OrderDenied"], tuple[Verdict]]:
        # Subclasses made at run time cannot be pickled; whoever reads it elsewhere still gets the verdict.
        return OrderDenied, (self.verdict,)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A gate at one moment, for people and dashboards; orders are decided by ``check``.

    ``reason`` and ``detail`` say why it is not OPEN. ``detail`` and ``lease_remaining`` take no part in
    comparisons.
    """

    status: GateStatus
    reason: DenyReason | None = None
    detail: str = field(default="", compare=False)
    store_id: str = ""
    revision: int = 0
    installation: str = ""
    stops: tuple[Stop, ...] = ()
    warnings: tuple[LimitWarning, ...] = ()
    unarmed: tuple[Stop, ...] = ()
    offered_stores: tuple[str, ...] = ()
    lease_remaining: timedelta = field(default=timedelta(0), compare=False)
