"""Trigger received by the server to every one of 100 gates denied, on one machine, measured by the gates.

Each gate has a connection of its own. Server and gates share the wall clock of the machine; the server's stamp is
taken when the call arrives, the gate's when it denies. ``python -m tests.bench.trigger_to_denied [GATES] [ROUNDS]``
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import grpc.aio

from ess_client import GateStatus
from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.bench.figures import percentile, report
from tests.e2e.process import ServerProcess

QUIET = 0.3
"""Seconds in which the acknowledgements of the reset come in, so that the stop meets an idle server."""


class StampedGate(OrderGate):
    """Stamps the wall clock in the very step from which its checks deny."""

    def __init__(self, target: str, name: str) -> None:
        super().__init__(target, subscriber_id=name)
        self.denials: list[float] = []
        self._was_open = False

    def _noticed(self) -> None:
        is_open = bool(self.check())
        if self._was_open and not is_open:
            self.denials.append(time.time())
        self._was_open = is_open
        super()._noticed()


async def all_of(gates: list[StampedGate], *, open_: bool) -> None:
    """Wait, bounded, until every gate is open or every gate is shut."""
    for _ in range(2000):
        if all((g.state.status is GateStatus.OPEN) is open_ for g in gates):
            return
        await asyncio.sleep(0.005)
    raise RuntimeError("the gates did not follow")


async def measure(count: int, rounds: int, folder: Path) -> list[list[float]]:
    """Return milliseconds to denial, one list a round with one entry a gate."""
    server = ServerProcess(folder / "data")
    await server.start()
    found = []
    async with grpc.aio.insecure_channel(server.target) as channel:
        stub = rpc.EmergencyStopServiceStub(channel)
        gates = [StampedGate(server.target, f"gate-{n}") for n in range(count)]
        for gate in gates:
            gate.start()
        for gate in gates:
            await gate.wait_ready(20)
        for _ in range(rounds + 1):
            revision = (await stub.GetState(pb.GetStateRequest())).state.revision
            overrides = ["UNCONFIRMED_GATES"]
            request = pb.ResetRequest(revision=revision, reason="bench", requested_by="bench", overrides=overrides)
            await stub.Reset(request)
            await all_of(gates, open_=True)
            await asyncio.sleep(QUIET)
            answer = await stub.Trigger(pb.TriggerRequest())
            await all_of(gates, open_=False)
            received = answer.stop.activate_time.ToNanoseconds() / 1e9
            found.append([(g.denials[-1] - received) * 1000 for g in gates])
        await asyncio.gather(*(g.close() for g in gates))
    await server.kill()
    return found[1:]


def main(arguments: list[str]) -> None:
    """Measure and report."""
    count, rounds = (int(a) for a in (*arguments, *("100", "30")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(count, rounds, Path(folder)))
    every = [ms for one in found for ms in one]
    last = [max(one) for one in found]
    name = f"trigger_to_denied_{count}_gates"
    report(f"{name}_p50", len(every), percentile(every, 50), "ms")
    report(f"{name}_p99", len(every), percentile(every, 99), "ms", limit=50)
    report(f"{name}_last_gate_p50", len(last), percentile(last, 50), "ms")
    report(f"{name}_last_gate_worst", len(last), max(last), "ms")


if __name__ == "__main__":
    main(sys.argv[1:])
