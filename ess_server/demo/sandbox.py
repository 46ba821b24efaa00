"""``make run``: a paper venue and a server on a folder that a second run finds again.

``python -m ess_server.demo.sandbox FOLDER TEMPLATE`` copies the configuration TEMPLATE into FOLDER once; from
then on that copy is the user's to change.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.config.load import ConfigError, load
from ess_server.config.settings import Settings
from ess_server.core.errors import EssError

START_WITHIN = 60.0
END_WITHIN = 10.0

NEXT = """
{summary}

The server answers on {listen}; data and configuration are in {folder}/. In another terminal:

  .venv/bin/ess status{reset}
  .venv/bin/python examples/gate.py                             # an engine's gate, in five lines
  .venv/bin/ess trigger --reason "fat finger"
  grpcurl -plaintext -d '{{"reason":"fat finger"}}' {listen} ess.v1.EmergencyStopService/Trigger

Ctrl-C ends both processes; what is latched stays latched.
"""

RESET = """
  .venv/bin/ess reset --reason "first start" --by "$USER"      # a new store is stopped until it is commissioned"""


class SandboxError(Exception):
    """One sentence that says what to do."""


def prepare(folder: Path, template: Path) -> Path:
    """Make what is not there yet: keys of the paper account, its list, the configuration; return the latter."""
    for part in (folder, folder / "keys", folder / "paper"):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, secret = (_kept(folder / "keys" / name) for name in ("main.key", "main.secret"))
    account = {"name": "main", "key": key, "secret": secret, "balances": {"USDT": "10000"}}
    _private(folder / "paper" / "accounts.json", json.dumps([account]))
    config = folder / "ess.toml"
    if not config.exists():
        config.write_text(template.read_text())
    return config


def _kept(path: Path) -> str:
    if not path.exists():
        _private(path, secrets.token_hex(32))
    return path.read_text().strip()


def _private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - with its mode from the start
        file.write(text)


async def run(folder: Path, template: Path) -> None:
    """Run both processes until one of them ends or a signal comes. Raises SandboxError."""
    config = prepare(folder, template)
    settings = load(config)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    children = {"the paper venue": await _paper(folder, settings)}
    try:
        children["the server"] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ess_server", "serve", "--config", str(config), start_new_session=True
        )
        ends = {asyncio.create_task(child.wait()): name for name, child in children.items()}
        asked = asyncio.create_task(stopping.wait())
        greeting = asyncio.create_task(_greet(folder, settings.server.listen))
        done, _ = await asyncio.wait([asked, *ends], return_when=asyncio.FIRST_COMPLETED)
        greeting.cancel()
        for task in done & ends.keys():
            raise SandboxError(f"{ends[task]} ended with exit code {task.result()}; its last lines say why")
    finally:
        await _end(list(children.values()))


async def _paper(folder: Path, settings: Settings) -> asyncio.subprocess.Process:
    paper = next((a.paper for a in settings.accounts if a.paper), None)
    if paper is None:
        raise SandboxError("no account in the configuration uses the paper venue; run `ess serve` yourself")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ess_server.venue.paper", "--cert-dir", str(paper.ca_file.parent)),
        *("--host", paper.host, "--port", str(paper.port), "--walk", "1"),
        *("--accounts", str(folder / "paper" / "accounts.json")),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    if not await asyncio.wait_for(child.stdout.readline(), START_WITHIN):
        raise SandboxError(f"the paper venue did not start on port {paper.port}; is another one running?")
    return child


async def _greet(folder: Path, listen: str) -> None:
    """Print what to type next, once the server answers."""
    async with grpc.aio.insecure_channel(listen) as channel:
        stub: Any = rpc.EmergencyStopServiceStub
        state = await stub(channel).GetState(pb.GetStateRequest(), wait_for_ready=True, timeout=START_WITHIN)
    new = any(stop.cause.source == pb.CAUSE_SOURCE_STORE for stop in state.state.stops)
    reset = RESET if new else ""
    sys.stdout.write(NEXT.format(summary=state.summary, listen=listen, folder=folder, reset=reset))
    sys.stdout.flush()


async def _end(children: list[asyncio.subprocess.Process]) -> None:
    for child in reversed(children):
        if child.returncode is None:
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), END_WITHIN)
        except TimeoutError:
            child.kill()
            await child.wait()


def main(arguments: list[str]) -> int:
    """Return 2 with one sentence for what cannot work."""
    if len(arguments) != 2:  # noqa: PLR2004 - the two of the usage line
        sys.stderr.write(f"usage: {__doc__}\n")
        return 2
    try:
        asyncio.run(run(Path(arguments[0]), Path(arguments[1])))
    except (SandboxError, ConfigError, EssError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
