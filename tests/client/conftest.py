"""What every test of the client uses: bounded waiting, and servers that are closed at the end."""

import time
from collections.abc import Callable, Iterator

import pytest

from ess_client import OrderGate
from ess_client.testing import ScriptedServer

Eventually = Callable[..., float]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, at most ``within`` seconds; returns the seconds it took."""

    def wait(condition: Callable[[], object], within: float = 3.0) -> float:
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within, f"not within {within} s"
            time.sleep(0.002)
        return time.monotonic() - began

    return wait


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server on a free port that says INACTIVE until told otherwise."""
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture
def last_allowed() -> Callable[[OrderGate], float]:
    """Check until denied; the seconds from now to the beginning of the last check that was allowed."""

    def check(gate: OrderGate) -> float:
        first = began = last = time.clock_gettime(time.CLOCK_BOOTTIME)
        while gate.check().allowed:
            last = began
            began = time.clock_gettime(time.CLOCK_BOOTTIME)
            assert began - first < 10, "still allowed"
        return last - first

    return check
