"""What stands in the way of a reset, each with the next command to type."""

import re
from collections.abc import Iterable, Iterator

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit

_NEXT: dict[str, str] = {
    "REVISION_MISMATCH": "{ess} status, and then again with the revision that it shows",
    "NOT_FLAT": "{ess} status until the accounts are flat, or take it upon you: --override NOT_FLAT",
    "CONDITION_TRUE": "wait until it is over, or: --override CONDITION_TRUE, for a loss also --rebaseline",
    "UNCONFIRMED_GATES": "{ess} subscribers --unconfirmed, then mend these engines or: --override UNCONFIRMED_GATES",
    "TRIPWIRE_PRESENT": "on the server's machine: rm DATA_DIR/tripwire",
    "NOT_STOPPED": "{ess} status",
    "STORE_FAILED": "mend the disk, then: {ess} status",
    "AUDIT_UNAVAILABLE": "mend the disk, then: {ess} status",
    "APPROVER_IS_PROPOSER": "have somebody else send the same command",
}
KNOWN = frozenset(_NEXT)
_REASON = re.compile(r"(?:^|; )([A-Z][A-Z_]{2,}): ")


def is_refusal(error: grpc.RpcError) -> bool:
    """Whether a call failed because something stands in its way."""
    return error.code() in (grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION)


def in_words(message: str) -> list[pb.Refusal]:
    """Read the refusals that a status message lists as ``REASON: detail; REASON: detail``."""
    parts = _REASON.split(message)
    return [pb.Refusal(reason=reason, detail=detail) for reason, detail in zip(parts[1::2], parts[2::2], strict=True)]


def lines(refusals: Iterable[pb.Refusal], ess: str) -> Iterator[str]:
    """Yield two lines for each: what is the matter, and what to type."""
    for refusal in refusals:
        yield f"{refusal.reason}: {refusal.detail}"
        override = f"--override {refusal.reason}" if refusal.overridable else "{ess} status"
        yield "    next: " + _NEXT.get(refusal.reason, override).replace("{ess}", ess)


def refused(what: str, message: str, ess: str) -> CommandError:
    """Return the error for a refused ``what``."""
    found = in_words(message)
    if not found:
        return CommandError(f"{what} was refused: {message}", Exit.REFUSED, next_steps=(f"{ess} status",))
    count = "one thing stands" if len(found) == 1 else f"{len(found)} things stand"
    return CommandError(f"{what} was refused, {count} in the way", Exit.REFUSED, lines=tuple(lines(found, ess)))
