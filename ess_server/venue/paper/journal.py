"""What happened on the venue, by the venue's own clock: the evidence that tests and demos read."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One thing that happened. ``seq`` counts 1, 2, 3 and orders entries that share a time.

    Kinds: ``order`` (accepted), ``fill``, ``cancel``, ``expire``, ``amend``, ``refused``, ``conditional``,
    ``trigger``, ``conditional_cancel``, ``mark`` (set on purpose), ``transfer``, ``account``, ``mode``,
    ``countdown``, ``fault``, ``kept``, ``limited``, ``unknown_path``. Amounts in ``details`` are Decimals.
    """

    seq: int
    at: datetime
    kind: str
    account: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


class Journal:
    """The newest entries, oldest first; ``capacity`` bounds the memory."""

    def __init__(self, now: Callable[[], datetime], capacity: int = 100_000) -> None:
        self._now = now
        self._entries: deque[JournalEntry] = deque(maxlen=capacity)
        self._seq = 0

    @property
    def last_seq(self) -> int:
        """Number of the newest entry, 0 before the first."""
        return self._seq

    def add(self, kind: str, account: str = "", **details: object) -> None:
        """Append one entry, stamped now."""
        self._seq += 1
        entry = JournalEntry(seq=self._seq, at=self._now(), kind=kind, account=account, details=details)
        self._entries.append(entry)

    def read(
        self, *, after: int = 0, kinds: Iterable[str] = (), account: str | None = None, limit: int | None = None
    ) -> list[JournalEntry]:
        """Return entries numbered above ``after``, filtered; ``limit`` takes the oldest that many."""
        wanted = frozenset(kinds)
        found = [
            entry
            for entry in self._entries
            if entry.seq > after
            and (not wanted or entry.kind in wanted)
            and (account is None or entry.account == account)
        ]
        return found if limit is None else found[:limit]


def grew_or_flipped(entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    """Return the fills after which a leg was larger than before, or on the other side.

    The proof that a flatten never adds exposure: over its time span this is empty for the account.
    """
    guilty = []
    for entry in entries:
        before, after = entry.details.get("before"), entry.details.get("after")
        if entry.kind != "fill" or not isinstance(before, Decimal) or not isinstance(after, Decimal):
            continue
        if abs(after) > abs(before) or before * after < 0:
            guilty.append(entry)
    return guilty
