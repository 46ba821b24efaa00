"""The numbers of transitions: each is used once, and none that a later start could use again."""

from collections.abc import Collection

MOST_UNWRITTEN = 700
"""Numbers that may wait for the disk; well below the gap that a start leaves, and every scope and action beyond."""
LARGEST_STEP = 10_000_000
"""How far one gate's word may move the numbers; more is no revision that any server has issued."""


class Revisions:
    """Numbers that this process has used, from its floor up, and those that earlier ones have left in the log."""

    def __init__(self, floor: int, logged: Collection[int]) -> None:
        self.floor = self.newest = self._counted_from = floor
        self._logged = frozenset(logged)

    def allocate(self) -> int:
        """Return a number that was never used, and never will be again."""
        self.newest += 1
        return self.newest

    def step_over(self, seen: int) -> None:
        """Go on above what a gate has seen, or it would ignore what comes next."""
        if self.newest < seen <= self.newest + LARGEST_STEP:
            self.newest = self._counted_from = seen

    def knows(self, revision: int) -> bool:
        """Whether this store has committed ``revision``, or a person has covered it.

        Those of this process are in memory, older ones in the log. Those before the log's first event were
        covered by the reset that commissioned it.
        """
        if self.floor <= revision <= self.newest:
            return True
        return revision in self._logged or revision < min(self._logged, default=0)

    def crowded(self, durable: int) -> bool:
        """Whether so many numbers are above ``durable`` that a crash now could let the next start repeat one."""
        return self.newest - max(self._counted_from, durable) >= MOST_UNWRITTEN
