"""Gates that are asked without pause, in a process that a test can freeze.

``python -m tests.e2e.judging FACE TARGET COUNT`` prints, for each of COUNT gates, a line ``NUMBER VERDICT FIRST LAST``
whenever its verdict changes and every few milliseconds while it does not: the times, on a clock that no gate reads, at
which the first and the last check so far with that verdict began. Two of the verdicts no gate may ever give: ``NEVER``.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from math import inf

from ess_client import OrderGate, aio
from ess_client._clock import now
from ess_client._gate import Gate
from ess_client._model import Proof
from tests.e2e.process import clock

CHECKS = 20
PRINT_EVERY = 0.02
ALLOW = "ALLOW"
LATE = "ALLOWED_AFTER_THE_DEADLINE"
"""A check that began after the gate's deadline was allowed."""
FAR = "DEADLINE_BEYOND_ONE_LEASE"
"""The deadline lay more than one lease after the last proof."""
NEVER = frozenset({LATE, FAR})

Received = Callable[[Gate, str, Proof, float], bool]
LASTS: dict[int, float] = {}
"""For each gate, until when the server's proofs hold; on one machine its clock is the gate's."""


def keeping_proofs(received: Received) -> Received:
    """Return what takes in a message, and keeps how long its proof lasts before the gate knows of it."""

    def kept(gate: Gate, target: str, proof: Proof, now: float) -> bool:
        LASTS[id(gate)] = max(proof.proven_uptime + proof.lease, LASTS.get(id(gate), -inf))
        return received(gate, target, proof, now)

    return kept


@dataclass
class Judged:
    """The checks of one gate with the same verdict."""

    number: int
    gate: OrderGate | aio.OrderGate
    verdict: str = ""
    first: float = 0.0
    last: float = 0.0
    printed: float = 0.0

    def ask(self) -> None:
        """Check an order, many times."""
        for _ in range(CHECKS):
            begun, verdict = self.asked()
            if verdict != self.verdict:
                self.tell(begun)
                self.verdict, self.first = verdict, begun
            self.last = begun
            if begun - self.printed > PRINT_EVERY:
                self.tell(begun)

    def asked(self) -> tuple[float, str]:
        """Check once; return when that began, and the verdict or what is wrong with it."""
        gate = self.gate._gate
        before, by_its_clock, begun = gate.view.lease_until, now(), clock()
        verdict = str(self.gate.check("account/a").reason or ALLOW)
        deadline = gate.view.lease_until
        if verdict == ALLOW and by_its_clock > max(before, deadline):
            verdict = LATE
        if deadline > LASTS.get(id(gate), -inf):
            verdict = FAR
        return begun, verdict

    def tell(self, now: float) -> None:
        """Print what was found so far."""
        if self.verdict:
            print(self.number, self.verdict, self.first, self.last, flush=True)  # noqa: T201 - what the test reads
        self.printed = now


def ask_threaded(target: str, count: int) -> None:
    """Ask gates that follow on threads."""
    with ExitStack() as stack:
        gates = [stack.enter_context(OrderGate(target, subscriber_id=f"threads-{n}")) for n in range(count)]
        judged = [Judged(number, gate) for number, gate in enumerate(gates)]
        while True:
            for one in judged:
                one.ask()
            time.sleep(0.001)


async def ask_asyncio(target: str, count: int) -> None:
    """Ask gates that follow on an event loop."""
    async with AsyncExitStack() as stack:
        gates = [aio.OrderGate(target, subscriber_id=f"aio-{n}") for n in range(count)]
        judged = [Judged(n, await stack.enter_async_context(gate)) for n, gate in enumerate(gates)]
        while True:
            for one in judged:
                one.ask()
            await asyncio.sleep(0.001)


def main(face: str, target: str, count: int) -> None:
    """Ask until killed."""
    logging.disable(logging.WARNING)  # its server is lost on purpose
    Gate.received = keeping_proofs(Gate.received)  # type: ignore[assignment, method-assign]  # it only judges
    if face == "threads":
        ask_threaded(target, count)
    else:
        asyncio.run(ask_asyncio(target, count))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
