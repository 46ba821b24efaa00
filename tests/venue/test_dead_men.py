"""Dead man's switches over the lives of the venue process, on a venue of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.venue_process import LinkTimes, VenueProcess
from ess_server.core.clock import SystemClock
from ess_server.core.dead_man import DeadMan
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.model import Action, FlattenStatus
from ess_server.core.venue_link import VenueSettings
from ess_server.testing import FakeClock
from ess_server.testing.waiting import eventually
from ess_server.venue.budget import SHARES, Purpose, RequestBudget
from ess_server.venue.ccxt_usdm import BUDGET
from ess_server.venue.paper import Fault, FaultKind
from ess_server.venue.timers import UsdmTimers
from tests.venue.floor import Floor
from tests.venue.office import FLATTEN, Office

AFTER = timedelta(seconds=60)
WITHIN = timedelta(seconds=15)
PATH = "/fapi/v1/countdownCancelAll"


@pytest.fixture
async def office(floor: Floor, settings_for: Callable[..., VenueSettings]) -> AsyncIterator[Office]:
    """A venue process that has armed the timers of two symbols."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        floor.rest(symbol, "1")
    plain = settings_for(floor)
    settings = replace(plain, accounts=(replace(plain.accounts[0], dead_man=DeadMan(after=AFTER)),))
    made = Office(Path())
    made.open(settings, (sys.executable, "-m", "ess_server.venue"), LinkTimes())
    await made.process.start()
    await eventually(lambda: len(timers(floor)) == 2, within=30)
    yield made
    await made.process.stop()


def timers(floor: Floor) -> dict[str, Any]:
    """The timers that run, by market."""
    return {symbol: due for (_, symbol), due in floor.books._countdowns.items()}


def kill(settings_file: Path) -> None:
    """SIGKILL the venue process."""
    os.kill(int(settings_file.read_text()), signal.SIGKILL)


async def test_a_killed_process_leaves_its_timers_to_the_next(floor: Floor, office: Office, tmp_path: Path) -> None:
    """Also that of a symbol without an order since: left alone it would cancel what is placed there next."""
    before = timers(floor)
    floor.books.cancel_all("main", "ETHUSDT")
    kill(tmp_path / "venue.lock")
    await eventually(lambda: all(timers(floor)[s] > before[s] for s in before), within=30)

    assert await office.process.disarm(WITHIN)
    assert timers(floor) == {}


async def test_a_process_killed_while_it_stops_them_is_followed_by_one_that_only_stops(
    floor: Floor, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end goes on in the next process, which starts no timer anew."""
    asked: list[timedelta] = []
    really = floor.books.count_down

    def count_down(name: str, symbol: str, after: timedelta) -> None:
        asked.append(after)
        really(name, symbol, after)

    monkeypatch.setattr(floor.books, "count_down", count_down)
    floor.venue.faults.add(Fault(kind=FaultKind.HANG, path=PATH, times=2))
    disarming = asyncio.ensure_future(office.process.disarm(WITHIN))
    await eventually(lambda: [e for e in floor.venue.journal.read(after=0) if e.kind == "fault"], within=10)
    kill(tmp_path / "venue.lock")

    assert await disarming
    assert timers(floor) == {}
    assert set(asked) == {timedelta()}


async def test_the_process_hears_its_server_however_often_work_is_set(
    settings_for: Callable[..., VenueSettings], floor: Floor
) -> None:
    """A server that sets the same work at every tick is still heard every second: else orders would be cancelled."""
    plain = settings_for(floor)
    settings = replace(plain, accounts=(replace(plain.accounts[0], dead_man=DeadMan(after=AFTER)),))
    script = "import sys\nfor line in sys.stdin:\n    if 'alive' in line: print('heard', file=sys.stderr, flush=True)\n"
    reading, writing = os.pipe()
    process = VenueProcess(
        settings,
        clock=SystemClock(),
        on_equity=_nothing,
        on_execution=_nothing,
        on_feed=_nothing,
        on_event=_nothing,
        on_progress=_nothing,
        command=(sys.executable, "-c", script),
        stderr=writing,
    )
    await process.start()
    for _ in range(26):
        process.set_work({})
        await asyncio.sleep(0.1)
    await process.stop()
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read().splitlines() == ["heard"] * 2


def _nothing(*_: object) -> None:
    """Take no notice."""


async def test_work_that_cancels_keeps_its_timer_and_work_that_blocks_does_not(floor: Floor, office: Office) -> None:
    """The venue may finish what a stop has begun; what a stop leaves alone is left alone."""
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path="/fapi/v1/allOpenOrders", status=500, times=None))
    office.want(replace(FLATTEN, action=Action.CANCEL))
    await eventually(lambda: office.progress.status is FlattenStatus.CANCELLING, within=10)
    assert await office.process.disarm(WITHIN)
    assert len(timers(floor)) == 2

    office.want(replace(FLATTEN, action=Action.BLOCK))
    assert await office.process.disarm(WITHIN)
    assert timers(floor) == {}


async def test_a_venue_that_does_not_answer_is_not_said_to_have_stopped(floor: Floor, office: Office) -> None:
    """The server says so, within the time that it was given, and a person knows what may come."""
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path=PATH, status=500, times=None))

    assert not await office.process.disarm(timedelta(seconds=5))
    assert len(timers(floor)) == 2
    assert any("stopping the dead man's switch" in details["detail"] for _, _, details in office.events)


async def test_a_timer_that_is_not_set_is_an_error(floor: Floor, client: Any) -> None:
    """A reply that says anything else than the time that was asked for leaves the timer unknown."""
    floor.rest("BTCUSDT", "1")
    assert await client.dead_man.order_symbols() == {"BTC/USDT:USDT"}
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, path=PATH, body='{"symbol": "BTCUSDT", "countdownTime": "5"}'))
    with pytest.raises(Exception, match="does not say that the timer"):
        await client.dead_man.arm(AFTER, ["BTC/USDT:USDT"])
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, path="/fapi/v1/openOrders", body="{}"))
    with pytest.raises(Exception, match="no list"):
        await client.dead_man.order_symbols()


async def test_a_look_is_paid_for_while_a_flatten_takes_everything(floor: Floor, client: Any) -> None:
    """What comes in for it is saved up until it pays for all of it: new symbols are found all the same."""
    floor.rest("BTCUSDT", "1")
    clock = FakeClock()
    budget = RequestBudget(clock.uptime, BUDGET)
    looking = UsdmTimers(client._exchange, client._markets, budget)
    began = clock.uptime()
    for _ in range(300):
        with suppress(ReadBudgetError):
            while True:
                budget.read(BUDGET.burst / 50, Purpose.FLATTEN)
        with suppress(ReadBudgetError):
            assert await looking.order_symbols() == {"BTC/USDT:USDT"}
            break
        clock.advance(1)

    income = BUDGET.per_second * SHARES[Purpose.DEAD_MAN]
    assert clock.uptime() - began == pytest.approx(40 / income, rel=0.3)
