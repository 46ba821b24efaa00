"""The server's side of the venue process: what it shows when the process is up, down, silent or mad."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ess_server.adapters.venue_process import LinkTimes
from ess_server.core.clock import SystemClock
from ess_server.core.model import AccountProgress, Action, FlattenStatus
from ess_server.core.venue_link import VenueSettings
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.testing.waiting import eventually
from ess_server.venue.paper import Fault, FaultKind, grew_or_flipped
from tests.venue.office import FLATTEN, Office


async def test_new_work_is_pending_until_the_process_speaks_of_it(hire: Callable[..., Any]) -> None:
    """FLAT of older work is gone in the very call that changes the work, and late words about it are ignored."""
    office = await hire(
        "entry = hear_work()\n"
        "while not entry['work']: entry = hear_work()\n"
        "progress(entry, 'FLAT')\n"
        "entry = hear_work()\n"
        "progress(entry, 'FLAT', generation=entry['generation'] - 1)\n"
        "say(type='event', kind='late', account='main', details={})\n"
        "progress(entry, 'CLOSING')\n"
        "obey()\n"
    )
    office.want(FLATTEN)
    await office.reaches(FlattenStatus.FLAT)
    office.want(replace(FLATTEN, stop_id="stop-2", action=Action.CANCEL))

    assert office.progress.status is FlattenStatus.PENDING
    assert office.progress.stop_id == "stop-2"
    begun = len(office.shown)
    await eventually(lambda: office.events)
    await office.reaches(FlattenStatus.CLOSING)
    assert FlattenStatus.FLAT not in [p.status for p in office.shown[begun:]]


async def test_before_the_start_and_without_work(hire: Callable[..., Any]) -> None:
    """Work without a process is UNKNOWN; without work an account is PENDING under no stop."""
    office = await hire("obey()\n")
    await office.process.stop()
    assert office.progress.status is FlattenStatus.PENDING
    assert office.progress.stop_id == ""
    office.want(FLATTEN)

    assert office.progress.status is FlattenStatus.UNKNOWN
    office.want(replace(FLATTEN, held=True))
    assert office.progress.status is FlattenStatus.HELD


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("sys.exit(3)", "ended with exit code 3"),
        ("os.kill(os.getpid(), 9)", "ended with exit code -9"),
        ("print('garbage', flush=True); hear()", "broke the protocol: a line is not JSON"),
        ("say(type='surprise'); hear()", "broke the protocol: unknown message 'surprise'"),
        ("print('[' * 100000, flush=True); hear()", "broke the protocol: RecursionError"),
        ("progress({'work': None, 'generation': 1}, 'FLAT', account=[]); hear()", "broke the protocol: TypeError"),
        ("say(type='progress'); hear()", "broke the protocol: progress"),
        ("say(type='equity', account='main', amount='x'); hear()", "broke the protocol: equity"),
        ("say(type='event'); hear()", "broke the protocol: event"),
        ("print('x' * (20 << 20), flush=True); hear()", "sent a line above"),
        ("time.sleep(30)", "was silent for 1 s"),
    ],
)
async def test_a_process_that_fails_is_replaced(hire: Callable[..., Any], end: str, why: str) -> None:
    """However it fails: UNKNOWN at once, the reason told, and the next one gets the whole work again."""
    office = await hire(f"if lives == 0:\n    progress(hear_work(), 'FLAT')\n    {end}\nobey()\n")
    office.want(FLATTEN)
    await eventually(lambda: any(p.status is FlattenStatus.UNKNOWN for p in office.shown[1:]))
    await eventually(lambda: office.events)
    await office.reaches(FlattenStatus.FLAT)

    kind, account, details = office.events[0]
    assert (kind, account) == ("venue.down", "")
    assert why in details["detail"]
    assert len(list(office.lives.iterdir())) == 2


async def test_what_cannot_be_sent_ends_one_life_and_not_the_supervision(
    hire: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the link itself is logged and told, and the next process gets the work that can be sent."""
    office = await hire("obey()\n")
    office.want(replace(FLATTEN, stop_id=b"no text"))  # type: ignore[arg-type] # what JSON cannot carry
    await eventually(lambda: office.events)
    office.want(FLATTEN)
    await office.reaches(FlattenStatus.FLAT)

    kind, _, details = office.events[0]
    assert kind == "venue.down"
    assert "was given up: TypeError" in details["detail"]
    assert "the link to the venue process failed" in caplog.text


