"""The contract of ``PolicyStore``: what was committed is there, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from ess_server.core.errors import StoreError
from ess_server.core.model import Scope, ScopeKind
from tests.contract.policy_store.records import NOON, draft, record, stop


def test_nothing_is_read_where_nothing_was_written(place: Any) -> None:
    """A place that was never written has no record and says that it is missing: it proves nothing."""
    loaded = place.open().load()
    assert loaded.record is None
    assert loaded.problem.endswith("missing")


def test_load_leaves_no_trace(place: Any) -> None:
    """Looking at an empty place creates nothing, so a second look finds it as empty."""
    place.open().load()
    assert place.content() == {}


def test_committed_record_is_there_after_a_restart(place: Any) -> None:
    """What commit returned from is what an orderly restart finds, intact and equal in every field."""
    written = record(7, stop(7), stop(6, Scope(ScopeKind.ACCOUNT, "main/1")))
    store = place.open()
    store.load()
    store.commit(written, [draft(1)])
    store.close()
    loaded = place.open().load()
    assert (loaded.record, loaded.problem) == (written, "")


def test_committed_record_is_there_after_a_kill(place: Any) -> None:
    """After each of several commits, a process that opens the files as they lie finds exactly that record."""
    store = place.open()
    store.load()
    for revision in (1, 2, 3):
        written = record(revision, *[stop(revision)] * (revision % 2))
        store.commit(written, [draft(revision)])
    loaded = place.image().open().load()
    assert (loaded.record, loaded.problem) == (written, "")


def test_newest_of_many_commits_and_restarts_wins(place: Any) -> None:
    """However commits and restarts alternate, the last committed record is found."""
    store = place.open()
    for revision in range(1, 30):
        written = record(revision, stop(revision))
        store.commit(written, [draft(revision)])
        if revision % 4 == 0:
            store.close()
            store = place.open()
            assert store.load().record == written
    store.close()
    assert place.open().load().record == written


def test_loading_again_shows_the_same(place: Any) -> None:
    """A load is a read: repeated, and after a kill, it finds the same and keeps the bytes as they are."""
    store = place.open()
    store.commit(record(3, stop(3)), [draft(1)])
    store.close()
    before = place.content()
    store = place.open()
    assert store.load() == store.load()
    assert place.content() == before


def test_close_is_idempotent(place: Any) -> None:
    """A store may be closed twice, unused or used, and be loaded again afterwards."""
    store = place.open()
    store.close()
    store.commit(record(1), [])
    store.close()
    store.close()
    assert store.load().record == record(1)


def test_unwritable_record_is_refused_and_leaves_the_last_one(place: Any) -> None:
    """A record that has no encoding raises StoreError, and the store goes on from what it had."""
    store = place.open()
    store.load()
    store.commit(record(1, stop(1)), [draft(1)])
    broken = replace(stop(2), activate_time=NOON.replace(tzinfo=None))
    with pytest.raises(StoreError, match="time zone"):
        store.commit(record(2, broken), [draft(2)])
    assert place.image().open().load().record == record(1, stop(1))
    store.commit(record(3), [draft(2), draft(3)])
    store.close()
    assert place.open().load().record == record(3)


@pytest.mark.parametrize("content", [b"{", b"\0" * 9000, b"SQLite format 3\0" * 600, b'{"v":2}'])
def test_bad_content_is_a_problem_and_never_a_record(place: Any, content: bytes) -> None:
    """Bytes that are no record are reported by load, not raised, and the next commit makes the store whole."""
    place.spoil(content)
    store = place.open()
    loaded = store.load()
    assert loaded.record is None
    assert loaded.problem
    assert not loaded.problem.endswith("missing")
    store.commit(record(4, stop(4)), [draft(1)])
    store.close()
    loaded = place.open().load()
    assert (loaded.record, loaded.problem) == (record(4, stop(4)), "")
