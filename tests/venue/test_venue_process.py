"""The server's side of the venue process: what it shows when the process is up, down, silent, deaf or mad."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from ess_server.adapters.venue_process import LinkTimes, VenueProcess
from ess_server.core.flatten import FlattenSettings
from ess_server.core.model import AccountProgress, Action, FlattenStatus, Work
from ess_server.core.readings import EquityReading
from ess_server.core.venue_link import KeySource, VenueAccount, VenueSettings
from ess_server.testing.waiting import eventually
from ess_server.venue.clock import MachineClock
from ess_server.venue.paper import Fault, FaultKind, grew_or_flipped

QUICK = LinkTimes(
    silence=timedelta(seconds=1),
    write=timedelta(milliseconds=500),
    end=timedelta(milliseconds=500),
    restart_first=timedelta(milliseconds=20),
    restart_last=timedelta(milliseconds=100),
)
EXPIRY = FlattenSettings(request_expiry=timedelta(milliseconds=100))
FLATTEN = Work(account="main", stop_id="stop-1", action=Action.FLATTEN)

PRELUDE = """
import json, os, sys, time
def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()
def hear():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)
def hear_work():
    while (message := hear())["type"] != "work":
        pass
    return message["work"]["main"]
def progress(entry, status, **changes):
    work = entry["work"] or {"stop_id": ""}
    say(type="progress", account="main", venue="paper", status=status, generation=changes.get("generation",
        entry["generation"]), open_orders=0, open_positions=0, read_time=None, detail="", stop_id=work["stop_id"])
def obey():
    while True:
        entry = hear_work()
        if entry["work"]:
            progress(entry, "FLAT")
life = os.path.join(os.environ["LIVES"], "life")
lives = len(os.listdir(os.environ["LIVES"]))
open(life + str(lives), "w").close()
"""


class Office:
    """A VenueProcess over a scripted child, and everything that it told."""

    def __init__(self, lives: Path) -> None:
        self.lives = lives
        self.events: list[tuple[str, str, Mapping[str, str]]] = []
        self.shown: list[AccountProgress] = []
        self.equity: list[EquityReading] = []
        self.process: VenueProcess

    def open(self, settings: VenueSettings, command: tuple[str, ...], times: LinkTimes) -> None:
        """Make the process."""
        self.process = VenueProcess(
            settings,
            clock=MachineClock(),
            on_equity=self.equity.append,
            on_event=lambda *event: self.events.append(event),
            on_progress=self.shown.append,
            command=command,
            times=times,
        )

    def want(self, *work: Work) -> None:
        """Set the work."""
        self.process.set_work({w.account: w for w in work})

    @property
    def progress(self) -> AccountProgress:
        """What is shown of the account."""
        return self.process.progress()["main"]

    async def reaches(self, status: FlattenStatus, within: float = 10) -> None:
        """Wait for a status."""
        await eventually(lambda: self.progress.status is status, within=within)


@pytest.fixture
async def hire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Start a VenueProcess over a scripted child."""
    lives = tmp_path / "lives"
    lives.mkdir()
    monkeypatch.setenv("LIVES", str(lives))
    account = VenueAccount(
        id="main", venue="paper", exchange="binanceusdm", key=KeySource(env="A"), secret=KeySource(env="B")
    )
    settings = VenueSettings(accounts=(account,), lock_file=str(tmp_path / "lock"), flatten=EXPIRY)
    async with AsyncExitStack() as stack:

        async def hired(script: str, *, times: LinkTimes = QUICK, command: tuple[str, ...] = ()) -> Office:
            office = Office(lives)
            office.open(settings, command or (sys.executable, "-c", PRELUDE + script), times)
            stack.push_async_callback(office.process.stop)
            await office.process.start()
            return office

        yield hired


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
    office.want(replace(FLATTEN, stop_id="stop-2"))

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