async def test_what_the_process_says_is_passed_on(hire: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """Equity arrives with the uptime of its arrival, faults as events; a listener that raises is logged."""
    office = await hire(
        "say(type='ready', pid=1)\n"
        "say(type='quiesced', id=99, ok=True)\n"
        "say(type='equity', account='main', amount='12.50', currency='USDT', time='2026-01-05T12:00:00+00:00')\n"
        "say(type='fault', account='main', detail='reading equity: no')\n"
        "obey()\n"
    )
    await eventually(lambda: office.events)
    office.process._on_progress = _broken
    office.want(FLATTEN)
    await office.reaches(FlattenStatus.FLAT)

    (reading,) = office.equity
    assert str(reading.amount) == "12.50"
    assert abs(reading.received - SystemClock().uptime()) < 10
    assert office.events == [("venue.fault", "main", {"detail": "reading equity: no"})]
    assert "a listener of the venue process failed" in caplog.text


async def test_exposure_is_shown_where_nothing_is_done_about_it(hire: Callable[..., Any]) -> None:
    """Open positions are seen before any stop, and under a hold; while there is work only its own reads count."""
    equity = "say(type='equity', account='main', amount='1', currency='USDT', positions={}, time='{}')\n"
    day = "2026-01-0{}T12:00:00+00:00"
    office = await hire(
        equity.format(4, day.format(5))
        + "entry = hear_work()\nwhile not entry['work']: entry = hear_work()\n"
        + "progress(entry, 'CLOSING')\n"
        + equity.format(9, day.format(6))
        + "entry = hear_work()\n"
        + equity.format(2, day.format(7))
        + "obey()\n"
    )
    await eventually(lambda: office.progress.open_positions == 4)
    assert office.progress.read_time is not None
    assert (office.progress.status, office.progress.read_time.day) == (FlattenStatus.PENDING, 5)
    office.want(FLATTEN)
    await office.reaches(FlattenStatus.CLOSING)
    await eventually(lambda: len(office.equity) == 2)
    assert office.progress.open_positions == 0
    office.want(replace(FLATTEN, held=True))
    await eventually(lambda: office.progress.open_positions == 2)
    assert office.progress.status is FlattenStatus.HELD


async def test_a_feed_that_nobody_configured_ends_the_process(hire: Callable[..., Any]) -> None:
    """Property: what is read is what was asked for; anything else is no part of the protocol."""
    office = await hire("say(type='feed', feed='other', updates=[])\nobey()\n")
    await eventually(lambda: office.events)

    assert office.events[0][0] == "venue.down"
    assert "feed 'other' is not configured" in office.events[0][2]["detail"]
    assert office.updates == []


def _broken(_: AccountProgress) -> None:
    raise RuntimeError("listener")


def test_the_server_side_does_not_import_the_exchange_library() -> None:
    """Neither the flatten algorithm nor the link to the process pulls in ccxt or aiohttp."""
    code = "import sys, ess_server.adapters.venue_process, ess_server.core.flatten; print('ccxt' in sys.modules, 'aiohttp' in sys.modules)"  # noqa: E501 - one program
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert said.stdout.split() == ["False", "False"]


async def test_the_real_process_killed_in_the_middle(floor: Any, settings_for: Callable[..., VenueSettings]) -> None:
    """Killed while it closes positions: UNKNOWN, a new process, FLAT as the venue shows it, and nothing ever grew."""
    floor.trade_everywhere(20)
    before = floor.venue.journal.last_seq
    floor.venue.faults.add(
        Fault(kind=FaultKind.DELAY, path="/fapi/v1/order", delay=timedelta(milliseconds=200), times=None)
    )
    office = Office(Path())
    settings = settings_for(floor, equity=timedelta(milliseconds=200))
    office.open(settings, (sys.executable, "-m", "ess_server.venue"), LinkTimes())
    await office.process.start()
    office.want(FLATTEN)
    await eventually(lambda: any(k == "flatten.first_close" for k, _, _ in office.events), within=20)
    os.kill(int(Path(settings.lock_file).read_text()), signal.SIGKILL)  # noqa: ASYNC240 - a short file
    await eventually(lambda: any(p.status is FlattenStatus.UNKNOWN for p in office.shown[3:]))
    assert not floor.flat
    await office.reaches(FlattenStatus.FLAT, within=20)
    await eventually(lambda: office.equity)
    office.want(replace(FLATTEN, held=True))
    quiet = await office.process.quiesce(["main"], timedelta(seconds=5))
    await office.process.stop()

    assert floor.flat
    assert quiet is True
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []


async def test_a_look_is_answered_and_survives_the_end_of_a_process(hire: Callable[..., Any]) -> None:
    """What an account without work shows is asked of the next process if one ends before it has answered."""
    snapshot = "{'time': '2026-01-05T12:00:00+00:00', 'orders': [], 'positions': [], 'unnamed': []}"
    office = await hire(
        "ask = hear()\nwhile ask['type'] != 'look': ask = hear()\n"
        "if lives == 0: sys.exit(3)\n"
        f"say(type='looked', id=ask['id'], snapshot={snapshot})\n"
        "ask = hear()\n"
        "say(type='looked', id=ask['id'], error='it hangs')\n"
        "obey()\n"
    )
    shown = await office.process.look("main", timedelta(seconds=10))
    unread = await office.process.look("main", timedelta(seconds=10))
    late = await office.process.look("main", timedelta(milliseconds=100))

    assert isinstance(shown, VenueSnapshot)
    assert shown.time.year == 2026
    assert unread == "it hangs"
    assert late == "the venue did not answer within 0.1 s"


async def test_the_real_process_looks_at_an_account_and_at_none(
    floor: Any, settings_for: Callable[..., VenueSettings]
) -> None:
    """A look names every order and position and changes nothing; an account that is not configured has no answer."""
    floor.trade_everywhere(2)
    office = Office(Path())
    office.open(settings_for(floor), (sys.executable, "-m", "ess_server.venue"), LinkTimes())
    await office.process.start()
    shown = await office.process.look("main", timedelta(seconds=20))
    unknown = await office.process.look("other", timedelta(seconds=20))
    floor.venue.faults.add(Fault(kind=FaultKind.STATUS, path="/fapi/v1/openOrders", status=500, times=None))
    unread = await office.process.look("main", timedelta(seconds=1))
    await office.process.stop()

    assert isinstance(shown, VenueSnapshot)
    assert (len(shown.orders), len(shown.positions)) == (6, 2)
    assert len(floor.positions) == 2
    assert unknown == "the account is not configured"
    assert isinstance(unread, str)
