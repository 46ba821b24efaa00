"""What a starting server may believe of its two durable records. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ess_server.core.latch import Activation, activate, cut, union
from ess_server.core.model import (
    GLOBAL,
    MAX_CAUSE_REASON_BYTES,
    SERVER,
    Action,
    Cause,
    CauseSource,
    EmergencyState,
    LatchRecord,
    Stop,
)
from ess_server.core.ports import Loaded

FLOOR_GAP = 1000
"""Revisions left out at each start, so that one which was told but never stored is not used again."""
FLOOR_SPREAD = 9000
"""Each start draws its floor from so many more, so that a data directory put back to an older copy does not
repeat the numbers that gates have seen."""
KEPT_REASON_BYTES = 96
"""How much of a standing stop's reason is kept beside a doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The state a server starts from, not yet written.

    ``transition`` is the revision of the last change that is known; ``problem`` is empty if INACTIVE scopes
    are proven, else it is the sentence that the added global BLOCK carries.
    """

    state: EmergencyState
    transition: int
    problem: str = ""

    def record(self) -> LatchRecord:
        """Return the record that commits this start's floor."""
        return LatchRecord(
            store_id=self.state.store_id,
            revision=self.transition,
            floor=self.state.revision,
            stops=self.state.stops,
        )


def _doubt(loaded: Sequence[tuple[str, Loaded]]) -> str:
    problems = [f"{name}: {one.problem}" for name, one in loaded if one.problem]
    if problems:
        return "; ".join(problems)
    records = [replace(one.record, floor=0, event_sequence=0, event_hash="") for _, one in loaded if one.record]
    if any(r != records[0] for r in records[1:]):
        return "the records contradict each other: " + ", ".join(
            f"{name} says revision {one.record.revision} with {len(one.record.stops)} stops"
            for name, one in loaded
            if one.record
        )
    return ""


def restore(
    loaded: Sequence[tuple[str, Loaded]],
    *,
    highest_logged: int,
    now: datetime,
    new_store_id: str,
    new_stop_id: str,
    spread: int = 0,
    doubt: str = "",
) -> Restored:
    """Join the records into the state to start from.

    What is not stopped must be the same in every record, and every record intact; anything else is a global
    BLOCK (never more: an unmounted volume must not sell the book) plus the union of their stops.
    ``doubt`` adds a reason of the caller's, such as a log that ends too early. ``highest_logged`` is the
    highest revision in the audit log. The state's revision is a floor above every revision known, by FLOOR_GAP
    and ``spread``, which the caller draws below FLOOR_SPREAD.
    """
    records = [one.record for _, one in loaded if one.record]
    known = max([highest_logged, *(max(r.revision, r.floor, *(s.revision for s in r.stops), 0) for r in records)])
    floor = known + FLOOR_GAP + spread
    stops = union([r.stops for r in records])
    state = EmergencyState(store_id=records[0].store_id if records else new_store_id, revision=floor, stops=stops)
    problem = "; ".join(filter(None, (_doubt(loaded), doubt)))
    if not problem:
        return Restored(state=state, transition=records[0].revision)
    if not records and all(one.problem.endswith("missing") for _, one in loaded):
        problem = "this store was never commissioned; commission it with: ess reset"
    cause = Cause(source=CauseSource.STORE, reason=problem, actor=SERVER, time=now)
    block = Activation(scope=GLOBAL, action=Action.BLOCK, cause=cause)
    blocked = activate(state, block, revision=floor, stop_id=new_stop_id)
    return Restored(state=_saying(problem, blocked, state.stop_for(GLOBAL)), transition=floor, problem=problem)


def _saying(problem: str, blocked: EmergencyState, standing: Stop | None) -> EmergencyState:
    """Let a global stop that stood already tell the doubt too: who looks at it must not take it for all there is."""
    joined = blocked.stop_for(GLOBAL)
    if standing is None or joined is None:
        return blocked
    told = standing.cause.source is not CauseSource.STORE and cut(standing.cause.reason, KEPT_REASON_BYTES)
    reason = f"{told}; and at a later start: {problem}" if told else problem
    cause = replace(joined.cause, reason=cut(reason, MAX_CAUSE_REASON_BYTES))
    return blocked.with_stop(replace(joined, cause=cause))
