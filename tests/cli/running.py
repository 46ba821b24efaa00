"""Processes of the command line: servers that are started, frozen and killed, and commands that end."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ess_server.cli.root import run

ESS = (sys.executable, "-m", "ess_server")
START_WITHIN = 30.0
END_WITHIN = 20.0
_LISTENING = re.compile(r"listening on (\S+):(\d+) ")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what would name another server."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ESS_") and k != "NO_COLOR"}
    return clean | dict(changes or {})


def ess(*arguments: str | bytes | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a command to its end, at most 20 s; it has no terminal."""
    done = subprocess.run(
        [*ESS, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=END_WITHIN,
        env=environment(env),
        cwd=cwd,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def ess_here(*arguments: str | Path) -> Ended:
    """Run a command within this process, which is faster; it has no terminal and the environment of the tests."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = run([str(a) for a in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


def ess_on_terminal(
    *arguments: str, answers: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> Ended:
    """Run a command on a terminal; when it prints a key of ``answers``, type the value. At most 20 s."""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [*ESS, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment(env), start_new_session=True
    )
    os.close(slave)
    open_answers, seen, end = dict(answers or {}), b"", time.monotonic() + END_WITHIN
    try:
        while time.monotonic() < end:
            if not select.select([master], [], [], 0.5)[0]:
                continue
            try:
                read = os.read(master, 4096)
            except OSError:
                break
            seen += read
            for question in [q for q in open_answers if q.encode() in seen]:
                os.write(master, open_answers.pop(question).encode() + b"\n")
        return Ended(child.wait(timeout=5), seen.decode().replace("\r\n", "\n"), "")
    finally:
        os.close(master)
        child.kill()
        child.wait()


@dataclass
class ServeProcess:
    """``ess serve`` on a port of its own choice, which it keeps; its stderr is in ``log``."""

    data_dir: Path
    log: Path
    arguments: tuple[str, ...] = ()
    listen: str = "127.0.0.1:0"
    env: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> "ServeProcess":
        """Start it and wait until it listens."""
        self.log.write_bytes(b"")
        with self.log.open("ab") as errors:
            self.child = subprocess.Popen(
                [*ESS, "serve", "--listen", self.listen, *self._place(), *self.arguments],
                stdout=errors,
                stderr=errors,
                env=environment(self.env),
            )
        found = eventually(lambda: _LISTENING.search(self.log.read_text()) or self._ended(), within=START_WITHIN)
        assert isinstance(found, re.Match), f"the server ended:\n{self.log.read_text()}"
        self.target = self.listen = f"{found[1]}:{found[2]}"
        return self

    def ess(self, *arguments: str | Path) -> Ended:
        """Run a command against this server."""
        return ess_here("--target", self.target, *arguments)

    def commission(self) -> int:
        """Reset whatever stands; return the revision after it."""
        revision = self.ess("status", "--json").json["state"]["revision"]
        done = self.ess("reset", "--revision", revision, "--reason", "commission", "--json")
        assert done.code == 0, done.err
        return int(done.json["state"]["revision"])

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.child is not None
        self.child.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal that ends it, wait for that and return its exit code."""
        assert self.child is not None
        if self.child.poll() is None:
            self.child.send_signal(number)
        return self.child.wait(timeout=10)

    def _place(self) -> tuple[str, ...]:
        return () if "--ephemeral" in self.arguments else ("--data-dir", str(self.data_dir))

    def _ended(self) -> bool:
        assert self.child is not None
        return self.child.poll() is not None


def eventually(condition: Callable[[], Any], *, within: float = 10.0) -> Any:
    """Return what ``condition`` returns once that is true; at most ``within`` seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not become true within {within:g} s")


@contextmanager
def watching(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``ess watch`` with its output in ``log``, and end it."""
    with log.open("wb") as out:
        child = subprocess.Popen([*ESS, *arguments], stdout=out, stderr=out, env=environment())
    try:
        yield child
    finally:
        child.kill()
        child.wait()
