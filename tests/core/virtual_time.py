"""An event loop whose time is a fake clock: it stands still while anything can run, then jumps to the next timer."""

import asyncio
import math
import selectors
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar, TypeVarTuple, Unpack

from ess_server.testing import FakeClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _JumpingSelector(selectors.SelectSelector):
    """Lets time pass instead of waiting, unless a thread is at work."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.threads_at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; the clock moves by ``timeout`` instead of the caller waiting for it."""
        if timeout is None or (timeout > 0 and self.threads_at_work):
            return super().select(None)
        if timeout > 0:
            # Rounded up: time that does not move would be asked for again, for ever.
            self._clock.advance(timedelta(microseconds=math.ceil(timeout * 1e6)))
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs as fast as it can; ``loop.time()`` and ``clock`` are one time. It stands still while a thread works."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._jumping = _JumpingSelector(self.clock)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the clock's uptime."""
        return self.clock.uptime()

    def run_in_executor(
        self, executor: ThreadPoolExecutor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """As the base class, with time standing still until the work is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads_at_work += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: "asyncio.Future[T]") -> None:
        self._jumping.threads_at_work -= 1


def running_clock() -> FakeClock:
    """Return the clock of the loop that runs the test."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop.clock
