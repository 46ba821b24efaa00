"""Ids that were seen lately."""

from collections.abc import Iterable

MAX_IDS = 10_000
"""Ids remembered of one kind; the oldest are forgotten."""


class RecentIds:
    """The newest ids, in order of arrival."""

    def __init__(self, ids: Iterable[str] = (), capacity: int = MAX_IDS) -> None:
        self._ids = dict.fromkeys(ids)
        self._capacity = capacity

    def add(self, ident: str) -> bool:
        """Remember an id; False if it is known already."""
        if ident in self._ids:
            return False
        self._ids[ident] = None
        if len(self._ids) > self._capacity:
            del self._ids[next(iter(self._ids))]
        return True

    def __contains__(self, ident: str) -> bool:
        return ident in self._ids

    def all(self) -> tuple[str, ...]:
        """Return every id, oldest first."""
        return tuple(self._ids)
