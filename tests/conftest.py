"""What holds for every test."""

import signal
from pathlib import Path

import pytest

from tests import exploration

# Coverage is held by the tests of each part. These run long or in other processes, where tracing costs up to twice
# the time and adds nothing.
UNTRACED = frozenset({"cli", "e2e", "examples", "model", "simulate", "state_machine", "venue"})

exploration.choose()

# A shell that starts a run in the background makes it ignore Ctrl-C, and every process that a test starts would
# inherit that; a handler of our own is not inherited, so they begin as from a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spare tests that cover nothing more the cost of being traced."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in UNTRACED:
            item.add_marker(pytest.mark.no_cover)
