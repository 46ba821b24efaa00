"""A strategy loop that asks before each cycle, trades smaller when a limit comes near, and waits out a stop.

    .venv/bin/python examples/orchestrator.py

The gate is asked where the cycle begins, for the sake of the work that is saved, and again for every order: a stop
may come in between.
"""

import asyncio
import os

from ess_client.aio import OrderGate

TARGET = os.environ.get("ESS_TARGET", "127.0.0.1:50051")
CYCLES = int(os.environ.get("CYCLES", "20"))
PAUSE = 0.25
SCOPES = ("account/main", "strategy/momentum", "symbol/BTC/USDT:USDT")
CAREFUL_FROM = 75
"""Percent of any limit from which orders are halved."""


def size(gate: OrderGate) -> float:
    """Return what share of the usual size is traded now."""
    tiers = [warning.tier_percent for warning in gate.state.warnings]
    return 0.5 if max(tiers, default=0) >= CAREFUL_FROM else 1.0


async def trade(gate: OrderGate, cycle: int) -> None:
    """Decide something that takes a while, and send one order for it."""
    await asyncio.sleep(0.01)
    gate.require(*SCOPES)
    print(f"cycle {cycle}: order sent, size {size(gate)}", flush=True)


async def until_open(gate: OrderGate) -> None:
    """Wait without asking again and again: every change of the gate is told."""
    async for _ in gate.changes():
        if gate.check(*SCOPES):
            return


async def main() -> None:
    """Run the cycles."""
    async with OrderGate(TARGET, subscriber_id="orchestrator", scopes=SCOPES) as gate:
        await gate.wait_ready(5)
        for cycle in range(CYCLES):
            verdict = gate.check(*SCOPES)
            if not verdict:
                print(f"cycle {cycle}: waiting, {verdict.reason}: {verdict.detail}", flush=True)
                await until_open(gate)
            await trade(gate, cycle)
            await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    asyncio.run(main())
