"""One run: a venue, its accounts, a stop, everything that goes wrong, and the judgement."""

import asyncio
import random
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from ess_server.core.flatten import FlattenSettings
from ess_server.core.model import AccountProgress, Action, Work
from ess_server.testing.waiting import eventually
from ess_server.venue.paper import BooksConfig, PaperConfig, PaperVenue
from tests.fault.venues.clients import PASSPHRASE, SECRET, key_of
from tests.fault.venues.draw import Draw
from tests.fault.venues.faults import Troubles
from tests.fault.venues.flatteners import Flatteners, Sabotage, Scene, honest, open_flatteners
from tests.fault.venues.judge import Judge
from tests.fault.venues.story import Story
from tests.fault.venues.traders import Traders

WITHIN = 10.0
"""Seconds from the end of the faults to FLAT, by the venue's clock."""
TICK = timedelta(milliseconds=50)
QUIET = timedelta(milliseconds=300)
_LOOK_S, _LATE_S = 0.01, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run. ``seconds`` passed from the end of its faults until every account was flat."""

    draw: Draw
    seconds: float
    dust: bool
    violations: tuple[str, ...]
    story: tuple[str, ...]


class Run:
    """Carries a draw out."""

    def __init__(self, draw: Draw, folder: Path, sabotage: Sabotage = honest, within: float = WITHIN) -> None:
        self._draw = draw
        self._folder = folder
        self._sabotage = sabotage
        self._within = within
        self._names = tuple(f"a{number}" for number in range(draw.accounts))
        self._shown: dict[str, AccountProgress] = {}

    async def outcome(self) -> Outcome:
        """Return what became of it."""
        async with AsyncExitStack() as stack:
            venue = await self._open_venue(stack)
            rng = random.Random(self._draw.furniture)
            for name in self._names:
                Traders(venue.books, self._draw, rng).furnish(name)
            began = venue.journal.last_seq
            self._judges = {name: Judge(venue.books, name, began, read_from=began) for name in self._names}
            self._story = Story(venue.journal)
            flatteners = self._flatteners(venue)
            stack.push_async_callback(flatteners.stop)
            await flatteners.start()
            return await self._live(venue, flatteners)

    async def _open_venue(self, stack: AsyncExitStack) -> PaperVenue:
        books = BooksConfig(instruments=self._draw.instruments, reserve_reduce_only=self._draw.dialect != "okx")
        venue = PaperVenue(PaperConfig(tick=TICK, books=books))
        for name in self._names:
            money = {"USDT": Decimal(10**9)}
            venue.add_account(
                name,
                key=key_of(name),
                secret=SECRET,
                passphrase=PASSPHRASE,
                balances=money,
                hedged=self._draw.hedged,
            )
        await venue.start(cert_dir=self._folder / "tls")
        stack.push_async_callback(venue.stop)
        return venue

    def _flatteners(self, venue: PaperVenue) -> Flatteners:
        scene = Scene(
            draw=self._draw,
            names=self._names,
            venue=venue,
            judges=self._judges,
            settings=FlattenSettings(quiet_window=QUIET),
            folder=self._folder,
            on_progress=self._progress,
            on_event=self._event,
            sabotage=self._sabotage,
        )
        return open_flatteners(scene)

    async def _live(self, venue: PaperVenue, flatteners: Flatteners) -> Outcome:
        loop = asyncio.get_running_loop()
        troubles = Troubles(venue, self._draw, self._names)
        began = loop.time()
        pending = list(self._draw.steps)
        work = Action.CANCEL if self._draw.cancel_first else Action.FLATTEN
        while pending and pending[0].at == 0:
            self._story.tell(troubles.begin(pending.pop(0)))
        self._want(flatteners, work)
        while (now := loop.time() - began) < self._draw.clear_at and not self._wrong:
            if work is Action.CANCEL and now >= self._draw.cancel_first:
                work = Action.FLATTEN
                self._want(flatteners, work)
            if pending and pending[0].at <= now:
                step = pending.pop(0)
                self._story.tell(troubles.begin(step))
                if step.kind == "crash":
                    await flatteners.crash()
            await asyncio.sleep(_LOOK_S)
        self._want(flatteners, Action.FLATTEN)
        troubles.end()
        await eventually(lambda: troubles.over, every=_LOOK_S)
        return await self._judged(venue)

    def _want(self, flatteners: Flatteners, action: Action) -> None:
        for judge in self._judges.values():
            judge.action = action
        flatteners.set_work({name: Work(account=name, stop_id="stop-1", action=action) for name in self._names})

    async def _judged(self, venue: PaperVenue) -> Outcome:
        self._story.tell("faults are over")
        seconds = await self._seconds_to_flat(venue)
        violations = (
            []
            if self._flat or self._wrong
            else [f"not flat {self._within:g} s after the faults were over: {self._said()}"]
        )
        for name, judge in self._judges.items():
            violations += [f"{name}: {text}" for text in judge.conclude()]
            if self._flat and judge.has_dust is not (self._shown[name].status.name == "FLAT_WITH_DUST"):
                violations.append(f"{name}: {self._shown[name].status.name} and dust {judge.has_dust}")
        return Outcome(
            draw=self._draw,
            seconds=seconds,
            dust=any(judge.has_dust for judge in self._judges.values()),
            violations=tuple(violations),
            story=tuple(self._story.lines()) if violations else (),
        )

    async def _seconds_to_flat(self, venue: PaperVenue) -> float:
        """Wait for the end and return how long it took, by the venue's clock.

        A look that comes late because this machine is busy counts for ``_LATE_S`` at most: the venue is as late.
        """
        seconds = 0.0
        while not (self._flat or self._wrong) and seconds < self._within:
            before = venue.clock()
            await asyncio.sleep(_LOOK_S)
            seconds += min((venue.clock() - before).total_seconds(), _LATE_S)
        return seconds

    @property
    def _wrong(self) -> bool:
        return any(judge.violations for judge in self._judges.values())

    @property
    def _flat(self) -> bool:
        return all(
            judge.is_flat and name in self._shown and self._shown[name].status.is_flat
            for name, judge in self._judges.items()
        )

    def _said(self) -> str:
        return "; ".join(f"{name} {shown.status.name} {shown.detail}" for name, shown in self._shown.items())

    def _progress(self, progress: AccountProgress) -> None:
        if progress.stop_id:
            self._judges[progress.account].hear(progress)
        before = self._shown.get(progress.account)
        if before is None or (before.status, before.detail) != (progress.status, progress.detail):
            self._story.tell(f"{progress.account} is {progress.status.name} {progress.detail}")
        self._shown[progress.account] = progress

    def _event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        words = details.get("error") or details.get("detail") or details.get("left") or ""
        self._story.tell(f"{account} {kind} {words}")


async def outcomes(draws: Sequence[Draw], folder: Path, at_once: int, told: Callable[[Outcome], None]) -> None:
    """Carry out all draws, so many at once."""
    slots, processes = asyncio.Semaphore(at_once), asyncio.Semaphore(2)

    async def one(draw: Draw) -> None:
        async with slots, processes if draw.process else nullcontext():
            try:
                told(await Run(draw, folder / str(draw.seed)).outcome())
            except Exception:  # noqa: BLE001 - a run that breaks is told with its seed, and the others go on
                told(Outcome(draw=draw, seconds=0.0, dust=False, violations=(traceback.format_exc(),), story=()))

    await asyncio.gather(*(one(draw) for draw in draws))
