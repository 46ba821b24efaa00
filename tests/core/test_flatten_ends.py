"""Cancellations from inside a client, and work that ends though nobody stopped it: it goes on, and is not FLAT."""

import asyncio
from collections.abc import Mapping

from ess_server.core.flatten import LocalFlattener
from ess_server.core.model import Account, AccountProgress, FlattenStatus
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.testing.exchange import FakeExchangeClient
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, QUICK, Rig, RunningClock, running, work


async def test_a_cancellation_inside_the_client_is_an_unknown_read() -> None:
    """A client call that was cancelled from inside is UNKNOWN and tried again; what opens later is closed."""
    rig = Rig()
    read = rig.client.snapshot

    async def cancelled() -> VenueSnapshot:
        rig.client.snapshot = read
        raise asyncio.CancelledError

    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)
        rig.client.snapshot = cancelled
        rig.client.hold(BTC, 5)
        await eventually(lambda: rig.client.flat, within=2)
        await rig.reaches(FlattenStatus.FLAT)

    assert "the call was cancelled" in [p.detail for p in rig.history if p.status is FlattenStatus.UNKNOWN]


async def test_a_cancellation_inside_a_send_is_a_failed_request() -> None:
    """A close that was cancelled from inside has failed and is sent again."""
    rig = Rig()
    close = rig.client.close_position

    async def cancelled(*_: object, **__: object) -> None:
        rig.client.close_position = close
        raise asyncio.CancelledError

    rig.client.close_position = cancelled
    rig.client.hold(BTC, 5)
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT, within=2)

    assert rig.client.flat
    assert "1 request(s) failed, the first: the call was cancelled" in [p.detail for p in rig.history]


async def test_work_that_ends_by_itself_is_told_and_taken_up_again() -> None:
    """A task that ends though nobody stopped it shows UNKNOWN, tells ``venue.fault`` once, and runs again."""
    told: list[tuple[str, str, str]] = []
    shown: list[FlattenStatus] = []

    def listen(progress: AccountProgress) -> None:
        shown.append(progress.status)
        if progress.status is FlattenStatus.FLAT and shown.count(FlattenStatus.FLAT) <= 2:
            raise asyncio.CancelledError

    def hear(kind: str, account: str, details: Mapping[str, str]) -> None:
        told.append((kind, account, details.get("detail", "")))

    client = FakeExchangeClient(Account(id="main", venue="paper"))
    flattener = LocalFlattener((client,), clock=RunningClock(), settings=QUICK, on_progress=listen, on_event=hear)
    await flattener.start()
    flattener.set_work({"main": work()})
    await eventually(lambda: ("flatten.flat", "main", "") in told)
    client.hold(BTC, 5)
    await eventually(lambda: client.flat)
    await flattener.stop()

    assert FlattenStatus.UNKNOWN in shown
    assert told.count(("venue.fault", "main", "the flatten ended: CancelledError")) == 1


async def test_an_end_without_work_is_told_and_shows_nothing_new() -> None:
    """Where nothing is wanted, an account whose task ended stays PENDING, and takes up work that comes later."""
    told: list[str] = []
    client = FakeExchangeClient(Account(id="main", venue="paper"))
    flattener = LocalFlattener(
        (client,),
        clock=RunningClock(),
        settings=QUICK,
        on_progress=lambda _: None,
        on_event=lambda kind, *_: told.append(kind),
    )
    await flattener.start()
    await asyncio.sleep(0)
    (task,) = [t for t in asyncio.all_tasks() if t.get_name() == "flatten main"]
    task.cancel()
    await eventually(lambda: "venue.fault" in told)
    shown = flattener.progress()["main"].status
    flattener.set_work({"main": work()})
    await eventually(lambda: flattener.progress()["main"].status is FlattenStatus.FLAT)
    await flattener.stop()

    assert shown is FlattenStatus.PENDING
