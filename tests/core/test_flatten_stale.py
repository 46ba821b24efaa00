"""A venue that lets nothing be read: what was read before counts for a while, and no longer."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import pytest

from ess_server.core.flatten import FlattenSettings, ReadBudgetError
from ess_server.core.flatten_plan import goes_stale
from ess_server.core.model import Action, FlattenStatus
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, QUICK, Rig, running, work


class Budgeted(Rig):
    """A rig whose venue can put reads off by ``delay``."""

    def __init__(self, settings: FlattenSettings = QUICK) -> None:
        super().__init__(settings)
        self.delay: timedelta | None = None
        self._read = self.client.snapshot
        self.client.snapshot = self._snapshot

    async def _snapshot(self) -> VenueSnapshot:
        if self.delay is not None:
            raise ReadBudgetError(self.delay)
        return await self._read()


async def test_flat_is_not_shown_through_a_ban() -> None:
    """An account that may not be read for an hour is UNKNOWN at once, with the reason, and the log hears of it."""
    rig = Budgeted()
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)
        rig.delay = timedelta(hours=1)
        await rig.reaches(FlattenStatus.UNKNOWN)

    assert rig.flattener.progress.detail == "the venue's request budget allows the next read in 3600.0 s"
    assert rig.kinds[-2:] == ["flat", "unknown"]


async def test_a_ban_before_the_first_read_is_unknown() -> None:
    """Work that the venue lets nobody begin is UNKNOWN, not PENDING."""
    rig = Budgeted()
    rig.delay = timedelta(hours=1)
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.UNKNOWN)


async def test_many_short_delays_become_unknown_and_are_told_once() -> None:
    """Reads that are put off again and again leave FLAT alone for ``stale_after``; then two clean reads are needed."""
    rig = Budgeted(replace(QUICK, stale_after=timedelta(milliseconds=150)))
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)
        began = monotonic()
        rig.delay = timedelta(milliseconds=2)
        await rig.reaches(FlattenStatus.UNKNOWN)
        lasted = monotonic() - began
        await asyncio.sleep(0.05)
        rig.client.hold(BTC, 5)
        rig.delay = None
        await rig.passes(FlattenStatus.UNKNOWN, FlattenStatus.CLOSING, FlattenStatus.VERIFYING, FlattenStatus.FLAT)
        await eventually(lambda: rig.kinds[-1] == "flat")

    assert lasted > 0.1
    assert rig.kinds.count("unknown") == 1


async def test_a_clean_read_from_before_a_ban_does_not_count() -> None:
    """Clean, banned, clean is not flat: two clean reads are needed after the ban."""
    rig = Budgeted(replace(QUICK, stale_after=timedelta(milliseconds=50)))

    def ban(_: object) -> None:
        if rig.status is FlattenStatus.VERIFYING and rig.client.calls == ["snapshot"]:
            rig.delay = timedelta(milliseconds=60)

    rig.watch = ban
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.UNKNOWN)
        rig.delay = None
        await rig.passes(FlattenStatus.FLAT)

    shown = [p.status for p in rig.history]
    unknown = shown.index(FlattenStatus.UNKNOWN)
    verifying = FlattenStatus.VERIFYING
    assert shown[unknown : unknown + 4] == [FlattenStatus.UNKNOWN, verifying, verifying, FlattenStatus.FLAT]


async def test_a_ban_that_older_work_met_says_nothing_of_newer_work() -> None:
    """Work that changes while a read is being put off is begun at once, without waiting out the delay."""
    rig = Budgeted()
    banned = rig.client.snapshot

    async def overtaken() -> VenueSnapshot:
        rig.client.snapshot = banned
        rig.flattener.set_work(work(Action.CANCEL, stop_id="stop-2"))
        raise ReadBudgetError(timedelta(hours=1))

    rig.client.snapshot = overtaken
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.CANCELLED, within=1)

    assert "unknown" not in rig.kinds


@pytest.mark.parametrize(
    ("age", "delay", "stale"), [(2, 0.2, False), (0, 15, False), (0, 15.1, True), (15, 0.1, True), (2, 3600, True)]
)
def test_what_was_read_counts_for_fifteen_seconds(age: float, delay: float, *, stale: bool) -> None:
    """Age and delay together must stay within ``stale_after``."""
    assert goes_stale(FlattenSettings(), timedelta(seconds=age), timedelta(seconds=delay)) is stale


def test_slow_sweeps_make_no_read_stale() -> None:
    """Where many accounts share a budget and sweeps are slow, three of their intervals are allowed."""
    settings = FlattenSettings(sweep_interval_max=timedelta(seconds=30))

    assert not goes_stale(settings, timedelta(seconds=30), timedelta(seconds=60))
    assert goes_stale(settings, timedelta(seconds=30), timedelta(seconds=61))
