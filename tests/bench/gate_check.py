"""What a check costs on allow and on deny, beside a bare attribute read and what one would do instead of a gate.

Rounds are interleaved and figures are medians, so that a busy machine shifts all of them alike.
``python -m tests.bench gate``
"""

import socket
import tempfile
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import grpc

from ess_client import OrderGate
from ess_client._clock import now
from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from tests.bench.figures import Row, middle, percentile
from tests.bench.peers import program, redis
from tests.bench.servers import Served, served

ROUNDS = 501
SHORT_ROUNDS = 51
CALLS = 1_000
ASKED = 1_000
"""Calls of what goes over a connection."""
OPEN_WITHIN = 10.0
CASES = {
    "attribute_read": "holder.flag",
    "same_clock_comparison": "now() < deadline",
    "monotonic_comparison": "monotonic() < deadline",
    "gate_allow": "open_gate.check()",
    "gate_allow_two_scopes": "open_gate.check('account/main', 'symbol/BTC/USDT:USDT')",
    "gate_deny": "shut_gate.check()",
    "gate_deny_two_scopes": "shut_gate.check('account/main', 'symbol/BTC/USDT:USDT')",
}


class Holder:
    """What somebody without a gate would read."""

    __slots__ = ("flag",)

    def __init__(self) -> None:
        self.flag = True


def local(rounds: int, open_gate: OrderGate, shut_gate: OrderGate) -> dict[str, float]:
    """Return median nanoseconds of each case."""
    names = {
        "open_gate": open_gate,
        "shut_gate": shut_gate,
        "now": now,
        "monotonic": time.monotonic,
        "deadline": float("inf"),
        "holder": Holder(),
    }
    timers = {name: timeit.Timer(statement, globals=names) for name, statement in CASES.items()}
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, timer in timers.items():
            taken[name].append(timer.timeit(CALLS) / CALLS * 1e9)
    return {name: middle(values) for name, values in taken.items()}


def asked(calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return nanoseconds of every call, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ASKED):
        for name, call in calls.items():
            began = time.perf_counter_ns()
            call()
            taken[name].append(time.perf_counter_ns() - began)
    return taken


def redis_get(line: socket.socket) -> None:
    """Ask Redis for a key, and wait for the answer."""
    line.sendall(b"*2\r\n$3\r\nGET\r\n$4\r\nstop\r\n")
    line.recv(4096)


def remote(stack: ExitStack, server: Served, folder: Path) -> dict[str, list[float]]:
    """Return what a unary GetState costs and, where it is installed, a Redis GET."""
    stops = rpc.EmergencyStopServiceStub(stack.enter_context(grpc.insecure_channel(server.process.target)))
    calls: dict[str, Callable[[], object]] = {"get_state": lambda: stops.GetState(pb.GetStateRequest())}
    if program("redis-server"):
        peer = stack.enter_context(redis(folder))
        peer.tell("first")
        line = stack.enter_context(socket.create_connection(("127.0.0.1", peer.port)))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        calls["redis_get"] = lambda: redis_get(line)
    return asked(calls)


def gate_of(stack: ExitStack, server: Served, *, is_open: bool) -> OrderGate:
    """Return a gate that follows ``server`` and lets through, or does not."""
    gate = stack.enter_context(OrderGate(server.process.target))
    if not gate.wait_ready(OPEN_WITHIN) or bool(gate.check()) is not is_open:
        raise RuntimeError("the gate did not follow its server")
    return gate


def rows(*, short: bool) -> Sequence[Row]:
    """Measure with two servers: one that lets trade, one that is stopped."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        going = stack.enter_context(served(folder, name="going"))
        going.release()
        stopped = stack.enter_context(served(folder, name="stopped"))
        instead = remote(stack, going, folder)
        gates = (gate_of(stack, going, is_open=True), gate_of(stack, stopped, is_open=False))
        figures = local(SHORT_ROUNDS if short else ROUNDS, *gates)
        if not gates[0].check() or gates[1].check():
            raise RuntimeError("a gate changed while it was measured")
    peers = {name: figures[name] for name in CASES if not name.startswith("gate")}
    peers |= {name: middle(values) for name, values in instead.items()}
    found = [Row(name, CALLS, figures[name], "ns", {}) for name in CASES if not name.startswith("gate")]
    for name in CASES:
        if name.startswith("gate"):
            ratios = {peer: figures[name] / value for peer, value in peers.items()}
            found.append(Row(name, CALLS, figures[name], "ns", ratios))
    for name, values in instead.items():
        found += [Row(name, ASKED, middle(values), "ns"), Row(f"{name}_p99", ASKED, percentile(values, 99), "ns")]
    return found
