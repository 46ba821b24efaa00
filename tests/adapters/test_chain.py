"""The hash chain of the audit log."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core import canonical
from ess_server.core.chain import EMPTY_LOG, head_of, link, parse, restore, verify
from ess_server.core.model import Actor, Credential, Event, EventDraft, EventHead
from tests.exploration import explored

TEXTS = st.text(max_size=30)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))])
DRAFTS = st.builds(
    EventDraft,
    event_id=TEXTS,
    kind=TEXTS,
    time=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES),  # noqa: DTZ001 - zones come next
    summary=TEXTS,
    revision=st.integers(0, canonical.MAX_INTEGER),
    actor=st.builds(Actor, id=TEXTS, credential=st.sampled_from(Credential), peer=TEXTS, requested_by=TEXTS),
    stop_id=TEXTS,
    scope=TEXTS,
    details=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
)


def chained(drafts: list[EventDraft]) -> list[Event]:
    """Return the log of these drafts."""
    events: list[Event] = []
    for one in drafts:
        events.append(link(head_of(events[-1]) if events else EMPTY_LOG, one))
    return events


def relinked(events: list[Event]) -> list[Event]:
    """Return the same drafts as a forger would chain them: numbered and hashed anew."""
    return chained([event.draft for event in events])


@pytest.fixture
def log(draft: Callable[[int], EventDraft]) -> list[Event]:
    """Give a log of six events."""
    return chained([draft(number) for number in range(1, 7)])


@explored(40)
@given(st.lists(DRAFTS, max_size=5))
def test_any_log_is_intact_and_comes_back_equal(drafts: list[EventDraft]) -> None:
    """Linked events verify, are numbered from 1, and are restored equal from what is stored of them."""
    events = chained(drafts)
    restored = [restore(event.record, event.previous_hash, event.hash) for event in events]
    assert restored == events
    assert [parse(event.record) for event in events] == list(enumerate(drafts, 1))
    for expect in [EMPTY_LOG, *map(head_of, events)]:
        assert verify(restored, expect=expect) == []


def test_hash_is_sha256_over_previous_hash_and_record(log: list[Event]) -> None:
    """Anyone can recompute a hash from the two fields that the contract names."""
    assert log[0].previous_hash == b""
    for before, event in pairwise(log):
        assert event.previous_hash == before.hash
        assert event.hash == hashlib.sha256(before.hash + event.record).digest()


def test_record_is_that_of_version_1(draft: Callable[[int], EventDraft]) -> None:
    """The hashed bytes are fixed: a log that this version wrote stays verifiable."""
    one = replace(draft(1), details=(("b", "1"), ("a", "2")))
    assert link(EventHead(sequence=4, hash=b"x"), one).record == (
        b'{"actor":{"credential":2,"id":"ess-server","peer":"","requested_by":""},"details":[["b","1"],["a","2"]],'
        b'"event_id":"event-1","kind":"stop.activated","revision":1,"scope":"","sequence":5,"stop_id":"",'
        b'"summary":"stopped","time":"2026-01-05T12:00:01.000000+00:00","v":1}'
    )


def test_part_of_a_log_is_checked_from_its_own_start(log: list[Event]) -> None:
    """A page is intact after the head before it, and not after any other."""
    assert verify(log[3:], start=head_of(log[2]), expect=head_of(log[5])) == []
    assert verify([], start=head_of(log[2]), expect=head_of(log[2])) == []
    assert verify(log[3:], start=head_of(log[1]))
    assert verify(log[3:])


def test_every_changed_bit_of_a_stored_event_is_found(log: list[Event]) -> None:
    """Whatever bit of record, hash or previous hash changes in the middle of a log, verify says so."""
    event = log[3]
    for name in ("record", "hash", "previous_hash"):
        original: bytes = getattr(event, name)
        for position in range(len(original)):
            for bit in (1, 16, 128):
                data = original[:position] + bytes([original[position] ^ bit]) + original[position + 1 :]
                fields: dict[str, Any] = {name: data}
                forged = [*log[:3], replace(event, **fields), *log[4:]]
                assert verify(forged), (name, position, bit)


def test_event_that_shows_another_draft_is_found(log: list[Event]) -> None:
    """A draft or number that differs from the hashed record is reported, though every hash fits."""
    forged = [*log[:2], replace(log[2], draft=replace(log[2].draft, summary="nothing happened")), *log[3:]]
    assert verify(forged) == ["event 3 shows something else than its record says"]


def test_event_that_is_changed_with_its_record_is_found(log: list[Event]) -> None:
    """A readable record that says something else than was hashed is reported, in the middle and at the end."""
    for position in (2, 5):
        event = log[position]
        record = event.record.replace(b"stopped", b"resumed")
        forged = [*log[:position], restore(record, event.previous_hash, event.hash), *log[position + 1 :]]
        assert verify(forged) == [f"event {event.sequence} was changed: it does not match its hash"]
    assert verify([*log[:5], replace(log[5], hash=b"x" * 32)])


def test_removed_swapped_and_inserted_events_are_found(log: list[Event]) -> None:
    """Leaving one out, changing the order, repeating or adding one is reported and names a place."""
    forgeries = [
        [*log[:2], *log[3:]],
        log[1:],
        [log[0], log[2], log[1], *log[3:]],
        [*log[:3], log[2], *log[3:]],
        [*log[:3], link(head_of(log[2]), log[0].draft), *log[3:]],
    ]
    for forged in forgeries:
        problems = verify(forged)
        assert problems
        assert all("event" in problem for problem in problems)


def test_one_fault_is_reported_once(log: list[Event]) -> None:
    """A gap is one place, not a complaint about each event after it."""
    assert verify([*log[:2], *log[3:]]) == [
        "event 4 follows event 2: events are missing or out of order",
        "event 4 was not written after event 2 as it is now",
    ]


def test_cut_tail_is_found_by_a_published_head(log: list[Event]) -> None:
    """A log that ends before an event that was published is cut, also when nothing is left."""
    for left in range(6):
        (problem,) = verify(log[:left], expect=head_of(log[5]))
        assert problem == f"the log ends at event {left}, but event 6 was published: its tail is cut"


def test_rewritten_log_is_found_by_an_older_head(log: list[Event]) -> None:
    """A log that was chained anew after a change contradicts any head published after the change."""
    forged = relinked([log[0], replace(log[1], draft=replace(log[1].draft, summary="another")), *log[2:]])
    assert verify(forged) == []
    assert verify(forged, expect=head_of(log[0])) == []
    for published in log[1:]:
        (problem,) = verify(forged, expect=head_of(published))
        assert problem == f"event {published.sequence} is not the one that was published: the log was rewritten"


def test_head_that_cannot_be_compared_is_a_problem(log: list[Event]) -> None:
    """A head before the first event read, in a gap, or that differs from the start proves nothing."""
    assert "before event 3" in verify(log[3:], start=head_of(log[2]), expect=head_of(log[1]))[0]
    assert "missing" in verify([*log[:2], *log[3:]], expect=head_of(log[2]))[-1]
    assert "rewritten" in verify(log[3:], start=head_of(log[2]), expect=replace(head_of(log[2]), hash=b"x"))[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b'"sequence":1', b'"sequence":0'),
        (b'"sequence":1', b'"sequence":"1"'),
        (b'"revision":1', b'"revision":-1'),
        (b'"credential":2', b'"credential":9'),
        (b'"details":[]', b'"details":[["a"]]'),
        (b'"details":[]', b'"details":[["a","b","c"]]'),
        (b'"details":[]', b'"details":[["a",1]]'),
        (b'"details":[]', b'"details":["ab"]'),
        (b'"details":[]', b'"details":{}'),
        (b'"kind":"stop.activated"', b'"kind":1'),
        (b'"kind":"stop.activated"', b'"kind":"stop.activated","kinds":1'),
        (b"+00:00", b"+01:00"),
        (b'"v":1}', b'"v":1} '),
    ],
)
def test_unexpected_record_is_refused(log: list[Event], old: bytes, new: bytes) -> None:
    """A record that is anything but what this version writes raises ValueError and fails to verify."""
    record = log[0].record.replace(old, new)
    assert record != log[0].record
    with pytest.raises(ValueError, match=r".+"):
        parse(record)
    forged = replace(log[0], record=record, hash=hashlib.sha256(record).digest())
    (problem,) = verify([forged])
    assert problem.startswith("the record of event 1 cannot be read")
