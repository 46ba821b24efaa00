"""When nothing that was sent can act any more, and several accounts at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import pytest

from ess_server.core.flatten import LocalFlattener
from ess_server.core.model import Account, Action, FlattenStatus, Work
from ess_server.core.venue_snapshot import OpenOrder, Position
from ess_server.testing.exchange import FakeExchangeClient, Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, QUICK, Rig, RunningClock, running, work


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs."""
    made = Rig()
    async with running(made):
        yield made


async def test_quiesce_is_refused_while_there_is_work(rig: Rig) -> None:
    """Nothing is quiet while work would send again."""
    rig.flattener.set_work(work())

    assert await rig.flattener.quiesced() is False


async def test_quiesce_waits_until_what_was_sent_has_expired(rig: Rig) -> None:
    """After the work was held, quiet means that the last request is older than its expiry."""
    sent: list[float] = []
    close = rig.client.close_position

    async def noted(position: Position, client_order_id: str, **limit: Decimal | None) -> None:
        sent.append(monotonic())
        await close(position, client_order_id, **limit)

    rig.client.close_position = noted
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work())
    await eventually(lambda: sent)
    rig.flattener.set_work(work(held=True))

    assert await rig.flattener.quiesced() is True
    assert monotonic() - sent[0] >= QUICK.request_expiry.total_seconds()


async def test_quiesce_waits_for_a_request_that_will_not_end(rig: Rig) -> None:
    """A send whose client ignores the cancellation counts as in flight for as long as it lives."""
    release = asyncio.Event()

    async def stubborn(_: object) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    rig.client.rest(BTC)
    rig.client.cancel = stubborn
    rig.flattener.set_work(work())
    await eventually(lambda: "first_cancel" in rig.kinds)
    await asyncio.sleep(0)
    rig.flattener.set_work(None)
    quiet = asyncio.create_task(rig.flattener.quiesced())
    await asyncio.sleep(2 * QUICK.request_expiry.total_seconds())

    early = quiet.done()
    release.set()
    assert await quiet is True
    assert not early


async def test_clean_reads_do_not_count_while_a_send_is_in_flight() -> None:
    """An account is not flat as long as a request that may change it has not ended."""
    rig = Rig()
    release = asyncio.Event()
    cancel = rig.client.cancel

    async def lingering(orders: tuple[OpenOrder, ...]) -> None:
        await cancel(orders)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    rig.client.cancel = lingering
    rig.client.rest(BTC)
    async with running(rig):
        rig.flattener.set_work(work())
        await eventually(lambda: rig.client.calls.count("snapshot") > 5)
        shown = rig.status
        release.set()

        assert rig.client.flat
        assert not shown.is_flat
        await rig.reaches(FlattenStatus.FLAT)


async def test_one_account_does_not_wait_for_another() -> None:
    """Accounts work concurrently: one whose venue hangs is UNKNOWN, the other is flat, and stop closes both."""
    stuck = FakeExchangeClient(Account(id="stuck", venue="a"))
    stuck.faults["snapshot"].extend([Fault.HANG] * 10_000)
    good = FakeExchangeClient(Account(id="good", venue="b"))
    good.hold(BTC, 1)
    flattener = LocalFlattener(
        (stuck, good), clock=RunningClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    wanted = {a: Work(account=a, stop_id="s", action=Action.FLATTEN) for a in ("stuck", "good", "nobody")}
    flattener.set_work(wanted)
    await eventually(lambda: flattener.progress()["good"].status is FlattenStatus.FLAT)
    await eventually(lambda: flattener.progress()["stuck"].status is FlattenStatus.UNKNOWN)

    assert await flattener.quiesce(["good"], timedelta(seconds=1)) is False
    good.hold(BTC, 1)
    await eventually(lambda: len(good.closes) > 1)
    flattener.set_work({})
    assert await flattener.quiesce(["good"], timedelta(milliseconds=1)) is False
    assert await flattener.quiesce(["good", "stuck", "nobody"], timedelta(seconds=1)) is True
    await flattener.stop()
    assert good.closed
    assert stuck.closed


async def test_each_flat_account_is_looked_at_by_an_interval_of_its_own() -> None:
    """That one account may be read but rarely makes the looks at another no rarer."""
    clients = [FakeExchangeClient(Account(id=name, venue="v")) for name in ("often", "rarely")]
    often, rarely = clients
    flattener = LocalFlattener(
        clients,
        clock=RunningClock(),
        settings=QUICK,
        on_progress=lambda _: None,
        on_event=lambda *_: None,
        sweep_intervals={"rarely": timedelta(hours=1)},
    )
    await flattener.start()
    flattener.set_work({c.account.id: Work(account=c.account.id, stop_id="s", action=Action.FLATTEN) for c in clients})
    await eventually(lambda: often.calls.count("snapshot") > 60)

    assert rarely.calls.count("snapshot") < 30
    await flattener.stop()


async def test_stopping_does_not_wait_for_a_connection_that_will_not_close() -> None:
    """Closing clients is bounded in time, and stopping what was never started is no error."""

    class Sticky(FakeExchangeClient):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    flattener = LocalFlattener(
        (Sticky(Account(id="a", venue="v")),),
        clock=RunningClock(),
        settings=QUICK,
        on_progress=lambda _: None,
        on_event=lambda *_: None,
    )
    async with asyncio.timeout(4):
        await flattener.stop()


async def test_without_accounts_there_is_nothing_to_do() -> None:
    """A flattener over no account starts, takes work for nobody, is quiet at once, and stops."""
    flattener = LocalFlattener(
        (), clock=RunningClock(), settings=QUICK, on_progress=lambda _: None, on_event=lambda *_: None
    )
    await flattener.start()
    flattener.set_work({"main": work()})

    assert flattener.progress() == {}
    assert await flattener.quiesce(["main"], timedelta(seconds=1)) is True
    await flattener.stop()
