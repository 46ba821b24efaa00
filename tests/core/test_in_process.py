"""The whole system inside one process: built, tripped, flattened, reset and found again."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.memory_store import MemoryPolicyStore
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.clock import SystemClock
from ess_server.core.errors import ResetRefusedError, StoreError
from ess_server.core.evaluators import ManualEvaluator, ManualSettings
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.in_process import Parts, open_system
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, Account, Action, EventDraft, EventHead, FlattenStatus, LatchRecord
from ess_server.core.release import ReleaseRequest
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.watched import Watched
from ess_server.testing import FakeExchangeClient, RecordingEventBus, eventually, fake_readings

from .rig import ANNA, cause

MAIN = Account(id="main", venue="paper")
FLATTEN = Activation(scope=GLOBAL, action=Action.FLATTEN, cause=cause())


def parts(store: MemoryPolicyStore | SqlitePolicyStore, *exchanges: ExchangeClient, **more: object) -> Parts:
    """Return what an installation over ``store`` is made of."""
    return Parts(
        store=store,
        exchanges=exchanges,
        readings=fake_readings(),
        bus=RecordingEventBus(),
        clock=SystemClock(),
        flatten=FlattenSettings(quiet_window=timedelta(milliseconds=100)),
        **more,  # type: ignore[arg-type]  # handed on as they are
    )


async def release(system: EmergencyStopSystem, *overrides: str) -> None:
    """Release everything, as somebody who has just looked."""
    revision, passed = system.controller.state.revision, frozenset(overrides)
    await system.reset(ReleaseRequest(revision=revision, reason="mended", actor=ANNA, overrides=passed))


async def test_a_request_by_hand_stops_and_flattens_and_a_person_resets() -> None:
    """A trip cancels and closes on the exchange until that shows itself flat, and only then a reset passes."""
    venue = FakeExchangeClient(MAIN)
    settings = ManualSettings()
    manual = ManualEvaluator(settings)
    async with open_system(parts(MemoryPolicyStore(), venue, evaluators=[Watched(manual, settings)])) as system:
        await system.start()
        await release(system)
        venue.hold("BTC/USDT:USDT", Decimal(2))
        venue.rest("BTC/USDT:USDT")

        manual.request("smoke in the machine room")
        system.monitor.observed()
        await eventually(lambda: system.controller.state.active)
        with pytest.raises(ResetRefusedError, match="NOT_FLAT"):
            await release(system)
        await eventually(lambda: system.flattener.progress()["main"].status is FlattenStatus.FLAT)
        assert venue.flat
        manual.request("and it smokes again")
        with pytest.raises(ResetRefusedError, match="CONDITION_TRUE"):
            await release(system)
        await release(system, "CONDITION_TRUE")

        assert not system.controller.state.active
        told = [e.draft for e in await system.events(after=0, limit=99, ascending=True, stop_id="", kind="")]
        summary = (
            "main: open_orders=0 open_positions=0 quiet_window_s=0.1 status=FLAT witness=none of positions and orders"
        )
        assert [e.summary for e in told if e.kind == "flatten.flat"] == [f"{summary}: the fake's books"]
    assert venue.closed


class HiccupStore(MemoryPolicyStore):
    """A store that fails to write the first record with this stop in it."""

    failed = False

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead:
        """Write, but for that one."""
        hiccup = not self.failed and any(s.cause == FLATTEN.cause for s in record.stops)
        self.failed = self.failed or hiccup
        if hiccup:
            raise StoreError("the disk had a hiccup")
        return super().commit(record, drafts)


async def leave_in_a_hurry(store: MemoryPolicyStore) -> None:
    """Stop everything and leave by an error, before anything can have been written."""
    async with open_system(parts(store)) as system:
        await release(system)
        system.controller.activate(FLATTEN)
        raise KeyError


async def test_leaving_waits_until_the_stop_is_on_disk() -> None:
    """A stop survives however the block is left, on a disk that takes it at the second try."""
    store = HiccupStore()
    with pytest.raises(KeyError):
        await leave_in_a_hurry(store)
    assert store.failed
    record = store.load().record
    assert record is not None
    assert [s.scope for s in record.stops] == [GLOBAL]


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[[], Parts]:
    """Describe an installation with both durable records, as often as it is asked."""

    def make() -> Parts:
        return parts(SqlitePolicyStore(tmp_path / "state.db"), others=[LatchFile(tmp_path / "latch")])

    return make


async def test_both_records_carry_a_stop_into_the_next_process(on_disk: Callable[[], Parts], tmp_path: Path) -> None:
    """A stop in process stands after a restart, and one record that is missing means that nothing is proven."""
    async with open_system(on_disk()) as system:
        await release(system)
        await system.trigger(FLATTEN)
    async with open_system(on_disk()) as system:
        assert [s.cause.reason for s in system.controller.state.stops] == ["fat finger"]
        await release(system)
    (tmp_path / "latch").unlink()
    async with open_system(on_disk()) as system:
        assert [s.action for s in system.controller.state.stops] == [Action.BLOCK]
