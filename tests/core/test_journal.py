"""Every state of the latch reaches every record: in order, until it is there, and a release only once."""

import asyncio

import pytest

from ess_server.core import journal
from ess_server.core.errors import StoreError
from ess_server.core.journal import Journal, RecordWriter

from .disks import Disk, Fault, draft, logged, memory_disks, record, turns, waits
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop


def writer_over(disk: Disk) -> RecordWriter:
    """Return the writer of a record that keeps the log."""
    return RecordWriter(disk, disk.run, keeps_events=True)


@pytest.fixture
def disk() -> Disk:
    """A record that keeps the log."""
    return memory_disks()[0]


@pytest.fixture
def writer(disk: Disk) -> RecordWriter:
    """Its writer."""
    return writer_over(disk)


async def test_submitted_state_is_written(writer: RecordWriter, disk: Disk) -> None:
    """A state with its events is on disk once the writer has settled, and known to be."""
    writer.submit(record(5, floor=3), [draft(1)])
    assert (writer.idle, writer.durable_revision) == (False, -1)
    await writer.settled(5)
    assert (disk.shown, logged(disk), writer.durable_revision) == (record(5, floor=3), [draft(1)], 5)
    await writer.drained()
    assert (writer.idle, writer.head.sequence) == (True, 1)


async def test_floor_counts_as_on_disk(writer: RecordWriter) -> None:
    """The floor of a start is the newest revision that its record vouches for."""
    writer.submit(record(5, floor=1005), [])
    await writer.settled(1005)
    assert writer.durable_revision == 1005


async def test_waiting_states_are_one_write(writer: RecordWriter, disk: Disk) -> None:
    """What waits on a slow disk is written as the newest state at once, with every event in order."""
    disk.before.shut()
    writer.submit(record(1), [draft(1)])
    await disk.before.reached()
    for number in (2, 3, 4):
        writer.submit(record(number), [draft(number)])
    disk.before.open()
    await writer.drained()
    assert disk.written == [record(1), record(4)]
    assert logged(disk) == [draft(n) for n in (1, 2, 3, 4)]


async def test_state_that_comes_during_a_write_is_written_after_it(writer: RecordWriter, disk: Disk) -> None:
    """A record never goes back to an older state, however late a write returns."""
    disk.after.shut()
    writer.submit(record(1), [])
    await disk.after.reached()
    writer.submit(record(2), [])
    assert writer.durable_revision == -1
    disk.after.open()
    await writer.settled(2)
    assert disk.written == [record(1), record(2)]


@pytest.mark.parametrize("fault", Fault)
async def test_stop_is_written_again_until_it_is_there(writer: RecordWriter, disk: Disk, fault: Fault) -> None:
    """After an error of whatever outcome the state is tried again, its events are in the log once, in order."""
    disk.faults.extend([fault, None, fault, fault])
    writer.submit(record(1), [draft(1), draft(2)])
    await writer.settled(1)
    writer.submit(record(2), [draft(3)])
    await writer.settled(2)
    assert logged(disk) == [draft(1), draft(2), draft(3)]
    assert (disk.shown, writer.problem) == (record(2), "")


async def test_failure_is_told_until_it_is_over(writer: RecordWriter, disk: Disk) -> None:
    """While a record cannot be written its problem says why, and nothing counts as on disk."""
    disk.broken = True
    writer.submit(record(1), [draft(1)])
    await asyncio.sleep(10)
    assert (writer.problem, writer.durable_revision, writer.idle) == ("state.db: no space left", -1, False)
    disk.broken = False
    await writer.drained()
    assert (writer.problem, writer.durable_revision) == ("", 1)


async def test_tries_are_at_most_a_second_apart(writer: RecordWriter, disk: Disk) -> None:
    """A disk that comes back after an hour has the stop a second later."""
    disk.broken = True
    writer.submit(record(1), [])
    await asyncio.sleep(3600)
    disk.broken = False
    mended = running_clock().uptime()
    await writer.settled(1)
    assert running_clock().uptime() - mended <= journal.RETRY_MOST.total_seconds()


