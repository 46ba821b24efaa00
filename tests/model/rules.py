"""What an implementation has to hold to, each rule as a switch, and how much may happen in one exploration.

Where a rule lives in the code: ``restore`` is ess_server/core/restore.py, ``latch`` latch.py, ``controller``
controller.py, ``journal`` journal.py and ``reset`` reset.py beside it; the gate is ess_client, its rules are
in docs/gate.md. A dagger marks the rules of the design; the others are what it takes to keep them.

===========================  ======================================================================
rule                         in the code
===========================  ======================================================================
start_compares_both †        restore: what is not stopped must be the same in every record
doubt_latches_block          restore: a record that is missing or contradicts gives a global stop
doubt_only_blocks            restore: that stop is BLOCK
floor †                      restore: a start leaves a gap above every revision on disk
floor_gap_exceeds_run        restore.FLOOR_GAP is more than the revisions taken since the last write
floor_in_log                 start-up: the floor is committed to the store, where the event log is
floor_before_shown †         start-up: no stream, no revision before the floor is committed
no_floor_is_active †         start-up: a floor that cannot be committed is a global BLOCK
late_block_new_revision      start-up: that BLOCK is an activation, it does not reuse the floor
trigger_takes_revision †     controller.activate: also while ACTIVE
action_only_rises †          latch.activate, latch.union
witness †                    controller.witness, before the stream is served
writes_in_order              journal.RecordWriter: a record never goes back to an older state
reset_checks_revision        reset: a stop with a higher revision than the named one refuses
reset_waits_for_durable †    reset: what it releases is on disk
durable_means_both           reset: ... in every record, the last one written above all
looks_before_writes †        journal.RecordWriter.try_once, ``still_wanted``
looks_in_memory_step †       reset: in the step that adopts the released state
looks_at_every_scope         reset: anything newer counts, whatever its scope
failed_write_rewrites †      reset: a stop is written again before the failure is answered
tripwire_refuses_reset †     reset: an obstacle that cannot be overridden
gate_ignores_lower           gate: a revision below the highest one seen changes nothing
gate_remembers_stop          gate: INACTIVE at the revision of a stop that it saw opens nothing
gate_refuses_other_store     gate: another store opens nothing
gate_drops_old_stream        gate: nothing from an older stream counts once a new one was asked for
===========================  ======================================================================
"""

from dataclasses import dataclass

from .state import BLOCK, FLATTEN, GLOBAL

MOST_STARTS = 2
GAP = 12
"""Stands for ``restore.FLOOR_GAP``: more than the revisions that a run of the model can take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All True is the protocol; one False leaves that rule out."""

    start_compares_both: bool = True
    doubt_latches_block: bool = True
    doubt_only_blocks: bool = True
    floor: bool = True
    floor_gap_exceeds_run: bool = True
    floor_in_log: bool = True
    floor_before_shown: bool = True
    no_floor_is_active: bool = True
    late_block_new_revision: bool = True
    trigger_takes_revision: bool = True
    action_only_rises: bool = True
    witness: bool = True
    writes_in_order: bool = True
    reset_checks_revision: bool = True
    reset_waits_for_durable: bool = True
    durable_means_both: bool = True
    looks_before_writes: bool = True
    looks_in_memory_step: bool = True
    looks_at_every_scope: bool = True
    failed_write_rewrites: bool = True
    tripwire_refuses_reset: bool = True
    gate_ignores_lower: bool = True
    gate_remembers_stop: bool = True
    gate_refuses_other_store: bool = True
    gate_drops_old_stream: bool = True

    floors_differ: bool = False
    """No rule but a hardening: floors are drawn, so that not even one that was lost is drawn again."""

    def floor_above(self, highest: int, start: int) -> int:
        """Return the floor of the ``start``-th start, which finds ``highest`` on disk."""
        if not self.floor:
            return highest
        floor = highest + (GAP if self.floor_gap_exceeds_run else 1)
        # A drawn floor may well be below one that was drawn before and lost: later starts come out lower.
        while self.floors_differ and (floor % GAP or (floor // GAP + start) % (MOST_STARTS + 1) != 1):
            floor += 1
        return floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How often what may happen. ``triggers`` are (scope, action) in the order in which they arrive.

    ``errors`` are writes that report one, or starts that go on without their floor. ``notes``: times that the
    operator reads the state long before the reset. ``losses``: crashes that also lose records, ``rollbacks``:
    that bring back an old copy of both. ``late``: messages may linger in a stream.
    """

    triggers: tuple[tuple[int, int], ...] = ((GLOBAL, FLATTEN), (GLOBAL, BLOCK))
    resets: int = 0
    crashes: int = 0
    errors: int = 0
    notes: int = 0
    losses: int = 0
    rollbacks: int = 0
    tripwires: int = 0
    late: bool = False

    def cover(self, other: "Bounds") -> bool:
        """Whether everything that may happen within ``other`` may happen within these bounds."""
        counts = ("resets", "crashes", "errors", "notes", "losses", "rollbacks", "tripwires", "late")
        fits = all(getattr(self, name) >= getattr(other, name) for name in counts)
        return fits and self.triggers[: len(other.triggers)] == other.triggers
