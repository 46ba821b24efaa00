"""What a person asks of a reset or hold, and everything that can stand in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ess_server.core import latch
from ess_server.core.errors import InvalidRequestError, Refusal
from ess_server.core.model import GLOBAL, MAX_REASON_BYTES, Actor, Credential, EmergencyState, Scope, Stop

MAX_ID_BYTES = latch.MAX_REQUEST_ID_BYTES

REVISION_MISMATCH = "REVISION_MISMATCH"
STORE_FAILED = "STORE_FAILED"
NOT_STOPPED = "NOT_STOPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What a person asks. ``revision`` is the highest one that the person has looked at."""

    revision: int
    reason: str
    actor: Actor
    scope: Scope = GLOBAL
    overrides: frozenset[str] = frozenset()
    rebaseline: bool = False
    validate_only: bool = False
    request_id: str = ""
    store_id: str = ""


class Outcome(Enum):
    """What became of a request; values are those of the contract's ``ResetOutcome``."""

    RELEASED = 1
    VALIDATED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResult:
    """What was done, and the state after it; ``refusals`` only after a check."""

    outcome: Outcome
    state: EmergencyState
    stops: tuple[Stop, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Obstacle(Protocol):
    """Something that may stand in the way of a reset. What a class does not define does nothing."""

    async def refusals(self, stops: Sequence[Stop]) -> Sequence[Refusal]:
        """Return what stands in the way of releasing ``stops``."""

    async def override(self, stops: Sequence[Stop]) -> None:
        """Make going past it safe, before anything is written. Raises ResetRefusedError if that cannot be."""
        return

    def released(self, stops: Sequence[Stop], request: ReleaseRequest) -> None:
        """Take note of the release, in the same step in which it becomes true."""
        return

    def abandoned(self) -> None:
        """Undo ``override``: the release did not happen."""
        return


def check_fields(request: ReleaseRequest, state: EmergencyState) -> None:
    """Raise InvalidRequestError for a field that is missing or too long."""
    if request.revision <= 0:
        problem = f"is required: the highest one you have looked at; ess status shows it (now {state.revision})"
        raise InvalidRequestError("revision", problem)
    if not request.reason.strip():
        raise InvalidRequestError("reason", "is required: say why it is safe, in 1 to 1024 bytes")
    if len(request.reason.encode()) > MAX_REASON_BYTES:
        raise InvalidRequestError("reason", "is longer than 1024 bytes; shorten it")
    if len(request.request_id.encode()) > MAX_ID_BYTES:
        raise InvalidRequestError("request_id", "is longer than 64 bytes; shorten it")
    if request.actor.credential is Credential.NONE and not request.actor.requested_by:
        raise InvalidRequestError("requested_by", "is required where no credential tells who you are")


def _final(reason: str, detail: str) -> Refusal:
    return Refusal(reason=reason, detail=detail, overridable=False)


def coverage_refusals(request: ReleaseRequest, state: EmergencyState, agreed_revision: int) -> list[Refusal]:
    """Return why the stops that ``request`` covers may not be released, as far as the latch itself goes.

    They must exist and carry no higher revision than the person has looked at, and every record must hold the
    present state (``agreed_revision``): a release that overtakes its stop on the way to one of the disks could,
    after a crash, not be told from one that never happened. The state's revision counts and not the stop's,
    because after a release that failed a record may already lack the stop.
    """
    if request.store_id and request.store_id != state.store_id:
        detail = f"store_id: this server follows store {state.store_id}; check the target"
        return [_final(REVISION_MISMATCH, detail)]
    stops = latch.covered(state, request.scope)
    if not stops:
        others = ", ".join(str(s.scope) for s in state.stops) or "none"
        return [_final(NOT_STOPPED, f"{request.scope} is not stopped itself; standing stops: {others}")]
    if request.revision > state.revision:
        detail = f"revision {request.revision} was never issued; the newest is {state.revision}"
        return [_final(REVISION_MISMATCH, f"{detail}; look with: ess status")]
    found = [
        _final(
            REVISION_MISMATCH,
            f"{s.scope} was stopped at revision {s.revision} ({s.cause.reason or 'no reason given'}), "
            f"after the {request.revision} that you looked at; look with: ess status",
        )
        for s in stops
        if s.revision > request.revision
    ]
    if state.revision > agreed_revision:
        found.append(_final(STORE_FAILED, "the stop is not on disk yet; mend the disk, then: ess status"))
    return found
