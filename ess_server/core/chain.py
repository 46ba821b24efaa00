"""The hash chain of the audit log: how an event is linked, read back and checked."""

from collections.abc import Iterable

from ess_server.core import canonical
from ess_server.core.codec import actor_from_json, actor_to_json, digest
from ess_server.core.model import Event, EventDraft, EventHead

VERSION = 1
EMPTY_LOG = EventHead(sequence=0, hash=b"")

_KEYS = (
    "v",
    "sequence",
    "event_id",
    "kind",
    "time",
    "summary",
    "revision",
    "actor",
    "stop_id",
    "scope",
    "details",
)


def link(head: EventHead, draft: EventDraft) -> Event:
    """Return ``draft`` as the event after ``head``. Raises ValueError for a time without a zone."""
    sequence = head.sequence + 1
    record = _encode(sequence, draft)
    return Event(
        sequence=sequence,
        draft=draft,
        record=record,
        previous_hash=head.hash,
        hash=digest(head.hash + record),
    )


def head_of(event: Event) -> EventHead:
    """Return the head of a log that ends with ``event``."""
    return EventHead(sequence=event.sequence, hash=event.hash)


def parse(record: bytes) -> tuple[int, EventDraft]:
    """Read number and draft from an event's record. Raises ValueError for anything unexpected."""
    read = canonical.load_versioned(record, VERSION, _KEYS)
    draft = EventDraft(
        event_id=canonical.text(read["event_id"]),
        kind=canonical.text(read["kind"]),
        time=canonical.time(read["time"]),
        summary=canonical.text(read["summary"]),
        revision=canonical.integer(read["revision"]),
        actor=actor_from_json(read["actor"]),
        stop_id=canonical.text(read["stop_id"]),
        scope=canonical.text(read["scope"]),
        details=tuple(_pair(pair) for pair in canonical.items(read["details"])),
    )
    return canonical.integer(read["sequence"], least=1), draft


def restore(record: bytes, previous_hash: bytes, own_hash: bytes) -> Event:
    """Return a stored or received event; ``verify`` tells whether it is genuine. Raises ValueError as ``parse``."""
    sequence, draft = parse(record)
    return Event(sequence=sequence, draft=draft, record=record, previous_hash=previous_hash, hash=own_hash)


def verify(events: Iterable[Event], start: EventHead = EMPTY_LOG, expect: EventHead | None = None) -> list[str]:
    """Check that ``events``, in ascending order, follow ``start`` unchanged and without a gap.

    ``expect`` is a head that was published at some time: the chain must contain it. Returns one sentence per
    problem, none if the chain is intact. Reads the events once and keeps none of them.
    """
    problems = []
    last = start
    witness = start if expect is not None and expect.sequence == start.sequence else None
    for event in events:
        problems += link_problems(last, event.sequence, event.record, event.previous_hash, event.hash)
        problems += _content_problems(event)
        last = head_of(event)
        if expect is not None and event.sequence == expect.sequence:
            witness = last
    if expect is not None and witness != expect:
        problems.append(_witness_problem(start, last, expect, seen=witness is not None))
    return problems


def link_problems(last: EventHead, sequence: int, record: bytes, previous_hash: bytes, own_hash: bytes) -> list[str]:
    """Check one stored event against the head before it, by number and hashes only; one sentence per problem."""
    problems = []
    if sequence != last.sequence + 1:
        problems.append(f"event {sequence} follows event {last.sequence}: events are missing or out of order")
    if previous_hash != last.hash:
        problems.append(f"event {sequence} was not written after event {last.sequence} as it is now")
    if own_hash != digest(previous_hash + record):
        problems.append(f"event {sequence} was changed: it does not match its hash")
    return problems


def _content_problems(event: Event) -> list[str]:
    try:
        if parse(event.record) == (event.sequence, event.draft):
            return []
    except ValueError as error:
        return [f"the record of event {event.sequence} cannot be read: {error}"]
    return [f"event {event.sequence} shows something else than its record says"]


def _witness_problem(start: EventHead, last: EventHead, expect: EventHead, *, seen: bool) -> str:
    if seen:
        return f"event {expect.sequence} is not the one that was published: the log was rewritten"
    if expect.sequence > last.sequence:
        return f"the log ends at event {last.sequence}, but event {expect.sequence} was published: its tail is cut"
    if expect.sequence < start.sequence:
        return f"event {expect.sequence} was published but lies before event {start.sequence}, where this check began"
    return f"event {expect.sequence} was published but is missing"


def _encode(sequence: int, draft: EventDraft) -> bytes:
    return canonical.dump(
        {
            "v": VERSION,
            "sequence": sequence,
            "event_id": draft.event_id,
            "kind": draft.kind,
            "time": canonical.time_text(draft.time),
            "summary": draft.summary,
            "revision": draft.revision,
            "actor": actor_to_json(draft.actor),
            "stop_id": draft.stop_id,
            "scope": draft.scope,
            "details": [list(pair) for pair in draft.details],
        }
    )


def _pair(value: object) -> tuple[str, str]:
    match canonical.items(value):
        case [name, fact]:
            return canonical.text(name), canonical.text(fact)
        case _:
            raise ValueError("a detail is not a pair of texts")
