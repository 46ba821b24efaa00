"""Commands within this process, and nothing of the environment."""

import os
from collections.abc import Callable

import pytest

from tests.cli.running import Ended, ess_here


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment names a server or unwants colours."""
    for name in [n for n in os.environ if n.startswith("ESS_") or n == "NO_COLOR"]:
        monkeypatch.delenv(name)


@pytest.fixture
def ess() -> Callable[..., Ended]:
    """Run a command within this process; it has no terminal."""
    return ess_here
