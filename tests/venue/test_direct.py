"""The flatten without a server over a venue process that follows a script."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.evidence_file import EvidenceFile
from ess_server.app.direct import DirectFlatten, DirectOrder, DirectOutcome
from ess_server.config.settings import AccountSettings, Settings
from ess_server.core.clock import SystemClock
from ess_server.core.model import AccountProgress, Action, FlattenStatus
from ess_server.testing.waiting import eventually
from tests.venue.office import PRELUDE

ORDER = DirectOrder(accounts=("main",), symbols=(), action=Action.FLATTEN, requested_by="ann")
ANSWERING = """
def answer(orders=0, positions=0, unnamed=(), reduce_only=False):
    while True:
        ask = hear()
        if ask["type"] == "quiesce":
            say(type="quiesced", id=ask["id"], ok=True)
        if ask["type"] == "look":
            order = {"id": "7", "symbol": "X", "conditional": False, "reduce_only": reduce_only, "client_order_id": ""}
            held = {"symbol": "X", "long": True, "quantity": "1", "hedged": False, "price": None}
            shown = {"time": "2026-01-05T12:00:00+00:00", "orders": [order] * orders, "positions": [held] * positions,
                     "unnamed": list(unnamed)}
            say(type="looked", id=ask["id"], snapshot=shown)
            return
