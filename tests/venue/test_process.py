"""The venue process as a process: its protocol, its lock, and how it ends."""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from ess_server.core.model import Action, Work
from ess_server.core.venue_link import KeySource, VenueSettings, settings_message, work_message
from ess_server.core.venue_wire import Message, encode
from ess_server.venue.paper import Fault, FaultKind, grew_or_flipped


class Child:
    """A venue process, spoken to by hand."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.raw: list[bytes] = []

    def send(self, message: Message) -> None:
        """Write one message."""
        assert self.process.stdin is not None
        self.process.stdin.write(encode(message))

    def work(self, *wanted: Work) -> None:
        """Ask for work."""
        self.send(work_message({w.account: (7, w) for w in wanted}))

    async def until(self, type_: str, within: float = 20, **fields: Any) -> Message:
        """Read up to a message with these fields."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            while line := await self.process.stdout.readline():
                self.raw.append(line)
                message: Message = json.loads(line)
                if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                    return message
        raise AssertionError(f"it ended without {type_} {fields}")

    def hang_up(self) -> None:
        """Close its stdin, as the end of the server does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def ends(self, within: float) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(within):
            return await self.process.wait()


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Child]]]:
    """Start venue processes; what is left of them is killed."""
    async with AsyncExitStack() as stack:

        async def started(settings: VenueSettings | None) -> Child:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ess_server.venue",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            stack.push_async_callback(_put_down, process)
            child = Child(process)
            if settings is not None:
                child.send(settings_message(settings))
            return child

        yield started


async def _put_down(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    # Closes the pipes in this loop's lifetime.
    process._transport.close()  # type: ignore[attr-defined]


FLATTEN = Work(account="main", stop_id="stop-1", action=Action.FLATTEN)


async def test_it_flattens_reads_equity_and_speaks_only_protocol(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """Work leads to FLAT under its generation, equity comes at its interval, and no secret is written anywhere."""
    floor.trade_everywhere(3)
    child = await start(settings_for(floor, equity=timedelta(milliseconds=200)))
    await child.until("ready")
    equity = await child.until("equity", account="main")
    child.work(FLATTEN)
    await child.until("event", kind="flatten.flat")
    progress = await child.until("progress", status="FLAT")
    child.hang_up()
    code = await child.ends(within=1)
    assert child.process.stderr is not None
    said = b"".join(child.raw) + await child.process.stderr.read()

    assert floor.flat
    assert progress["generation"] == 7
    assert equity["currency"] == "USDT"
    assert code == 0
    assert b"secret-of" not in said
    assert b"key-of" not in said
    assert b"signature=" not in said


async def test_it_ends_with_its_server_though_the_venue_hangs(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """When stdin closes it is gone within a second, in the middle of requests that never end."""
    floor.hold("BTCUSDT", "1")
    floor.venue.faults.add(Fault(kind=FaultKind.HANG, path="/fapi/v3/positionRisk", times=None))
    child = await start(settings_for(floor))
    await child.until("ready")
    child.work(FLATTEN)
    await child.until("event", kind="flatten.started")
    child.hang_up()

    assert await child.ends(within=1) == 0


async def test_it_ends_with_its_server_while_it_is_still_starting(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """When stdin closes during the import of the exchange library it is gone within a second, too."""
    child = await start(settings_for(floor))
    await child.until("alive")
    child.hang_up()

    assert await child.ends(within=1) == 0


async def test_a_signal_ends_it_and_the_terminal_does_not(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """Ctrl-C belongs to the server: SIGINT is ignored; SIGTERM ends it."""
    child = await start(settings_for(floor))
    await child.until("ready")
    child.process.send_signal(signal.SIGINT)
    await child.until("alive")
    child.process.send_signal(signal.SIGTERM)

    assert await child.ends(within=1) == 0


async def test_a_second_process_waits_for_the_first(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """While one holds the lock another says that it waits, sends nothing, and takes over when the first has ended."""
    settings = settings_for(floor)
    first = await start(settings)
    await first.until("ready")
    second = await start(settings)
    waiting = await second.until("fault")
    floor.hold("BTCUSDT", "1")
    second.work(FLATTEN)
    await second.until("alive")
    await second.until("alive")

    assert f"pid {first.process.pid}" in waiting["detail"]
    assert not floor.flat
    first.process.kill()
    await second.until("ready")
    await second.until("progress", status="FLAT")
    assert floor.flat


async def test_a_lock_that_stays_taken_ends_it(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """After the time allowed it gives up with an exit code of its own and says who holds the lock."""
    settings = settings_for(floor, lock_wait=timedelta(milliseconds=200))
    holder = os.open(settings.lock_file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    child = await start(settings)
    await child.until("fault", detail=f"another venue process (pid unknown) still holds {settings.lock_file}")

    assert await child.ends(within=2) == 75
    os.close(holder)


@pytest.mark.parametrize(
    "line", [b"garbage\n", b"{}\n", b'{"type": "settings"}\n', b'{"type": "settings", "accounts": 1}\n']
)
async def test_settings_that_make_no_sense_end_it(start: Callable[..., Awaitable[Child]], line: bytes) -> None:
    """A first line that is not settings is answered with a fault and exit code 78."""
    child = await start(None)
    assert child.process.stdin is not None
    child.process.stdin.write(line)
    await child.until("fault")

    assert await child.ends(within=2) == 78


async def test_one_bad_account_leaves_the_others_alone(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]], tmp_path: Path
) -> None:
    """Accounts with an open key file or an unknown exchange report a fault and are UNKNOWN; the good one is flat."""
    good = settings_for(floor).accounts[0]
    loose = tmp_path / "loose"
    loose.write_text("key")
    loose.chmod(0o644)
    accounts = (
        replace(good, id="loose", key=KeySource(file=str(loose))),
        replace(good, id="exotic", exchange="nowhere"),
        good,
    )
    child = await start(settings_for(floor, accounts=accounts))
    floor.hold("BTCUSDT", "1")
    child.work(*(replace(FLATTEN, account=a.id) for a in accounts))
    faults = [await child.until("fault", account=name) for name in ("loose", "exotic")]
    unknown = await child.until("progress", account="loose", status="UNKNOWN")
    await child.until("progress", account="main", status="FLAT")

    assert "chmod 600" in faults[0]["detail"]
    assert "nowhere" in faults[1]["detail"]
    assert "chmod 600" in unknown["detail"]


async def test_quiesce_is_answered_when_nothing_can_act(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """With work the answer is no; once it is held, yes, no sooner than the requests have expired."""
    floor.hold("BTCUSDT", "1")
    child = await start(settings_for(floor))
    child.work(FLATTEN)
    await child.until("progress", status="FLAT")
    child.send({"type": "quiesce", "id": 1, "accounts": ["main"], "timeout_s": 5})
    refused = await child.until("quiesced", id=1)
    child.work(replace(FLATTEN, held=True))
    asked = monotonic()
    child.send({"type": "quiesce", "id": 2, "accounts": ["main"], "timeout_s": 5})
    granted = await child.until("quiesced", id=2)

    assert refused["ok"] is False
    assert granted["ok"] is True
    assert monotonic() - asked < 3


async def test_equity_that_cannot_be_read_is_a_fault_and_comes_back(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """A failing poll is told once, and polling goes on."""
    floor.venue.faults.add(Fault(kind=FaultKind.BODY, path="/fapi/v3/account", body="{}", times=5))
    child = await start(settings_for(floor, equity=timedelta(milliseconds=50)))
    await child.until("fault", account="main")
    await child.until("equity", account="main")

    assert sum(b'"fault"' in line for line in child.raw) == 1


async def test_killed_in_the_middle_it_ends_flat_in_the_next_life(
    floor: Any, settings_for: Callable[..., VenueSettings], start: Callable[..., Awaitable[Child]]
) -> None:
    """Killed while orders are being cancelled and closed: the next process ends flat, and no position ever grew."""
    floor.trade_everywhere(20)
    before = floor.venue.journal.last_seq
    floor.venue.faults.add(
        Fault(kind=FaultKind.DELAY, path="/fapi/v1/order", delay=timedelta(milliseconds=150), times=None)
    )
    for kind in ("flatten.first_cancel", "flatten.first_close"):
        child = await start(settings_for(floor))
        child.work(FLATTEN)
        await child.until("event", kind=kind)
        child.process.kill()
        await child.process.wait()
        assert not floor.flat
    last = await start(settings_for(floor))
    last.work(FLATTEN)
    await last.until("progress", status="FLAT")

    assert floor.flat
    assert grew_or_flipped(floor.venue.journal.read(after=before)) == []
