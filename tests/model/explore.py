"""Breadth-first exploration: every state once, and the shortest way to a broken promise."""

import gc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from .protocol import Step, first, successors
from .rules import Bounds, Rules
from .state import Broken, Spare


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an exploration found. ``trace`` leads to ``broken``, one (label, state) a step."""

    states: int
    transitions: int
    broken: Broken | None
    trace: tuple[Step, ...]


def explore(rules: Rules, bounds: Bounds, *, most: int = 2_000_000) -> Result:
    """Explore everything within ``bounds``; end at the first broken promise."""
    collecting = gc.isenabled()
    # Millions of tuples without a cycle: the collector would only walk them again and again.
    gc.disable()
    try:
        return _explore(rules, bounds, most)
    finally:
        if collecting:
            gc.enable()


def _explore(rules: Rules, bounds: Bounds, most: int) -> Result:
    start = first(bounds)
    waiting, parents = deque([start]), [(-1, -1)]
    seen: dict[tuple[object, ...], tuple[Spare, ...]] = {start[:-1]: (start.spare,)}
    at = transitions = 0
    while waiting:
        for choice, (_, after) in enumerate(successors(waiting.popleft(), rules, bounds)):
            transitions += 1
            key, spare = after[:-1], after.spare
            known = seen.get(key)
            if known and any(k.resets >= spare.resets and k.errors >= spare.errors for k in known):
                continue
            seen[key] = (*known, spare) if known else (spare,)
            waiting.append(after)
            parents.append((at, choice))
            if after.broken:
                trace = tuple(_replayed(parents, rules, bounds))
                return Result(states=len(parents), transitions=transitions, broken=after.broken, trace=trace)
        assert len(parents) < most, f"more than {most} states: the bounds are too wide"
        at += 1
    return Result(states=len(parents), transitions=transitions, broken=None, trace=())


def _replayed(parents: list[tuple[int, int]], rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Yield the way to the newest state; only the choices were kept, which spares most of the memory."""
    choices = []
    at = len(parents) - 1
    while at > 0:
        at, choice = parents[at]
        choices.append(choice)
    step = "at first", first(bounds)
    yield step
    for choice in reversed(choices):
        step = next(islice(successors(step[1], rules, bounds), choice, None))
        yield step
