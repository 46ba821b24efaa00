"""The log gets every event once and in order; what could not be kept is counted, and never holds back a state."""

import asyncio

import pytest

from ess_server.core import journal
from ess_server.core.journal import RecordWriter

from .disks import Disk, Fault, draft, logged, memory_disks, record
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop


@pytest.fixture
def disk() -> Disk:
    """A record that keeps the log."""
    return memory_disks()[0]


@pytest.fixture
def writer(disk: Disk) -> RecordWriter:
    """Its writer."""
    return RecordWriter(disk, disk.run, keeps_events=True)


async def test_events_without_a_state_keep_the_state(writer: RecordWriter, disk: Disk) -> None:
    """An event that changes nothing is written beside the newest state."""
    writer.submit(record(5), [draft(1)])
    writer.submit(None, [draft(2)])
    await writer.drained()
    writer.submit(None, [draft(3)])
    await writer.drained()
    assert (disk.shown, logged(disk)) == (record(5), [draft(1), draft(2), draft(3)])


async def test_event_before_the_first_state_waits_for_it(writer: RecordWriter, disk: Disk) -> None:
    """An event that comes before the start has decided anything is kept until it has."""
    writer.submit(None, [draft(1)])
    await asyncio.sleep(1)
    assert logged(disk) == []
    writer.submit(record(1), [draft(2)])
    await writer.drained()
    assert logged(disk) == [draft(1), draft(2)]


async def test_record_without_a_log_gets_no_events() -> None:
    """Events alone are nothing to write for a record that keeps none."""
    disk = memory_disks()[1]
    writer = RecordWriter(disk, disk.run, keeps_events=False)
    writer.submit(None, [draft(1)])
    assert writer.idle
    writer.submit(record(1), [draft(2)])
    await writer.drained()
    assert (disk.written, logged(disk)) == ([record(1)], [])


async def test_log_that_cannot_be_written_leaves_a_gap_marker(
    writer: RecordWriter, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for the log is bounded; what did not fit is counted in the log, and the stop goes ahead."""
    monkeypatch.setattr(journal, "MAX_WAITING_EVENTS", 3)
    disk.broken = True
    for number in range(1, 8):
        writer.submit(record(number), [draft(number)])
    disk.broken = False
    await writer.drained()
    *kept, gap = logged(disk)
    assert kept == [draft(1), draft(2), draft(3)]
    assert (gap.kind, gap.details, gap.revision) == ("events.gap", (("dropped", "4"),), 4)
    assert disk.shown == record(7)
    writer.submit(record(8), [draft(8)])
    await writer.drained()
    assert [d.kind for d in logged(disk)].count("events.gap") == 1


async def test_events_dropped_during_a_write_are_counted_later(
    writer: RecordWriter, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state whose event finds no room while a write is under way is written all the same, and the gap marked."""
    monkeypatch.setattr(journal, "MAX_WAITING_EVENTS", 1)
    disk.after.shut()
    writer.submit(record(1), [draft(1)])
    await disk.after.reached()
    writer.submit(record(2), [draft(2)])
    disk.after.open()
    await writer.drained()
    assert disk.shown == record(2)
    writer.submit(record(3), [draft(3)])
    await writer.drained()
    assert [d.kind for d in logged(disk)] == ["test", "events.gap", "test"]
    assert disk.shown == record(3)


async def test_gap_marker_of_a_repeated_write_is_there_once(
    writer: RecordWriter, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write with a gap marker that is repeated after an unknown outcome leaves one marker."""
    monkeypatch.setattr(journal, "MAX_WAITING_EVENTS", 2)
    disk.faults.append(Fault.APPLIED)
    for number in (1, 2, 3):
        writer.submit(record(number), [draft(number)])
    await writer.drained()
    assert [d.kind for d in logged(disk)] == ["test", "test", "events.gap"]
