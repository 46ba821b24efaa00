"""From a trigger to the last of many subscribers told, beside Redis, NATS and etcd doing the same.

Each server has as many lean subscribers, each on a connection of its own (``tests.bench.crowd``), and takes its turn in
every round, while the others and their subscribers stand still. Each writes durably before it tells anybody. Times run
from the call, by the wall clock of the machine; ``received`` from the server's own stamp of the call.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.figures import Row, middle, percentile
from tests.bench.peers import all_peers
from tests.bench.processes import Child, cpu_seconds, crowd, resident_mb, standing_still
from tests.bench.servers import Served, served

SIZES = {1: 15, 100: 15, 1_000: 15, 5_000: 7, 10_000: 3}
"""Rounds for each number of subscribers."""
SHORT_SIZES = {1: 5, 100: 5, 1_000: 5}
SETTLE = 0.4
"""Seconds in which a server that stood still comes back to its rhythm."""
SETTLE_EACH = 0.0001
"""More of them for each subscriber: the release before it is a wave as well, and must be over."""
TARGET = 1.2
"""Times etcd's watch, for those sizes of which that is asked."""
LONG_LEASE = 5_000
"""Subscribers beyond which the lease is 2 s: heartbeats to so many come more than half a second apart."""
CONFIG = "[server]\nmax_subscribers = 20000\nlease_ms = {lease}\n"


@dataclass(slots=True)
class Contender:
    """A server with its crowd, and what was measured of it: one entry a round, in milliseconds and microseconds."""

    kind: str
    pid: int
    crowd: Child
    tell: Callable[[str], float | None]
    first: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    received: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    crowd_cpu: list[float] = field(default_factory=list)

    @property
    def pids(self) -> tuple[int, int]:
        """What stands still while others are measured."""
        return self.pid, self.crowd.process.pid

    def take_turn(self, token: str) -> None:
        """Tell everybody, and note when they heard it."""
        self.crowd.ask(f"await {token}")
        spent, began = cpu_seconds(self.pid), time.time()
        received = self.tell(token)
        heard = self.crowd.answer()
        spent, stamps = cpu_seconds(self.pid) - spent, [(s - began) * 1000 for s in heard["stamps"]]
        self.first.append(stamps[0])
        self.median.append(middle(stamps))
        self.p99.append(percentile(stamps, 99))
        self.last.append(stamps[-1])
        self.received.append((received - began) * 1000 if received else 0.0)
        self.cpu.append(spent / len(stamps) * 1e6)
        self.crowd_cpu.append(heard["cpu"] / len(stamps) * 1e6)


def stopper(server: Served) -> Callable[[str], float]:
    """Return what stops everything, and tells when the server received that."""
    return lambda token: server.stop(token).activate_time.ToNanoseconds() / 1e9


def measure(count: int, rounds: int, folder: Path) -> tuple[dict[str, Contender], float]:
    """Return every contender, and the kilobytes that one subscriber takes of our server."""
    with ExitStack() as stack:
        config = CONFIG.format(lease=2000 if count > LONG_LEASE else 1000)
        ours = stack.enter_context(served(folder, config))
        peers = stack.enter_context(all_peers(folder))
        empty = resident_mb(ours.pid)
        contenders = [Contender("ess", ours.pid, stack.enter_context(crowd("ess", ours.port)), stopper(ours))]
        contenders += [Contender(p.kind, p.pid, stack.enter_context(crowd(p.kind, p.port)), p.tell) for p in peers]
        for one in contenders:
            one.crowd.ask(f"grow {count}")
        each = (resident_mb(ours.pid) - empty) * 1000 / count
        for number in range(rounds + 1):
            for one in contenders:
                still = [pid for other in contenders if other is not one for pid in other.pids]
                with standing_still(still):
                    time.sleep(SETTLE / 2)
                    if one.kind == "ess":
                        ours.release()
                    time.sleep(SETTLE + count * SETTLE_EACH)
                    one.take_turn(f"token-{os.getpid()}-{number}-end")
    return {one.kind: one for one in contenders}, each


def of(contenders: Mapping[str, Contender], part: str) -> dict[str, float]:
    """Return the median over rounds of one figure of everybody, without the first round."""
    return {kind: middle(getattr(one, part)[1:]) for kind, one in contenders.items()}


def rows_of(count: int, contenders: Mapping[str, Contender], each: float) -> list[Row]:
    """Return what is told of one number of subscribers."""
    found = []
    received = of(contenders, "received")["ess"]
    parts = {"median": "", "first": "_first", "p99": "_p99", "last": "_last"}
    for part, suffix in parts.items() if count > 1 else (("median", ""),):
        values = of(contenders, part)
        ratios = {kind: values["ess"] / value for kind, value in values.items() if kind != "ess"}
        wanted = TARGET if not suffix and count in {1_000, 5_000} else None
        name = f"trigger_to_denied_direct{suffix}"
        found.append(Row(name, count, values["ess"] - received, "ms", ratios, wanted, "etcd"))
        if part in {"median", "p99"}:
            found += [Row(f"{kind}_to_told{suffix}", count, values[kind], "ms") for kind in ratios]
    cpu = of(contenders, "cpu")
    ratios = {kind: cpu["ess"] / value for kind, value in cpu.items() if kind != "ess"}
    found.append(Row("delivery_cpu", count, cpu["ess"], "us", ratios))
    found.append(Row("load_generator_cpu", count, of(contenders, "crowd_cpu")["ess"], "us"))
    if count >= 100:
        found.append(Row("subscriber_memory", count, each, "kB", at_most=45))
    return found


def rows(*, short: bool) -> Sequence[Row]:
    """Measure every size."""
    found: list[Row] = []
    for count, rounds in (SHORT_SIZES if short else SIZES).items():
        with tempfile.TemporaryDirectory() as folder:
            found += rows_of(count, *measure(count, rounds, Path(folder)))
    return found
