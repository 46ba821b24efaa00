"""The contract of ``EventLog``, checked on every adapter that keeps the audit log."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from ess_server.adapters.memory_store import MemoryDisk, MemoryPolicyStore
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.chain import EMPTY_LOG, verify
from ess_server.core.model import Actor, Credential, Event, EventDraft, EventHead, LatchRecord
from ess_server.core.ports import EventLog, PolicyStore

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KINDS = ("stop.activated", "stop.released", "stop", "stopped.feed", "reset.refused")


class Store(PolicyStore, EventLog, Protocol):
    """A store that keeps the log."""


Opener = Callable[[], Store]


@pytest.fixture(params=["sqlite", "memory"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Give a function that closes the last store on one place and opens a new one."""
    disk = MemoryDisk()
    opened: list[Store] = []

    def open_anew() -> Store:
        for store in opened:
            store.close()
        opened.append(
            SqlitePolicyStore(tmp_path / "state.db") if request.param == "sqlite" else MemoryPolicyStore(disk)
        )
        return opened[-1]

    yield open_anew
    for store in opened:
        store.close()


def record(revision: int) -> LatchRecord:
    """Return a record at ``revision``."""
    return LatchRecord(store_id="the-store", revision=revision, floor=0)


def draft(number: int) -> EventDraft:
    """Return an event of its own id; kind and stop vary with the number, revisions come in pairs."""
    return EventDraft(
        event_id=f"event-{number}",
        kind=KINDS[number % len(KINDS)],
        time=NOON + timedelta(seconds=number),
        summary=f"number {number} ü",
        revision=number // 2,
        actor=Actor(id="ops", credential=Credential.UNIX, peer="unix:", requested_by="Kim"),
        stop_id=f"stop-{number % 3}" if number % 4 else "",
        scope="account/main",
        details=(("b", "2"), ("a", "1"), ("b", "3")),
    )


def filled(reopen: Opener, count: int = 40) -> tuple[Store, list[EventDraft]]:
    """Return a store that holds ``count`` events, written by commits of one to five."""
    store, drafts = reopen(), [draft(number) for number in range(count)]
    begin = 0
    while begin < count:
        size = begin % 5 + 1
        store.commit(record(begin), drafts[begin : begin + size])
        begin += size
    return store, drafts


def all_events(store: EventLog) -> Sequence[Event]:
    """Return the whole log, oldest first."""
    return store.read(after=0, limit=10_000, ascending=True)


def test_empty_log_has_an_empty_head(reopen: Opener) -> None:
    """A log without events, written to or not, has number 0, no hash, no page and no revision."""
    store = reopen()
    for _ in range(2):
        assert store.head() == EMPTY_LOG
        assert list(all_events(store)) == []
        assert store.revisions() == frozenset()
        assert store.commit(record(1), []) == EMPTY_LOG


def test_events_are_numbered_linked_and_kept_whole(reopen: Opener) -> None:
    """Events come back in order, numbered from 1 without a gap, equal to their drafts and chained to the head."""
    store, drafts = filled(reopen)
    events = all_events(store)
    assert [event.sequence for event in events] == list(range(1, len(drafts) + 1))
    assert [event.draft for event in events] == drafts
    assert verify(events, expect=store.head()) == []


def test_commit_returns_the_newest_event(reopen: Opener) -> None:
    """Every commit returns the head of the log, also when it adds nothing."""
    store = reopen()
    for number in range(4):
        head = store.commit(record(number), [draft(number)])
        newest = all_events(store)[-1]
        assert head == store.head() == EventHead(sequence=number + 1, hash=newest.hash)
    assert store.commit(record(9), []) == head


def test_known_event_is_not_added_twice(reopen: Opener) -> None:
    """An event id enters the log once: within a commit, in a later one, and after a restart."""
    store = reopen()
    store.commit(record(1), [draft(1), draft(1)])
    store.commit(record(1), [draft(1), draft(2)])
    store = reopen()
    head = store.commit(record(2), [draft(2), draft(1), draft(3)])
    events = all_events(store)
    assert [event.draft.event_id for event in events] == ["event-1", "event-2", "event-3"]
    assert verify(events, expect=head) == []


def test_log_outlives_the_store(reopen: Opener) -> None:
    """After a restart, head, pages and revisions are what they were, and the chain goes on."""
    store, _ = filled(reopen)
    before = (store.head(), list(all_events(store)), store.revisions())
    store = reopen()
    assert (store.head(), list(all_events(store)), store.revisions()) == before
    head = store.commit(record(99), [draft(99)])
    assert verify(all_events(store), expect=head) == []


def test_revisions_are_those_of_the_events(reopen: Opener) -> None:
    """Each revision that an event carries is named once; a record's own revision is not one of them."""
    store, drafts = filled(reopen)
    store.commit(record(7777), [])
    assert store.revisions() == {one.revision for one in drafts}


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("stop_id", ["", "stop-1", "unknown"])
@pytest.mark.parametrize("kind", ["", "stop.", "stop", "reset.refused", "stopped.", "."])
def test_page_is_what_a_plain_filter_gives(reopen: Opener, kind: str, stop_id: str, *, ascending: bool) -> None:
    """For every filter, start and limit a page is the head of the filtered log in reading direction."""
    store, _ = filled(reopen)
    events = list(all_events(store))
    for after in (0, 1, 17, 40, 400):
        beyond = [
            event
            for event in (events if ascending else events[::-1])
            if (event.sequence > after if ascending else event.sequence < (after or 1_000))
            and stop_id in ("", event.draft.stop_id)
            and (kind in ("", event.draft.kind) or (kind[-1:] == "." and event.draft.kind.startswith(kind)))
        ]
        for limit in (-1, 0, 1, 7, 1_000):
            page = store.read(after=after, limit=limit, ascending=ascending, stop_id=stop_id, kind=kind)
            assert list(page) == beyond[: max(limit, 0)]


def test_pages_join_to_the_whole_log(reopen: Opener) -> None:
    """Going on from the last number of each page, in either direction, shows every event exactly once."""
    store, drafts = filled(reopen)
    for ascending in (True, False):
        seen: list[int] = []
        for _ in range(len(drafts)):
            page = store.read(after=seen[-1] if seen else 0, limit=7, ascending=ascending)
            if not page:
                break
            seen += [event.sequence for event in page]
        assert seen == sorted(seen, reverse=not ascending)
        assert sorted(seen) == list(range(1, len(drafts) + 1))
