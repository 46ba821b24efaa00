"""Latch and audit log in memory, for ``--ephemeral`` servers and for tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ess_server.core.chain import EMPTY_LOG, head_of, link
from ess_server.core.codec import decode_record, encode_record
from ess_server.core.errors import StoreError
from ess_server.core.model import Event, EventDraft, EventHead, LatchRecord
from ess_server.core.ports import Loaded


@dataclass(slots=True)
class MemoryDisk:
    """What outlives a store: hand the same one to the next store and it starts from there."""

    payload: bytes | None = None
    events: list[Event] = field(default_factory=list)


class MemoryPolicyStore:
    """PolicyStore and EventLog that are as durable as ``disk``, which is gone with the process."""

    def __init__(self, disk: MemoryDisk | None = None, *, name: str = "memory") -> None:
        self.name = name
        self._disk = disk or MemoryDisk()

    def load(self) -> Loaded:
        """Read the record; bytes that are none are a problem."""
        if self._disk.payload is None:
            return Loaded(record=None, problem="the record is missing")
        try:
            return Loaded(record=decode_record(self._disk.payload))
        except ValueError as error:
            return Loaded(record=None, problem=f"the record cannot be used: {error}")

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead:
        """Keep record and events. Raises StoreError for what has no encoding, and keeps nothing then."""
        known = {event.draft.event_id for event in self._disk.events}
        added: list[Event] = []
        head = self.head()
        try:
            payload = encode_record(record)
            for draft in drafts:
                if draft.event_id not in known:
                    known.add(draft.event_id)
                    added.append(link(head, draft))
                    head = head_of(added[-1])
        except ValueError as error:
            raise StoreError(f"{self.name} cannot hold this record: {error}") from error
        self._disk.payload = payload
        self._disk.events += added
        return head

    def close(self) -> None:
        """Do nothing: there is no place to release."""

    def head(self) -> EventHead:
        """Return the newest event's number and hash."""
        return head_of(self._disk.events[-1]) if self._disk.events else EMPTY_LOG

    def read(self, *, after: int, limit: int, ascending: bool, stop_id: str = "", kind: str = "") -> Sequence[Event]:
        """Return a page of the log."""
        found = [event for event in self._beyond(after, ascending=ascending) if _fits(event.draft, stop_id, kind)]
        return found[: max(limit, 0)]

    def revisions(self) -> frozenset[int]:
        """Return every revision in the log."""
        return frozenset(event.draft.revision for event in self._disk.events)

    def _beyond(self, after: int, *, ascending: bool) -> Iterator[Event]:
        if ascending:
            return (event for event in self._disk.events if event.sequence > after)
        return (event for event in reversed(self._disk.events) if not after or event.sequence < after)


def _fits(draft: EventDraft, stop_id: str, kind: str) -> bool:
    family = kind.endswith(".") and draft.kind.startswith(kind)
    return stop_id in ("", draft.stop_id) and (family or kind in ("", draft.kind))
