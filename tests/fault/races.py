"""Triggers and resets at once, on real records: in every history the trigger wins.

A history is judged from its answers and the audit log. What took effect stands in the order of its revisions: a trigger
adds its stop, a reset that was answered as done takes away what it covers, none of it newer than the revision it names.
What is left of that must be the state, what gates were told, and what the next start finds.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ess_server.core.errors import EssError
from ess_server.core.model import EmergencyState, Event
from tests.e2e.test_kill import covers
from tests.fault import hand
from tests.fault.installation import Installed, opened, start
from tests.fault.result import Deadline, Result

HISTORIES = 10_000
EACH = 50
"""Histories on one directory, before it is started again."""
AT_ONCE = 4
"""Directories that are worked on at once: a history mostly waits for its disks."""
SCOPES = ("global", "account/a", "account/b", "symbol/BTC/USDT:USDT")
SLOWEST_WRITE = 0.002


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that changed the state: when it was asked and answered, and the revision it got. Resets name another."""

    scope: str
    revision: int
    asked: int
    answered: int
    named: int | None = None


@dataclass
class History:
    """What one history asked, was answered and told."""

    rng: random.Random
    turns: Iterator[int] = field(default_factory=lambda: count(1))
    effects: list[Effect] = field(default_factory=list)
    refused: int = 0
    told: list[tuple[int, dict[str, int]]] = field(default_factory=list)

    async def pause(self) -> None:
        """Let others go first, for a moment or for a write."""
        if self.rng.random() < 0.5:
            await asyncio.sleep(self.rng.uniform(0, 2 * SLOWEST_WRITE))
        for _ in range(self.rng.randint(0, 6)):
            await asyncio.sleep(0)

    async def trigger(self, one: Installed) -> None:
        """Stop something."""
        await self.pause()
        scope, asked = self.rng.choice(SCOPES), next(self.turns)
        revision = one.trigger(scope)
        self.effects.append(Effect(scope, revision, asked, next(self.turns)))

    async def reset(self, one: Installed) -> None:
        """Look, hesitate, and release what was looked at."""
        await self.pause()
        scope, seen = self.rng.choice(SCOPES), one.controller.state.revision
        await self.pause()
        asked = next(self.turns)
        try:
            result = await one.reset(scope, seen)
        except EssError:
            self.refused += 1
        else:
            self.effects.append(Effect(scope, result.state.revision, asked, next(self.turns), named=seen))

    def listen(self, state: EmergencyState) -> None:
        """Keep what gates are told."""
        self.told.append((state.revision, _stops(state)))


def _stops(state: EmergencyState) -> dict[str, int]:
    return {str(stop.scope): stop.revision for stop in state.stops}


def order_problem(effects: list[Effect]) -> str:
    """Return what contradicts real time: what was answered before another was asked has the lower revision."""
    highest = 0
    moments = sorted([(e.asked, 0, e) for e in effects] + [(e.answered, 1, e) for e in effects], key=lambda m: m[:2])
    floor: dict[int, int] = {}
    for _, ended, effect in moments:
        if not ended:
            floor[effect.asked] = highest
        elif effect.revision <= floor[effect.asked]:
            return f"{effect} was asked after {floor[effect.asked]} had been answered"
        else:
            highest = max(highest, effect.revision)
    return ""


def replayed(begin: dict[str, int], effects: list[Effect]) -> Iterator[tuple[int, dict[str, int], str]]:
    """Yield revision, stops and problem after each effect, in the order of revisions."""
    standing = dict(begin)
    for effect in sorted(effects, key=lambda e: e.revision):
        problem = ""
        if effect.named is None:
            standing[effect.scope] = effect.revision
        else:
            gone = {scope: revision for scope, revision in standing.items() if covers(effect.scope, scope)}
            over = {scope: revision for scope, revision in gone.items() if revision > effect.named}
            problem = f"{effect} released {over}" if over else ""
            standing = {scope: revision for scope, revision in standing.items() if scope not in gone}
        yield effect.revision, dict(standing), problem


def logged_problem(effects: list[Effect], events: list[Event]) -> str:
    """Return which effect the audit log does not hold."""
    stops = {e.draft.revision for e in events if e.draft.kind in ("stop.activated", "stop.raised", "stop.joined")}
    releases = {e.draft.revision for e in events if e.draft.kind == "stop.released"}
    for effect in effects:
        if effect.revision not in (stops if effect.named is None else releases):
            return f"the audit log does not hold {effect}"
    return ""