"""


class Desk:
    """One run, and what it told."""

    def __init__(self, place: Path, script: str, order: DirectOrder = ORDER) -> None:
        settings = Settings(
            accounts=(
                AccountSettings(id="main", venue="paper", exchange="binanceusdm", api_key_env="A", secret_env="hunter"),
                AccountSettings(id="other", venue="paper", exchange="binanceusdm", api_key_env="A", secret_env="B"),
            )
        )
        self.spilled: list[str] = []
        self.evidence = EvidenceFile(place / "evidence" / "one.jsonl", SystemClock(), self.spilled.append)
        self.events: list[str] = []
        self.statuses: list[FlattenStatus] = []
        self.interrupted, self.leave = asyncio.Event(), asyncio.Event()
        self.run = DirectFlatten(
            settings,
            place / "venue.lock",
            order,
            clock=SystemClock(),
            evidence=self.evidence,
            onlooker=self,
            command=(sys.executable, "-c", PRELUDE + ANSWERING + script),
        )

    def progress(self, progress: AccountProgress) -> None:
        """See ``Onlooker.progress``."""
        self.statuses.append(progress.status)

    def event(self, kind: str, account: str, details: Mapping[str, str]) -> None:  # noqa: ARG002 - part of the protocol
        """See ``Onlooker.event``."""
        self.events.append(kind)

    async def ends(self, within: float = 10) -> DirectOutcome:
        """Run to the end."""
        async with asyncio.timeout(within):
            return await self.run.run(self.interrupted, self.leave)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What is on disk."""
        assert self.evidence.close(timedelta(seconds=5))
        return [json.loads(line) for line in self.evidence.path.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    """Make a run over this script, of an order."""
    lives = tmp_path / "lives"
    lives.mkdir()
    monkeypatch.setenv("LIVES", str(lives))
    return lambda script, order=ORDER: Desk(tmp_path, script, order)


async def test_what_a_later_reading_denies_is_not_the_end(desk: Callable[..., Desk]) -> None:
    """An order that stands there after FLAT begins the work anew; only what is borne out is flat."""
    run = desk("for orders in (1, 0):\n    progress(hear_work(), 'FLAT')\n    answer(orders)\nhear()\n")
    outcome = await run.ends()

    assert (outcome.flat, outcome.quiet) == (True, True)
    assert run.events.count("direct.reopened") == 1
    assert run.statuses.count(FlattenStatus.FLAT) == 2
    shown = [line for line in run.lines if line["kind"] == "final"]
    assert [(line["account"], line["shown"]["orders"]) for line in shown] == [("main", [])]


@pytest.mark.parametrize(
    ("order", "shows", "reopened"),
    [
        (replace(ORDER, symbols=("X",)), "1", 1),
        (replace(ORDER, symbols=("Y",)), "1", 0),
        (replace(ORDER, symbols=("Y",)), "1, unnamed=['X']", 1),
        (ORDER, "1, reduce_only=True", 0),
        (ORDER, "positions=1", 1),
        (replace(ORDER, action=Action.CANCEL), "positions=1", 0),
    ],
)
async def test_what_the_order_does_not_cover_begins_no_work(
    desk: Callable[..., Desk], order: DirectOrder, shows: str, reopened: int
) -> None:
    """Other symbols, exits, and positions where nothing is closed are not its business; what has no name may be."""
    again = "progress(hear_work(), 'FLAT')\nanswer()\n" * reopened
    run = desk(f"progress(hear_work(), 'FLAT')\nanswer({shows})\n{again}hear()\n", order)
    outcome = await run.ends()

    assert outcome.flat
    assert run.events.count("direct.reopened") == reopened


async def test_as_many_orders_as_before_are_not_the_same_orders(desk: Callable[..., Desk]) -> None:
    """Flat with an exit that was left alone is not flat with an entry in its place."""
    counted = "progress(hear_work(), 'FLAT', open_orders=1)\n"
    run = desk(f"{counted}answer(1)\n{counted}answer(1, reduce_only=True)\nhear()\n")
    outcome = await run.ends()

    assert outcome.flat
    assert run.events.count("direct.reopened") == 1


async def test_dust_is_no_more_than_when_it_was_flat(desk: Callable[..., Desk]) -> None:
    """What cannot be closed stays in the last reading, and is no reason to begin anew."""
    counted = "progress(hear_work(), 'FLAT_WITH_DUST', open_positions=1)\n"
    run = desk(f"{counted}answer(positions=2)\n{counted}answer(positions=1)\nhear()\n")
    outcome = await run.ends()

    assert outcome.flat
    assert run.events.count("direct.reopened") == 1


async def test_only_the_accounts_that_are_meant_are_told_of(desk: Callable[..., Desk]) -> None:
    """Not even the keys of another account are read, nor equity, nor a dead man's switch kept alive."""
    run = desk("progress(hear_work(), 'FLAT')\nanswer()\nhear()\n")
    await run.ends()

    (begun,) = [line for line in run.lines if line["kind"] == "begun"]
    (account,) = begun["settings"]["accounts"]
    assert (account["id"], account["equity_interval_s"], account["dead_man"]) == ("main", None, None)
    assert begun["settings"]["feeds"] == []
    # What stands where the place of a key should may be the key itself, and evidence is kept.
    assert "hunter" not in str(run.lines)


async def test_leaving_waits_for_nothing_and_says_so(desk: Callable[..., Desk]) -> None:
    """A second Ctrl-C ends it though the process answers nothing; that something may still act is in the outcome."""
    run = desk("progress(hear_work(), 'CLOSING')\nwhile True: hear()\n")
    ending = asyncio.ensure_future(run.ends())
    await eventually(lambda: FlattenStatus.CLOSING in run.statuses)
    run.interrupted.set()
    await asyncio.sleep(0.05)
    assert not ending.done()
    run.leave.set()
    outcome = await ending

    assert (outcome.flat, outcome.quiet, outcome.shown) == (False, False, {})
    assert outcome.progress["main"].status is FlattenStatus.CLOSING
    assert run.lines[-1] | {"flat": False, "quiet": False} == run.lines[-1]


async def test_a_process_that_never_comes_up_is_waited_out(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again and again; after Ctrl-C nothing can act any more, and what is open is not known."""
    for name in ("QUIET_WITHIN", "LOOK_WITHIN"):
        monkeypatch.setattr(f"ess_server.app.direct.{name}", timedelta(milliseconds=200))
    run = desk("sys.exit(3)\n")
    ending = asyncio.ensure_future(run.ends())
    await eventually(lambda: len(list(Path(run.evidence.path.parents[1] / "lives").iterdir())) >= 2)
    run.interrupted.set()
    outcome = await ending

    assert (outcome.flat, outcome.quiet) == (False, True)
    assert isinstance(outcome.shown["main"], str)
    assert set(run.statuses) == {FlattenStatus.UNKNOWN}
