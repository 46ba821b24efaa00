"""How long a flatten would take at a venue's request limits. Pure."""

from datetime import timedelta
from math import ceil

from ess_server.core.examination import Load, RequestLimits

READS = 5
"""Complete readings of a flatten in which every request succeeds: first, after the cancels, two clean ones, and one
after the quiet window."""
CLEAN_READS = 3
"""Readings where there was nothing to undo."""
WORST = Load(orders=200, conditional=50, positions=50, symbols=50, parts=200)
"""What the prediction assumes for a bad day: fifty markets, each with a position of four times what one market order
may be, four resting orders and a conditional one."""


def seconds_to_flat(
    load: Load, limits: RequestLimits, *, round_trip: timedelta, sharing: int = 1, pauses: timedelta = timedelta()
) -> timedelta:
    """Return the time from the stop to FLAT if the venue answers everything, at its limits.

    It is the sum of

    - ``round_trip`` for each complete reading, and for each batch of ``concurrency`` cancels and closes;
    - what the readings of all ``sharing`` accounts, which are stopped together, have to wait for beyond ``read_burst``;
    - what cancels and closes have to wait for beyond ``send_burst``;
    - ``pauses``: the gap between the clean readings, and the quiet window; what the last reading costs comes in
      meanwhile.

    Left out: what comes in faster than it is undone, prices that run away, faults and further attempts; and what other
    programs use of the same limits. On the safe side: nothing else of the budget comes in while requests are on their
    way, and every reading is complete.
    """
    if not (load.orders or load.conditional or load.positions):
        return _reading(CLEAN_READS, limits, round_trip, sharing, pauses) + pauses
    cancels = _cancels(load, limits)
    waves = ceil(cancels / limits.concurrency) + ceil(load.parts / limits.concurrency)
    beyond = max(0.0, cancels + load.parts - limits.send_burst)
    sending = waves * round_trip + timedelta(seconds=beyond / limits.send_per_second)
    return _reading(READS, limits, round_trip, sharing, pauses) + sending + pauses


def _reading(reads: int, limits: RequestLimits, round_trip: timedelta, sharing: int, pauses: timedelta) -> timedelta:
    each = (sharing if limits.shared else 1) * limits.read_weight
    left = limits.read_burst - (reads - 1) * each
    last = each - max(0.0, left) - pauses.total_seconds() * limits.read_per_second
    beyond = max(0.0, -left) + max(0.0, last)
    return reads * round_trip + timedelta(seconds=beyond / limits.read_per_second)


def _cancels(load: Load, limits: RequestLimits) -> int:
    kinds = [count for count in (load.orders, load.conditional) if count]
    if limits.cancel_batch is None:
        return len(kinds)
    if limits.cancel_batch == 0:
        return sum(min(count, load.symbols) for count in kinds)
    return sum(ceil(count / limits.cancel_batch) for count in kinds)