def told_problem(history: History, steps: list[tuple[int, dict[str, int]]]) -> str:
    """Return what gates were told that was not so: each message is the state at its revision, none is older."""
    last = 0
    for revision, stops in history.told:
        true = next((standing for at, standing in reversed(steps) if at <= revision), None)
        if revision < last or (true is not None and stops != true):
            return f"gates were told {stops} at {revision} after {last}, and it was {true}"
        last = revision
    return ""


async def judged(one: Installed, history: History, begin: dict[str, int], after: int) -> str:
    """Return what is wrong with a history that has ended."""
    steps = list(replayed(begin, history.effects))
    wrong = [problem for _, _, problem in steps if problem]
    final = steps[-1][1] if steps else begin
    if wrong:
        return wrong[0]
    if _stops(one.controller.state) != final:
        return f"the state is {_stops(one.controller.state)}, the answers make {final}: {history.effects}"
    reader = one.controller.journal.writers[0]
    events = await reader.read(lambda: list(one.log.read(after=after, limit=1000, ascending=True)))
    return (
        order_problem(history.effects)
        or logged_problem(history.effects, events)
        or told_problem(history, [(0, begin), *((revision, standing) for revision, standing, _ in steps)])
    )


async def played(one: Installed, rng: random.Random) -> tuple[History, str]:
    """Play one history from whatever stands, and judge it."""
    await one.controller.settle()
    history, begin, after = History(rng), _stops(one.controller.state), one.controller.journal.head.sequence
    one.controller._on_change[:] = [history.listen]  # the one before has ended
    work = [history.trigger] * rng.randint(1, 4) + [history.reset] * rng.randint(1, 3)
    rng.shuffle(work)
    async with asyncio.timeout(20):
        await asyncio.gather(*(step(one) for step in work))
        await one.controller.settle()
        # An aborted reset is told after it was answered; whatever is still to come of it is awaited.
        await one.controller.journal.agreed(one.controller.state.revision)
    return history, await judged(one, history, begin, after)


@dataclass
class Tally:
    """How the resets of all histories ended."""

    done: int = 0
    refused: int = 0


async def batch(data: Path, rng: random.Random, result: Result, tally: Tally, end: Deadline) -> dict[str, int]:
    """Play some histories on one directory; return what stood after the last one."""
    slow = random.Random(rng.random())
    async with opened(data, tell=lambda _: time.sleep(slow.uniform(0, SLOWEST_WRITE))) as one:
        for _ in range(EACH):
            if not end:
                break
            seed = rng.randrange(10**9)
            history, problem = await played(one, random.Random(seed))
            result.judge(f"history {seed}", problem)
            tally.done += sum(1 for effect in history.effects if effect.named is not None)
            tally.refused += history.refused
        return _stops(one.controller.state)


async def batches(
    places: list[Path], rng: random.Random, result: Result, tally: Tally, end: Deadline
) -> list[dict[str, int]]:
    """Play a batch on each directory, all at once."""
    each = (batch(data, random.Random(rng.random()), result, tally, end) for data in places)
    return await asyncio.gather(*each)


def run(seconds: float, seed: int) -> Result:
    """Play as many histories as there is time for, drawn by ``seed``."""
    result, end, rng, tally = Result(), Deadline(seconds), random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(dir=hand.fast_directory()) as folder:
        for first in range(0, HISTORIES // EACH, AT_ONCE):
            if not end:
                break
            places = [Path(folder) / str(first + number) for number in range(AT_ONCE)]
            for data in places:
                data.mkdir()
            for data, standing in zip(places, asyncio.run(batches(places, rng, result, tally, end)), strict=True):
                found = {stop.scope: stop.revision for stop in start(data).stops}
                problem = "" if found == standing else f"it finds {found}, and {standing} stood"
                result.judge(f"the start after batch {data.name}", problem)
    result.notes.append(f"{tally.done} resets took effect, {tally.refused} were refused")
    if not tally.done or not tally.refused:
        result.judge("the histories", "all resets had the same end: nothing raced")
    return result
