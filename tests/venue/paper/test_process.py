"""The paper venue as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt_async

from ess_server.venue.paper import open_session

BTC = "BTC/USDT:USDT"


async def started(stack: AsyncExitStack, *arguments: str) -> Process:
    """Start the process; it is killed at the end if it still runs."""
    # Buffered, as anywhere else: the line must be flushed to be seen.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ess_server.venue.paper", *arguments, stdout=PIPE, stderr=PIPE, env=env
    )

    async def end() -> None:
        if process.returncode is None:
            process.kill()
        await process.communicate()

    stack.push_async_callback(end)
    return process


async def ready(process: Process) -> dict[str, Any]:
    """Return the line that says where the venue is."""
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 20))


async def test_it_says_where_it_is_serves_and_ends_on_sigterm(stack: AsyncExitStack, tmp_path: Path) -> None:
    """Property: one JSON line tells port and CA; ccxt trades there on a moving mark; SIGTERM ends it with 0."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps([{"name": "a", "key": "k", "secret": "s", "balances": {"USDT": "1000000"}}]))
    process = await started(stack, "--cert-dir", str(tmp_path), "--accounts", str(accounts), "--walk", "7")
    line = await ready(process)
    assert line["accounts"] == ["a"]
    session = open_session(Path(line["ca_file"]), "127.0.0.1", line["port"])
    stack.push_async_callback(session.close)
    ex = ccxt_async.binanceusdm({"apiKey": "k", "secret": "s", "session": session, "enableRateLimit": False})
    stack.push_async_callback(ex.close)
    assert (await ex.create_order(BTC, "market", "buy", 0.5))["status"] == "closed"
    marks = {(await ex.fetch_mark_price(BTC))["markPrice"]}
    for _ in range(200):
        marks.add((await ex.fetch_mark_price(BTC))["markPrice"])
        if len(marks) > 1:
            break
        await asyncio.sleep(0.05)
    assert len(marks) > 1
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_a_second_venue_on_the_port_fails_with_one_sentence(stack: AsyncExitStack, tmp_path: Path) -> None:
    """Property: a taken port is an error of one line and exit code 2, never a shared port."""
    first = await started(stack, "--cert-dir", str(tmp_path / "one"))
    port = (await ready(first))["port"]
    second = await started(stack, "--cert-dir", str(tmp_path / "two"), "--port", str(port))
    _, problem = await asyncio.wait_for(second.communicate(), 20)
    assert (second.returncode, problem.decode().count("\n")) == (2, 1)
    assert str(port) in problem.decode()


async def test_bad_arguments_and_accounts_are_named(stack: AsyncExitStack, tmp_path: Path) -> None:
    """Property: an unknown option and a bad accounts file each end with code 2 and name what is wrong."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text('[{"name": "a", "key": "k"}]')
    for arguments, word in (
        (("--colour", "red"), "usage"),
        (("--cert-dir", str(tmp_path), "--accounts", str(accounts)), "account 0: secret"),
        (("--cert-dir", str(tmp_path), "--port", "many"), "many"),
    ):
        process = await started(stack, *arguments)
        _, problem = await asyncio.wait_for(process.communicate(), 20)
        assert (process.returncode, word in problem.decode()) == (2, True)


async def test_hung_requests_do_not_hold_up_the_end(
    start_venue: Callable[..., Any],
    admin: Callable[..., Any],
    exchange: Callable[..., Any],
    eventually: Callable[..., Any],
) -> None:
    """Property: stopping the venue ends a request that hangs, in a moment."""
    venue = await start_venue()
    await admin(venue, "POST", "faults", {"kind": "hang", "operation": "market"})
    waiting = asyncio.create_task(exchange(venue).fetch_time())
    await eventually(lambda: venue.journal.read(kinds=["fault"]))
    began = asyncio.get_running_loop().time()
    await venue.stop()
    assert asyncio.get_running_loop().time() - began < 2
    done, _ = await asyncio.wait([waiting], timeout=5)
    assert isinstance(next(iter(done)).exception(), Exception)


async def test_importing_the_venue_does_not_import_ccxt() -> None:
    """Property: server, books and pin come without ccxt and without requests."""
    code = "import sys, ess_server.venue.paper; sys.exit(bool({'ccxt', 'requests', 'grpc'} & set(sys.modules)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await asyncio.wait_for(process.wait(), 20) == 0
