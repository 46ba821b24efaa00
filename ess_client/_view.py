"""The verdict: a pure function of what is known, the clock and the order's scopes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from ess_client._model import ALLOW, DenyReason, GateStatus, Stop, Verdict
from ess_client._scopes import Coverage, kind_of

_NOTHING = Coverage(())


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a verdict depends on besides the clock and the order. Replaced as a whole, never changed.

    ``closed`` denies whatever the lease says, ``lapsed`` is the reason once ``lease_until`` is reached.
    """

    lease_until: float = -inf
    stops: Coverage = _NOTHING
    unarmed: Coverage = _NOTHING
    closed: DenyReason | None = None
    lapsed: DenyReason = DenyReason.LEASE_EXPIRED
    followed: str = ""
    offered: str = ""

    @property
    def open_until(self) -> float:
        """Until when every order is allowed whatever its scopes: minus infinity if anything is stopped."""
        return -inf if self.closed or self.stops or self.unarmed else self.lease_until

    def verdict(self, now: float, scopes: Sequence[str]) -> Verdict:
        """Judge an order that opens or may open risk."""
        if self.closed:
            return self._deny(self.closed)
        found = self.stops.find(scopes)
        if found:
            return _deny_for(*found)
        unarmed = self.unarmed.find(scopes)
        if unarmed:
            return _deny_unarmed(unarmed[0])
        return ALLOW if now < self.lease_until else self._deny(self.lapsed)

    def summary(self, now: float) -> tuple[GateStatus, Verdict]:
        """What is let through at all, and the denial of an order that names no scope where it is not all."""
        verdict = self.verdict(now, ())
        if verdict:
            return GateStatus.OPEN, verdict
        if self.closed or self.stops.everything or self.unarmed.everything:
            return GateStatus.CLOSED, verdict
        return (GateStatus.PARTIAL, verdict) if now < self.lease_until else (GateStatus.CLOSED, self._deny(self.lapsed))

    def _deny(self, reason: DenyReason) -> Verdict:
        detail = {
            DenyReason.NEVER_CONNECTED: "no ESS server has told its state yet; see whether one runs: ess status",
            DenyReason.STORE_CHANGED: f"a target serves store {self.offered}, this gate follows {self.followed};"
            " if that is meant to be (ess status), call accept_store()",
            DenyReason.GATE_TOO_OLD: "the ESS server enforces more than this gate understands; upgrade ess_client",
        }.get(reason, "nothing proves that trading is allowed; see whether the ESS server can be reached: ess status")
        return Verdict(allowed=False, reason=reason, detail=detail)


def _deny_for(stop: Stop, reason: DenyReason) -> Verdict:
    if reason is DenyReason.STOPPED:
        detail = f"trading stopped (ESS ACTIVE): {stop}"
    else:
        kind = kind_of(stop.scope)
        detail = f"{stop.scope} is stopped and this order names no {kind}; pass '{kind}/<id>' to the check"
    return Verdict(allowed=False, reason=reason, scope=stop.scope, detail=detail)


def _deny_unarmed(stop: Stop) -> Verdict:
    detail = f"the stop of {stop.scope} was released; call rearm() to trade again"
    return Verdict(allowed=False, reason=DenyReason.NOT_REARMED, scope=stop.scope, detail=detail)
