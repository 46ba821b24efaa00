"""Servers and scripts that end with the test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Ended, ServeProcess, ess_here
from tests.cli.scripted import ScriptedService

Here = Callable[..., Ended]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServeProcess]:
    """A new server that is not commissioned yet."""
    server = ServeProcess(tmp_path / "data", tmp_path / "log").start()
    yield server
    server.end()


@pytest.fixture
def script() -> Iterator[Callable[..., ScriptedService]]:
    """Start scripted servers."""
    with ExitStack() as stack:

        def start(**answers: Any) -> ScriptedService:
            service = ScriptedService(**answers)
            stack.callback(service.close)
            return service

        yield start


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment names a server or unwants colours."""
    for name in [n for n in os.environ if n.startswith("ESS_") or n == "NO_COLOR"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")


@pytest.fixture
def here() -> Here:
    """Run a command within this process."""
    return ess_here