async def test_a_process_that_does_not_read_blocks_nothing(hire: Callable[..., Any]) -> None:
    """Work can be replaced a thousand times while the process reads nothing; the next one gets only the newest."""
    office = await hire(
        "if lives == 0:\n"
        "    while True:\n"
        "        say(type='alive'); time.sleep(0.1)\n"
        "entry = hear_work()\n"
        "say(type='event', kind='heard', account='main', details={'stop_id': entry['work']['stop_id']})\n"
        "obey()\n"
    )
    await eventually(lambda: list(office.lives.iterdir()))
    symbols = tuple((f"S{n}/USDT:USDT", Action.FLATTEN) for n in range(2000))
    slowest = 0.0
    for number in range(1000):
        began = monotonic()
        office.want(replace(FLATTEN, stop_id=f"stop-{number}", symbols=symbols))
        slowest = max(slowest, monotonic() - began)
        if number % 100 == 0:
            await asyncio.sleep(0.01)
    await eventually(lambda: any(kind == "heard" for kind, _, _ in office.events), within=15)

    heard = [details["stop_id"] for kind, _, details in office.events if kind == "heard"]
    assert heard == ["stop-999"]
    assert "does not read" in office.events[0][2]["detail"]
    assert slowest < 0.25


async def test_stopping_ends_a_process_that_will_not_go(hire: Callable[..., Any]) -> None:
    """A process that ignores the end of its pipe is killed after the time allowed, and stopping again is no error."""
    office = await hire("while True:\n    say(type='alive'); time.sleep(0.05)\n")
    await eventually(lambda: list(office.lives.iterdir()))
    began = monotonic()
    await office.process.stop()
    await office.process.stop()

    assert monotonic() - began < 3


async def test_a_command_that_cannot_be_started_is_told(hire: Callable[..., Any]) -> None:
    """No process at all: UNKNOWN with the reason, and after a while it is certain that nothing can act."""
    office = await hire("", command=("/nowhere/python",))
    office.want(FLATTEN)
    await eventually(lambda: office.events)

    assert office.progress.status is FlattenStatus.UNKNOWN
    assert "could not be started" in office.events[0][2]["detail"]
    assert await office.process.quiesce(["main"], timedelta(seconds=3)) is False
    office.want()
    assert await office.process.quiesce(["main"], timedelta(milliseconds=10)) is False
    assert await office.process.quiesce(["main"], timedelta(seconds=3)) is True


async def test_quiesce_asks_the_process(hire: Callable[..., Any]) -> None:
    """The answer is the process's; with work it is no without asking, in time it is no when none comes."""
    office = await hire(
        "answers = [True, False]\n"
        "while True:\n"
        "    message = hear()\n"
        "    if message['type'] == 'quiesce' and answers:\n"
        "        say(type='quiesced', id=message['id'], ok=answers.pop(0))\n"
    )
    await eventually(lambda: list(office.lives.iterdir()))

    assert await office.process.quiesce(["main"], timedelta(seconds=5)) is True
    assert await office.process.quiesce(["main", "unknown"], timedelta(seconds=5)) is False
    assert await office.process.quiesce(["main"], timedelta(milliseconds=50)) is False
    office.want(FLATTEN)
    assert await office.process.quiesce(["main"], timedelta(seconds=5)) is False


async def test_quiesce_survives_the_death_of_the_process(hire: Callable[..., Any]) -> None:
    """A question that died with its process is put to the next one, after the work that came before it."""
    office = await hire(
        "while (message := hear())['type'] != 'quiesce': pass\n"
        "if lives == 0: sys.exit(1)\n"
        "say(type='quiesced', id=message['id'], ok=True)\n"
        "obey()\n"
    )
    await eventually(lambda: list(office.lives.iterdir()))

    assert await office.process.quiesce(["main"], timedelta(seconds=8)) is True
    assert len(list(office.lives.iterdir())) == 2


async def test_a_process_that_is_given_up_but_still_lives_can_act(hire: Callable[..., Any]) -> None:
    """From the loss of the link until the process is really gone nothing is certain."""
    office = await hire(
        "began = time.monotonic()\n"
        "while time.monotonic() - began < 1.3: say(type='alive'); time.sleep(0.1)\n"
        "os.close(1)\n"
        "while True: time.sleep(0.1)\n",
        times=replace(QUICK, end=timedelta(seconds=2)),
    )
    await eventually(lambda: office.process._down == "is down")

    assert await office.process.quiesce(["main"], timedelta(milliseconds=300)) is False


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
    assert abs(reading.received - MachineClock().uptime()) < 10
    assert office.events == [("venue.fault", "main", {"detail": "reading equity: no"})]
    assert "a listener of the venue process failed" in caplog.text


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
