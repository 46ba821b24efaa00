"""Accounts are examined by a process of its own, beside whatever else runs, and whatever it does."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from ess_server.adapters.venue_process import LinkTimes
from ess_server.adapters.venue_process.examining import examine
from ess_server.core.examination import Examination
from ess_server.core.model import Account
from ess_server.core.venue_link import KeySource, VenueSettings, settings_message
from ess_server.core.venue_wire import encode
from ess_server.testing.waiting import eventually
from ess_server.venue.ccxt_usdm import BinanceUsdmClient
from ess_server.venue.deferred import DeferredClient
from ess_server.venue.examining_process import ExaminingServer
from ess_server.venue.lock import hold_lock
from ess_server.venue.paper import Fault, FaultKind
from ess_server.venue.process import EXIT_OK
from tests.venue.floor import Floor
from tests.venue.office import PRELUDE, QUICK

SOON = timedelta(seconds=20)
FACTS = "say(type='examination', facts={'account': 'main', 'account_mode': 'told'})\n"


@pytest.fixture
def scripted(
    settings_for: Callable[..., VenueSettings], floor: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Awaitable[Examination]]:
    """Examine by a process that follows a script."""
    (tmp_path / "lives").mkdir()
    monkeypatch.setenv("LIVES", str(tmp_path / "lives"))

    async def asked(script: str, within: timedelta = SOON, times: LinkTimes = QUICK) -> Examination:
        command = (sys.executable, "-c", PRELUDE + "hear()\n" + script)
        (seen,) = await examine(settings_for(floor), within, command=command, times=times)
        return seen

    return asked


async def test_the_real_process_reads_every_account_beside_one_that_holds_the_lock(
    floor: Floor, settings_for: Callable[..., VenueSettings]
) -> None:
    """Property: it needs no lock, opens each account by itself, says what it found, and sends nothing."""
    settings = settings_for(floor)
    await hold_lock(settings.lock_file, timedelta(seconds=1), lambda _: None)
    main = settings.accounts[0]
    others = (
        replace(main, id="keyless", secret=KeySource(file="/nowhere/hunter2")),
        replace(main, id="stranger", exchange="nosuchexchange"),
    )
    floor.hold("BTCUSDT", "1")
    before = floor.venue.journal.last_seq

    seen = await examine(replace(settings, accounts=(main, *others)), SOON)

    assert [one.account for one in seen] == ["main", "keyless", "stranger"]
    assert dict(seen[0].unread) == {}
    assert seen[0].load is not None
    assert seen[0].load.positions == 1
    assert seen[1].cannot_open.startswith("secret_file names no file that can be found (No such file or directory)")
    assert "hunter2" not in seen[1].cannot_open
    assert seen[2].cannot_open.startswith("ccxt knows no exchange 'nosuchexchange'")
    assert list(floor.venue.journal.read(after=before)) == []


async def test_an_examination_that_fails_is_unknown_and_spoils_no_other(
    client: BinanceUsdmClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Property: what nobody foresaw of one account says nothing of its stop, and leaves the others their findings."""

    class Broken:
        """A client whose examination is broken."""

        async def examine(self) -> Examination:
            """Fail in a way that no contract knows."""
            raise KeyError("apiKey=k")

    opened = [(Broken(), "broken"), (client, "main")]
    deferred = [DeferredClient(Account(id=id_, venue="v"), lambda one=one: one, []) for one, id_ in opened]
    monkeypatch.setattr("ess_server.venue.examining_process._clients", lambda _: deferred)
    server = ExaminingServer()
    server._lines.put_nowait(encode(settings_message(VenueSettings(accounts=(), lock_file="none"))))

    assert await server._examine() == EXIT_OK
    told = [message["facts"] for message in server._outbox._queue if message["type"] == "examination"]
    seen = {facts["account"]: facts["unread"] for facts in told}
    assert seen == {"broken": {"venue": "the examination failed: KeyError"}, "main": {}}


async def test_a_venue_that_hangs_is_unreadable_when_the_time_is_up(
    floor: Floor, settings_for: Callable[..., VenueSettings]
) -> None:
    """Property: who asks is answered in time, with what is not known."""
    floor.venue.faults.add(Fault(kind=FaultKind.HANG, times=None))

    (seen,) = await examine(settings_for(floor), timedelta(seconds=1.5))

    assert dict(seen.unread) == {"venue": "no answer within 1.5 s"}


async def test_what_is_told_counts_and_the_process_ends(scripted: Callable[..., Awaitable[Examination]]) -> None:
    """Facts are taken as they come; what was told before an end stands."""
    told = await scripted(FACTS + "say(type='examined')\nhear()")

    assert told.account_mode == "told"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("sys.exit(3)", "the venue process ended with exit code 3"),
        ("say(type='fault', account='', detail='no ccxt here')\nsys.exit(70)", "exit code 70: no ccxt here"),
        ("print('garbage', flush=True); hear()", "broke the protocol: a line is not JSON"),
        ("say(type='examination', facts={}); hear()", "broke the protocol: examination"),
        ("say(type='progress'); hear()", "broke the protocol: unknown message 'progress'"),
        ("time.sleep(30)", "was silent for"),
    ],
)
async def test_a_process_that_cannot_run_is_no_process_for_a_stop(
    scripted: Callable[..., Awaitable[Examination]], script: str, why: str
) -> None:
    """Property: where it ends or talks nonsense, the account cannot be opened, with the reason; nothing is raised."""
    quick = replace(QUICK, first_word=timedelta(seconds=0.5 if "sleep" in script else 10))
    seen = await scripted(script, times=quick)

    assert why in seen.cannot_open


async def test_a_program_that_is_not_there(floor: Floor, settings_for: Callable[..., VenueSettings]) -> None:
    """That it cannot be started is what is known of every account."""
    (seen,) = await examine(settings_for(floor), SOON, command=("/nowhere/python",))

    assert "could not be started" in seen.cannot_open


async def test_who_asks_may_go_away(floor: Floor, settings_for: Callable[..., VenueSettings]) -> None:
    """Cancelled in the middle, nothing of it is left."""
    floor.venue.faults.add(Fault(kind=FaultKind.HANG, times=None))
    me = psutil.Process()
    before = set(me.children(recursive=True))
    asking = asyncio.create_task(examine(settings_for(floor), SOON))
    await eventually(lambda: set(me.children(recursive=True)) - before)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert set(me.children(recursive=True)) == before
