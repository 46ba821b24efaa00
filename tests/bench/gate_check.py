# ruff: noqa: T201 - a script that prints
"""What a check costs on the allow path, against bare comparisons measured beside it.

Run as ``.venv/bin/python tests/bench/gate_check.py``. Rounds are interleaved, figures are medians, so that a busy
machine shifts all of them alike.
"""

import json
import statistics
import sys
import time
import timeit

from ess_client import OrderGate
from ess_client._clock import now
from ess_client.testing import ScriptedServer

ROUNDS = 1_001
CALLS = 1_000
CASES = {
    "monotonic() < deadline": "monotonic() < deadline",
    "gate's clock < deadline": "now() < deadline",
    "gate.check()": "gate.check()",
    "gate.check(2 scopes)": "gate.check('account/main', 'symbol/BTC/USDT:USDT')",
    "gate.require()": "gate.require()",
}


def measure(gate: OrderGate) -> dict[str, float]:
    """Median nanoseconds of each case."""
    names = {"gate": gate, "now": now, "monotonic": time.monotonic, "deadline": float("inf")}
    timers = {name: timeit.Timer(statement, globals=names) for name, statement in CASES.items()}
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            taken[name].append(timer.timeit(CALLS) / CALLS * 1e9)
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Measure against a real server with a live lease and print the figures."""
    with ScriptedServer(heartbeat=0.25) as server, OrderGate(server.target) as gate:
        if not gate.wait_ready(5) or not gate.check():
            sys.exit("the gate did not open")
        figures = measure(gate)
        if not gate.check():
            sys.exit("the gate closed while it was measured")
    same_clock = figures["gate.check()"] / figures["gate's clock < deadline"]
    monotonic = figures["gate.check()"] / figures["monotonic() < deadline"]
    if "--json" in sys.argv:
        print(json.dumps({"nanoseconds": figures, "same_clock_ratio": same_clock, "monotonic_ratio": monotonic}))
        return
    for name, nanoseconds in figures.items():
        print(f"{name:26} {nanoseconds:7.1f} ns")
    print(f"check() is {same_clock:.2f} x the bare comparison with the same clock (at most 1.6 is wanted)")
    print(f"           {monotonic:.2f} x the same with CLOCK_MONOTONIC, which stands still in suspend")


if __name__ == "__main__":
    main()
