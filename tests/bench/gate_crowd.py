"""Real gates in one process, each on connections of its own, that stamp the moment from which they deny.

``python -m tests.bench.gate_crowd PORT COUNT`` prints a line of JSON when all are ready; for each line on stdin it
waits until every gate is open, then until every gate denies, and prints the stamps of the denials.
"""

import asyncio
import json
import sys
import time

from ess_client import GateStatus
from ess_client.aio import OrderGate

READY_WITHIN = 30.0
FOLLOWS_WITHIN = 20.0


class StampedGate(OrderGate):
    """Stamps the wall clock in the very step from which its checks deny."""

    def __init__(self, target: str, name: str) -> None:
        super().__init__(target, subscriber_id=name)
        self.denied_at = 0.0
        self._was_open = False

    def _noticed(self) -> None:
        is_open = bool(self.check())
        if self._was_open and not is_open:
            self.denied_at = time.time()
        self._was_open = is_open
        super()._noticed()


async def all_of(gates: list[StampedGate], *, open_: bool) -> None:
    """Wait, bounded, until every gate is open or every gate is shut."""
    async with asyncio.timeout(FOLLOWS_WITHIN):
        while not all((g.state.status is GateStatus.OPEN) is open_ for g in gates):  # noqa: ASYNC110 - disturbs less
            await asyncio.sleep(0.01)


def say(found: object) -> None:
    """Answer."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


async def follow(port: int, count: int) -> None:
    """Obey until stdin ends."""
    gates = [StampedGate(f"127.0.0.1:{port}", f"gate-{n}").start() for n in range(count)]
    for gate in gates:
        await gate.wait_ready(READY_WITHIN)
    say({"ready": count})
    while await asyncio.to_thread(sys.stdin.readline):
        await all_of(gates, open_=True)
        say({"open": count})
        await all_of(gates, open_=False)
        say({"stamps": sorted(g.denied_at for g in gates)})


if __name__ == "__main__":
    asyncio.run(follow(int(sys.argv[1]), int(sys.argv[2])))
