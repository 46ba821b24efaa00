"""The processes of the demo: paper venue, server, engines; started, spoken to, killed, ended."""

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp

from ess_server.demo.engine import EngineOrders
from ess_server.venue.paper.pin import open_session

START_WITHIN = 60.0
END_WITHIN = 10.0
ACCOUNT = "main"

CONFIG = """\
installation = "demo"

[server]
listen = "127.0.0.1:{port}"
data_dir = "data"
expected_subscribers = ["engine-a", "engine-b"]

[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_file = "api-key"
secret_file = "api-secret"
equity_poll_ms = 250
paper = {{ address = "127.0.0.1:{paper_port}", ca_file = "ca.pem" }}

[[evaluators]]
kind = "drawdown"
account = "main"
mode = "live"
max_drawdown_percent = 5
"""


class DemoError(Exception):
    """The demo cannot go on; the message says at which step and why."""


class Stage:
    """Everything that runs, in one folder. ``close`` ends all of it."""

    def __init__(self, folder: Path, heard: Callable[[str, dict[str, Any]], None]) -> None:
        """``heard`` is called with an engine's name and each of its messages."""
        self.folder = folder
        self.target = f"127.0.0.1:{_free_port()}"
        self._heard = heard
        self._key, self._secret = secrets.token_hex(16), secrets.token_hex(16)
        self._paper_port = 0
        self._session: aiohttp.ClientSession | None = None
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._readers: list[asyncio.Task[None]] = []

    async def start_paper(self) -> None:
        """Start the venue with one account."""
        account = {"name": ACCOUNT, "key": self._key, "secret": self._secret, "balances": {"USDT": "20000"}}
        accounts = self._write("accounts.json", json.dumps([account]))
        arguments = ("-m", "ess_server.venue.paper", "--cert-dir", str(self.folder), "--accounts", str(accounts))
        child = await self._start("paper", *arguments, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        ready = json.loads(await asyncio.wait_for(child.stdout.readline(), START_WITHIN) or b"{}")
        if "port" not in ready:
            raise DemoError("the paper venue did not start")
        self._paper_port = ready["port"]
        self._session = open_session(self.folder / "ca.pem", "127.0.0.1", self._paper_port)

    async def paper(self, method: str, path: str, **fields: object) -> Any:  # noqa: ANN401 - JSON
        """Call the venue's admin API."""
        assert self._session is not None
        sent = {"params": fields} if method == "GET" else {"json": fields}
        async with self._session.request(method, f"https://fapi.binance.com/paper/{path}", **sent) as reply:  # type: ignore[arg-type]  # query or body
            return await reply.json()

    async def start_server(self) -> None:
        """Start the server on its data directory, new or not."""
        self._write("api-key", self._key)
        self._write("api-secret", self._secret)
        port = self.target.rpartition(":")[2]
        config = self._write("ess.toml", CONFIG.format(port=port, paper_port=self._paper_port))
        await self._start("server", "-m", "ess_server", "serve", "--config", str(config))

    async def kill_server(self) -> None:
        """SIGKILL, and wait until it is gone."""
        child = self._children.pop("server")
        child.kill()
        await child.wait()

    async def start_engine(self, name: str, symbols: tuple[str, ...], notional: float) -> None:
        """Start an engine that trades ``symbols`` with orders of ``notional`` USDT."""
        orders = EngineOrders(
            name=name,
            target=self.target,
            account=ACCOUNT,
            key=self._key,
            secret=self._secret,
            paper_host="127.0.0.1",
            paper_port=self._paper_port,
            ca_file=str(self.folder / "ca.pem"),
            symbols=symbols,
            notional=notional,
        )
        pipe = asyncio.subprocess.PIPE
        child = await self._start(name, "-m", "ess_server.demo.engine", stdin=pipe, stdout=pipe)
        assert child.stdin is not None
        child.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        self._readers.append(asyncio.create_task(self._listen(name, child)))

    async def close(self) -> None:
        """End every process, by force if need be."""
        for child in self._children.values():
            if child.returncode is None:
                child.terminate()
        for child in self._children.values():
            try:
                await asyncio.wait_for(child.wait(), END_WITHIN)
            except TimeoutError:
                child.kill()
                await child.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        if self._session:
            await self._session.close()

    def check_alive(self) -> None:
        """Raise DemoError if a process has ended by itself; its log says why."""
        for name, child in self._children.items():
            if child.returncode is not None:
                log = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise DemoError(f"{name} ended with exit code {child.returncode}:\n{log}")

    async def _start(
        self, name: str, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, stdout: int | None = None
    ) -> asyncio.subprocess.Process:
        with (self.folder / f"{name}.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdin=stdin, stdout=log if stdout is None else stdout, stderr=log
            )
        self._children[name] = child
        return child

    async def _listen(self, name: str, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        while line := await child.stdout.readline():
            self._heard(name, json.loads(line))

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - with its mode from the start
            file.write(text)
        return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
