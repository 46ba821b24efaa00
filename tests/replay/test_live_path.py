"""What a replay says would have been stopped is what a live system stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

from ess_server.adapters.memory_store import MemoryPolicyStore
from ess_server.adapters.metrics_memory import MemoryMetricsRepository
from ess_server.adapters.telemetry import ReportedFeedMonitor, ReportedHealthMonitor
from ess_server.core.evaluators import DataFeedEvaluator, DataFeedSettings, DrawdownEvaluator, DrawdownSettings
from ess_server.core.in_process import Parts, open_system
from ess_server.core.model import Actor, Credential
from ess_server.core.ports import Readings
from ess_server.core.readings import EquityReading, FeedUpdate
from ess_server.core.release import ReleaseRequest
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.watched import Watched
from ess_server.replay.clock import time_of
from ess_server.replay.recording import ReadOptions
from ess_server.testing import FakeClock, RecordingEventBus

from .recorded import START, at, replayed, write_csv

TICK = timedelta(milliseconds=250)
LOSS = DrawdownSettings(account="main", max_daily_loss_percent=Decimal(10), confirm=2, confirm_of=3)
FEED = DataFeedSettings(feed="f", max_jump_percent=Decimal(8))
EQUITIES = [(0, 1000), (1, 1000), (2, 890), (3, 1000), (4, 880), (5, 870), (6, 990), (60, 1000), (61, 1000)]
QUOTES = [(0, 100), (1.1, 100), (2.6, 120), (3.1, 121), (20, 120), (21, 120.5), (59, 120), (62, 120.5)]
Found = list[tuple[str, str, str, str]]


class Live:
    """A system in this process whose time is a fake clock, fed and ticked by hand."""

    def __init__(self, system: EmergencyStopSystem, readings: Readings, clock: FakeClock, watched: Watched) -> None:
        self.system = system
        self.readings = readings
        self.clock = clock
        self.watched = watched
        self.found: Found = []

    async def pass_until(self, seconds: float) -> None:
        """Tick through the time until then, a person resetting once the reading is clearly below the warn tiers."""
        end = START + timedelta(seconds=seconds)
        while (next_tick := START + ((self.clock.now() - START) // TICK + 1) * TICK) < end:
            self.clock.advance(next_tick - self.clock.now())
            await self.look()
        self.clock.advance(end - self.clock.now())

    async def look(self) -> None:
        """Tick, note what was stopped, and reset."""
        known = {s.revision for s in self.system.controller.state.stops}
        await self.system.monitor.tick()
        state = self.system.controller.state
        for stop in state.stops:
            if stop.revision not in known:
                when = self.clock.now().isoformat()
                self.found.append((when, stop.action.name, str(stop.scope), stop.cause.reason))
        if state.stops and not known:
            return
        if state.stops:
            await self.system.monitor._evaluate([self.watched])
        if state.stops and not (self.watched.is_close or self.watched.unknown):
            await release(self.system)


async def release(system: EmergencyStopSystem) -> None:
    """Release everything, as somebody who has just looked."""
    actor = Actor(id="anna", credential=Credential.TOKEN)
    overrides = frozenset({"CONDITION_TRUE", "NOT_FLAT", "UNCONFIRMED_GATES"})
    revision = system.controller.state.revision
    await system.reset(ReleaseRequest(revision=revision, reason="mended", actor=actor, overrides=overrides))
    for watched in system.monitor._watched:
        watched.forget()


@asynccontextmanager
async def live(watched: Watched) -> AsyncIterator[Live]:
    """Open a system that was commissioned before the recording begins."""
    clock = FakeClock(START, 0.0)
    metrics = MemoryMetricsRepository(clock, UTC)
    readings = Readings(metrics, ReportedHealthMonitor(clock), ReportedFeedMonitor())
    parts = Parts(
        store=MemoryPolicyStore(), evaluators=[watched], readings=readings, bus=RecordingEventBus(), clock=clock
    )
    async with open_system(parts) as system:
        await release(system)
        yield Live(system, readings, clock, watched)


def said(file: Path, settings: DrawdownSettings | DataFeedSettings) -> Found:
    """Return what a replay says, as ``Live`` finds it."""
    [subject] = replayed(file, settings, read=ReadOptions(pace=0)).subjects
    return [
        (time_of(e.micros).isoformat(), e.action.name, str(settings.scope), e.reason)
        for e in subject.episodes
        if e.kind.name == "TRIP"
    ]


async def test_a_loss_and_a_silence_stop_live_when_the_replay_says(tmp_path: Path) -> None:
    """A breach that is confirmed, and equity that stays away: same times, actions and reasons."""
    rows = [(at(s), "main", amount, "USDT") for s, amount in EQUITIES]
    file = write_csv(tmp_path / "e.csv", "time,account,equity,currency", rows)
    async with live(Watched(DrawdownEvaluator(LOSS), LOSS)) as system:
        for seconds, amount in EQUITIES:
            await system.pass_until(seconds)
            reading = EquityReading(
                account="main",
                amount=Decimal(amount),
                currency="USDT",
                time=system.clock.now(),
                received=system.clock.uptime(),
            )
            system.readings.metrics.record_equity(reading)
            await system.look()
    assert said(file, LOSS) == system.found
    assert [f[1] for f in system.found] == ["FLATTEN", "BLOCK"]


async def test_a_feed_stops_live_when_the_replay_says(tmp_path: Path) -> None:
    """A jump of the price, and a feed that falls silent later: same times and reasons."""
    rows = [(at(s), "f", "BTC", price) for s, price in QUOTES]
    file = write_csv(tmp_path / "q.csv", "time,feed,symbol,last", rows)
    async with live(Watched(DataFeedEvaluator(FEED), FEED)) as system:
        for seconds, price in QUOTES:
            await system.pass_until(seconds)
            update = FeedUpdate(
                feed="f",
                symbol="BTC",
                bid=None,
                ask=None,
                last=Decimal(str(price)),
                sequence=None,
                corrupt=False,
                detail="",
                time=system.clock.now(),
                received=system.clock.uptime(),
            )
            system.readings.feeds.record(update)
            await system.look()
    assert said(file, FEED) == system.found
    assert ["moved" in f[3] for f in system.found][:1] == [True]
    assert len(system.found) == 2
