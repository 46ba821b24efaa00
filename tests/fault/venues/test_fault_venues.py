"""The fault runs in a tiny form, and the proof that their judge can fail: each seeded bug is caught."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.fault.venues.broken import BUGS
from tests.fault.venues.draw import DIALECTS, KINDS, PROCESS_SHARE, Draw, draw
from tests.fault.venues.run import Outcome, Run, outcomes

SEEDS = (15, 16, 17)
"""One of each exchange."""


def test_a_seed_always_draws_the_same() -> None:
    """A violation can be repeated by its seed, and many seeds see every kind, every exchange, every mode."""
    assert draw(7) == draw(7)
    many = [draw(seed) for seed in range(400)]
    assert {d.dialect for d in many} == set(DIALECTS)
    assert set().union(*(d.kinds for d in many)) == set(KINDS)
    assert {d.hedged for d in many} == {d.crowded for d in many} == {True, False}
    assert 400 / PROCESS_SHARE / 3 < sum(d.process for d in many) < 400 / PROCESS_SHARE * 3


async def test_a_few_seeded_runs_survive(tmp_path: Path) -> None:
    """Whatever goes wrong: flat soon after it is over, nothing grew, nothing was closed twice, no word was false."""
    found: list[Outcome] = []
    draws = [replace(draw(seed), process=False) for seed in SEEDS]
    await outcomes(draws, tmp_path, len(draws), found.append)

    assert [outcome.violations for outcome in found] == [()] * len(draws)


async def test_the_judge_catches_every_seeded_bug(tmp_path: Path) -> None:
    """Negative control: with each of these bugs in the client, some run of a few is the violation that it must be."""
    slots = asyncio.Semaphore(10)

    async def caught(name: str, drawn: Draw) -> str:
        folder = tmp_path / name.replace(" ", "-") / str(drawn.seed)
        async with slots:
            outcome = await Run(drawn, folder, BUGS[name].put_into, within=2).outcome()
        return name if any(BUGS[name].verdict in text for text in outcome.violations) else ""

    found = await asyncio.gather(*(caught(name, drawn) for name, bug in BUGS.items() for drawn in bug.draws()))

    assert set(found) - {""} == set(BUGS)