@pytest.mark.parametrize("error", [RuntimeError("driver fell over"), KeyError()])
async def test_foreign_error_is_a_store_error(
    writer: RecordWriter, disk: Disk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever a store raises is an unknown outcome, tried again for a stop and told for a release."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(disk, "commit", fail)
    with pytest.raises(StoreError, match=r"state\.db: "):
        await writer.try_once(record(1), [], lambda: True)
    assert writer.problem == (str(error) or "KeyError")


async def test_release_is_tried_once(writer: RecordWriter, disk: Disk) -> None:
    """A release that fails is told to whoever asked, and never tried by itself."""
    disk.faults.append(Fault.NOTHING_APPLIED)
    with pytest.raises(StoreError):
        await writer.try_once(record(1), [draft(1)], lambda: True)
    await asyncio.sleep(60)
    assert (disk.written, writer.durable_revision) == ([], -1)


async def test_release_waits_for_what_was_submitted_before(writer: RecordWriter, disk: Disk) -> None:
    """What waits for the disk is written before a release, in a write of its own."""
    disk.before.shut()
    writer.submit(record(1), [draft(1)])
    await disk.before.reached()
    writer.submit(record(2), [draft(2)])
    release = asyncio.create_task(writer.try_once(record(3), [draft(3)], lambda: True))
    disk.before.open()
    assert await release
    assert disk.written == [record(1), record(2), record(3)]
    assert logged(disk) == [draft(1), draft(2), draft(3)]


async def test_release_that_cannot_follow_its_stop_is_not_written(writer: RecordWriter, disk: Disk) -> None:
    """A release whose earlier state does not reach the disk fails without having been written."""
    disk.broken = True
    writer.submit(record(1), [])
    await turns()
    with pytest.raises(StoreError):
        await writer.try_once(record(2), [], lambda: True)
    disk.broken = False
    await writer.drained()
    assert disk.written == [record(1)]


async def test_release_that_is_not_wanted_any_more_is_not_written(writer: RecordWriter, disk: Disk) -> None:
    """Whether a release is still wanted is asked when its turn has come, not before."""
    wanted = [True]
    disk.before.shut()
    writer.submit(record(1), [])
    await disk.before.reached()
    release = asyncio.create_task(writer.try_once(record(2), [], lambda: wanted[0]))
    await turns()
    wanted[0] = False
    disk.before.open()
    assert not await release
    assert disk.written == [record(1)]


async def test_release_keeps_events_out_of_records_without_a_log() -> None:
    """A release brings its event to the log only."""
    disk = memory_disks()[1]
    writer = RecordWriter(disk, disk.run, keeps_events=False)
    assert await writer.try_once(record(1), [draft(1)], lambda: True)
    assert (disk.written, logged(disk)) == ([record(1)], [])


async def test_reads_take_their_turn(writer: RecordWriter, disk: Disk) -> None:
    """A read runs where writes run, between them."""
    writer.submit(record(1), [draft(1)])
    await writer.drained()
    assert await writer.read(lambda: disk.shown) == record(1)


Two = tuple[Journal, Disk, Disk]


@pytest.fixture
def two() -> Two:
    """A journal over two records."""
    first, second = memory_disks()
    return Journal(writer_over(first), RecordWriter(second, second.run, keeps_events=False)), first, second


async def test_one_record_makes_a_stop_durable(two: Two) -> None:
    """A state is durable as soon as either record has it, and everywhere only when both do."""
    both, first, second = two
    second.before.shut()
    both.submit(record(1), [draft(1)])
    await both.durable(1)
    assert (both.durable_revision, both.agreed_revision) == (1, -1)
    assert await waits(both.agreed(1))
    second.before.open()
    await both.agreed(1)
    assert (both.agreed_revision, first.shown, second.shown) == (1, record(1), record(1))


@pytest.mark.parametrize("hung", [0, 1])
async def test_the_other_record_is_enough(two: Two, hung: int) -> None:
    """It does not matter which of the disks hangs."""
    both, *disks = two
    disks[hung].before.shut()
    both.submit(record(1), [draft(1)])
    await asyncio.wait_for(both.durable(1), 1)
    assert await waits(both.settle(1))
    disks[hung].before.open()
    await both.settle(1)
    assert both.agreed_revision == 1


async def test_nothing_is_durable_while_no_disk_answers(two: Two) -> None:
    """Without any record nothing counts as durable, and whoever waits may give up."""
    both, first, second = two
    first.broken = True
    second.before.shut()
    both.submit(record(1), [draft(1)])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(both.durable(1), 5)
    assert both.durable_revision == -1
    assert both.problems == ("state.db: state.db: no space left",)


@pytest.mark.parametrize("broken", [0, 1])
async def test_a_stop_that_a_record_has_not_holds_the_end_for_as_long_as_it_takes(two: Two, broken: int) -> None:
    """An hour with a broken disk ends nothing; when it is mended the end comes at once."""
    both, *disks = two
    disks[broken].broken = True
    both.submit(record(1), [draft(1)])
    settling = asyncio.create_task(both.settle(1))
    await asyncio.sleep(3600)
    assert not settling.done()
    disks[broken].broken = False
    mended = running_clock().uptime()
    await settling
    assert disks[broken].shown == record(1)
    assert running_clock().uptime() - mended <= journal.RETRY_MOST.total_seconds()


async def test_events_hold_the_end_no_longer_than_their_patience(two: Two, caplog: pytest.LogCaptureFixture) -> None:
    """The stop is on disk already; what is only told of it later is given up loudly."""
    both, first, _ = two
    both.submit(record(1), [draft(1)])
    await both.settle(1)
    first.broken = True
    both.submit(None, [draft(2)])
    began = running_clock().uptime()
    await both.settle(1)
    assert running_clock().uptime() - began == pytest.approx(journal.REST_WITHIN.total_seconds())
    await both.settle(1)
    assert running_clock().uptime() - began == pytest.approx(journal.REST_WITHIN.total_seconds())
    assert "not everything is on disk: state.db: state.db: no space left" in caplog.text


async def test_each_state_witnesses_the_log(two: Two) -> None:
    """A state carries number and hash of the newest event that was on disk when it was made."""
    both, first, second = two
    both.submit(record(1), [draft(1)])
    await both.settle(1)
    both.submit(record(2), [draft(2)])
    await both.settle(2)
    (event, _) = first.store.read(after=0, limit=9, ascending=True)  # type: ignore[attr-defined]  # keeps the log
    for disk in (first, second):
        assert (disk.shown.event_sequence, disk.shown.event_hash) == (1, event.hash.hex())
    assert both.head.sequence == 2
