"""An account that is flat: what appears on it, what may stay, and how often it is looked at."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ess_server.core.flatten import FlattenSettings
from ess_server.core.flatten_plan import sweep_delay
from ess_server.core.model import Action, FlattenStatus
from ess_server.testing.exchange import Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, QUICK, Rig, running, work


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs."""
    made = Rig()
    async with running(made):
        yield made


async def test_sweeps_remove_what_appears_on_a_flat_account(rig: Rig) -> None:
    """After FLAT a new order and a new position are removed again; status leaves FLAT and the log says so."""
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    first = len(rig.told)
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    await eventually(lambda: not rig.status.is_done)
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    told = ["reopened", "late_entries", "first_cancel", "first_close", "clean_read", "clean_read", "flat"]
    assert rig.kinds[first:] == told


async def test_an_account_that_keeps_reopening_is_told_of_in_moderation(rig: Rig) -> None:
    """Within ``reopen_quiet`` a second reopening is removed like the first, without another set of events."""
    rig.flattener.set_work(work())
    for _ in range(4):
        await rig.reaches(FlattenStatus.FLAT)
        rig.client.rest(BTC)
        await eventually(lambda: not rig.status.is_done)
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.kinds.count("reopened") == 1
    assert rig.kinds.count("flat") == 2
    await asyncio.sleep(QUICK.reopen_quiet.total_seconds())
    rig.client.rest(BTC)
    await eventually(lambda: rig.kinds.count("reopened") == 2)


async def test_sweeps_spare_exits(rig: Rig) -> None:
    """Once flat, a reduce-only order is left alone, until its symbol has a position that must be closed."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    rig.client.rest(BTC, reduce_only=True)
    await eventually(lambda: rig.flattener.progress.detail == "1 reduce-only order(s) left alone")

    assert rig.status is FlattenStatus.FLAT
    rig.client.hold(BTC, 1)
    await eventually(lambda: rig.client.flat)
    await rig.reaches(FlattenStatus.FLAT)


async def test_sweeps_under_cancel_spare_every_exit(rig: Rig) -> None:
    """Under CANCEL an engine may go on to work its way out with reduce-only orders once the account was clean."""
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work(Action.CANCEL))
    await rig.reaches(FlattenStatus.CANCELLED)
    exit_order = rig.client.rest(BTC, reduce_only=True)
    rig.client.rest(BTC)
    await eventually(lambda: len(rig.client.orders) == 1)

    assert list(rig.client.orders.values()) == [exit_order]


async def test_an_unreadable_sweep_is_not_shown_as_flat(rig: Rig) -> None:
    """A flat account that cannot be read is UNKNOWN at once; the log hears of it at the third failure in a row."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    rig.client.faults["snapshot"].append(Fault.LOST)
    await rig.passes(FlattenStatus.FLAT, FlattenStatus.UNKNOWN, FlattenStatus.VERIFYING, FlattenStatus.FLAT)

    assert rig.kinds.count("flat") == 1
    rig.client.faults["snapshot"].extend([Fault.LOST] * 3)
    await eventually(lambda: rig.kinds[-1] == "unknown")
    await eventually(lambda: rig.kinds[-1] == "flat")
    assert rig.kinds.count("flat") == 2


def test_sweeps_slow_down_to_their_ceiling() -> None:
    """Looks at a flat account follow ``sweep_interval`` first and ``sweep_interval_max`` at last."""
    settings = FlattenSettings(sweep_interval_max=timedelta(seconds=6))

    assert [sweep_delay(settings, n).total_seconds() for n in (0, 1, 2, 3, 10**6)] == [2, 3, 4.5, 6, 6]
    lower = FlattenSettings(sweep_interval_max=timedelta(seconds=1))
    assert [sweep_delay(lower, n).total_seconds() for n in (0, 9)] == [2, 2]
