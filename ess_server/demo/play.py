"""The script of the demo. Every step waits for what it must observe, for a bounded time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.demo import timeline as t
from ess_server.demo.stage import ACCOUNT, DemoError, Stage
from ess_server.demo.timeline import Timeline

__all__ = ["DemoError", "Play"]

ENGINES = {
    "engine-a": ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "BNB/USDT:USDT", "XRP/USDT:USDT"),
    "engine-b": ("ADA/USDT:USDT", "DOGE/USDT:USDT", "AVAX/USDT:USDT", "LINK/USDT:USDT", "LTC/USDT:USDT"),
}
NOTIONAL = 1500.0
FALL_PERCENT = -10
VENUE_LATENCY_MS = 40
PERSON = "demo"


class Play:
    """One performance on one stage."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """``tell`` is called with one sentence for each step that begins."""
        self.timeline = Timeline(tuple(ENGINES))
        self._tell = tell
        self._stage = Stage(folder, self._heard)
        self._ready: set[str] = set()
        self._orders: dict[str, int] = dict.fromkeys(ENGINES, 0)
        self._fallen = self._released = False
        self._channel: grpc.aio.Channel | None = None
        self._stops: Any = None
        self._commissioned = 0

    async def run(self) -> None:
        """Play to the end. Raises DemoError at the step that failed."""
        try:
            await self._open()
            await self._fall()
            await self._kill_in_the_middle()
            await self._flat()
            await self._reset()
        finally:
            if self._channel:
                await self._channel.close()
            await self._stage.close()

    async def _open(self) -> None:
        self._tell("starting paper venue, server and two engines")
        await self._stage.start_paper()
        await self._stage.start_server()
        self._channel = grpc.aio.insecure_channel(
            self._stage.target,
            options=[("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)],
        )
        stub: Any = rpc.EmergencyStopServiceStub
        self._stops = stub(self._channel)
        await self._until("the server answers", self._answers)
        for name, symbols in ENGINES.items():
            await self._stage.start_engine(name, symbols, NOTIONAL)
        await self._until("both engines are ready", lambda: _said(len(self._ready) == len(ENGINES)))
        self._tell("commissioning the new store")
        await self._until("both gates have confirmed", self._gates_confirmed)
        self._commissioned = (await self._state()).state.revision
        await self._send_reset(self._commissioned, "first start")
        await self._until("positions, orders and conditional orders on the venue", self._book_is_full)
        await self._stage.paper("POST", "faults", kind="delay", delay_ms=VENUE_LATENCY_MS, times=None)

    async def _fall(self) -> None:
        self._tell(f"the price falls by {-FALL_PERCENT} %")
        watch = asyncio.create_task(self._see_broadcast())
        self._fallen = True
        self.timeline.saw(t.PRICE_FALLS, time.time())
        await self._stage.paper("POST", "shift", percent=FALL_PERCENT)
        await asyncio.wait_for(watch, 20)
        state = await self._state()
        breached = next(e for e in state.evaluators if e.name == f"drawdown/{ACCOUNT}")
        note = f"drawdown {breached.reading} % of {breached.limit} %"
        self.timeline.saw(t.BREACH_READ, breached.read_time.ToNanoseconds() / 1e9, note)

    async def _see_broadcast(self) -> None:
        async for message in self._stops.WatchState(pb.WatchStateRequest()):
            if message.state.status == pb.STOP_STATUS_ACTIVE:
                self.timeline.saw(t.BROADCAST, time.time())
                stop = message.state.stops[0]
                self.timeline.saw(t.LATCHED, stop.activate_time.ToNanoseconds() / 1e9, f"revision {stop.revision}")
                return

    async def _kill_in_the_middle(self) -> None:
        await self._until("the first cancel is sent", lambda: self._logged("flatten.first_cancel", t.FIRST_CANCEL))
        self._tell("killing the server in the middle of the flatten")
        await self._stage.kill_server()
        killed = time.time()
        books = await self._books()
        left = len(books["orders"]) + len(books["conditionals"]), len(books["positions"])
        if not any(left):
            raise DemoError("the flatten was over before the server was killed; nothing was proven")
        self.timeline.saw(t.KILLED, killed, f"{left[0]} orders and {left[1]} positions left")
        await self._stage.start_server()
        await self._until("the restarted server answers", self._answers)
        state = await self._state()
        if state.state.status != pb.STOP_STATUS_ACTIVE:
            raise DemoError("the restarted server is not ACTIVE: the stop was lost")
        self.timeline.saw(t.RESTARTED, time.time(), f"revision {state.state.revision}")

    async def _flat(self) -> None:
        self._tell("waiting until the venue shows the account flat")
        await self._until("the account is FLAT", self._account_is_flat)
        await self._logged("flatten.clean_read", t.CLEAN_READS)
        await self._logged("flatten.flat", t.FLAT)
        books = await self._books()
        if books["orders"] or books["conditionals"] or books["positions"]:
            raise DemoError(f"FLAT was said, but the venue's books hold {books}")
        self.timeline.saw(t.VENUE_EMPTY, time.time())

    async def _reset(self) -> None:
        self._tell("a reset that names an old revision, then the right one")
        await self._until("both gates have confirmed", self._gates_confirmed)
        try:
            await self._send_reset(self._commissioned, "the revision of yesterday's screen")
        except grpc.aio.AioRpcError as refused:
            if refused.code() is not grpc.StatusCode.ABORTED:
                raise DemoError(f"the stale reset ended {refused.code()}: {refused.details()}") from refused
            self.timeline.saw(t.STALE_REFUSED, time.time(), f"named {self._commissioned}")
        await self._stage.paper("DELETE", "faults")
        self._released = True
        revision = (await self._state()).state.revision
        await self._send_reset(revision, "the fall was part of the demo")
        self.timeline.saw(t.RELEASED, time.time())
        await self._until("both engines trade again", lambda: _said(not self.timeline.missing))

    async def _send_reset(self, revision: int, reason: str) -> None:
        request = pb.ResetRequest(revision=revision, reason=reason, requested_by=PERSON)
        if self._fallen:
            # The loss is real and stays: trading goes on from a new baseline, and the person says so.
            request.rebaseline = True
            request.overrides.append("CONDITION_TRUE")
        await self._stops.Reset(request)

    def _heard(self, engine: str, message: dict[str, Any]) -> None:
        match message["event"]:
            case "ready":
                self._ready.add(engine)
            case "gate" if self._fallen and not message["open"]:
                self.timeline.saw(t.denied(engine), message["time"], message["reason"])
            case "order" if self._released:
                self.timeline.saw(t.trades_again(engine), message["time"])
            case "order":
                self._orders[engine] += 1

    async def _answers(self) -> bool:
        try:
            await self._state()
        except grpc.aio.AioRpcError:
            return False
        return True

    async def _state(self) -> pb.GetStateResponse:
        answer: pb.GetStateResponse = await self._stops.GetState(pb.GetStateRequest(), timeout=2)
        return answer

    async def _gates_confirmed(self) -> bool:
        seen = (await self._state()).enforcement
        return bool(seen.confirmed >= len(ENGINES) and not seen.pending and not seen.missing)

    async def _book_is_full(self) -> bool:
        books = await self._books()
        symbols = sum(len(s) for s in ENGINES.values())
        return (
            len(books["positions"]) == symbols
            and len(books["orders"]) >= symbols
            and len(books["conditionals"]) >= symbols
        )

    async def _account_is_flat(self) -> bool:
        accounts = (await self._state()).accounts
        return bool(accounts) and accounts[0].status == pb.FLATTEN_STATUS_FLAT

    async def _logged(self, kind: str, step: str) -> bool:
        """Note the newest event of a kind, if there is one since the fall."""
        events = (await self._stops.ListEvents(pb.ListEventsRequest(kind=kind, page_size=1), timeout=2)).events
        if events:
            counts = {k: v for k, v in sorted(events[0].details.items()) if k.startswith("open_")}
            note = ", ".join(f"{v} {k.removeprefix('open_')}" for k, v in counts.items())
            self.timeline.saw(step, events[0].event_time.ToNanoseconds() / 1e9, note)
        return bool(events)

    async def _books(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._stage.paper("GET", "books", account=ACCOUNT))["accounts"][0]
        return found

    async def _until(self, what: str, seen: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
        """Poll until ``seen``; every 5 ms, so that no step is noticed late."""
        end = time.monotonic() + within
        while not await seen():
            self._stage.check_alive()
            if time.monotonic() > end:
                raise DemoError(f"not seen within {within:g} s: {what}")
            await asyncio.sleep(0.005)


async def _said(fact: bool) -> bool:  # noqa: FBT001 - a fact, not an option
    return fact
