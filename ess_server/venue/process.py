"""The venue process: alone holds the keys, works on the exchanges, and ends when its server does."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from ess_server.core.clock import SystemClock
from ess_server.core.dead_man import DeadMan
from ess_server.core.errors import EssError
from ess_server.core.flatten import LocalFlattener
from ess_server.core.flatten_plan import wants_work
from ess_server.core.log_queue import LogQueue
from ess_server.core.model import AccountProgress
from ess_server.core.venue_link import (
    VenueAccount,
    VenueSettings,
    equity_message,
    most_timed,
    progress_message,
    read_settings,
    read_work,
)
from ess_server.core.venue_ports import DeadManSwitch
from ess_server.core.venue_wire import ALIVE_EVERY, Message, decode
from ess_server.venue.conflation import Outlet
from ess_server.venue.dead_man import DeadManKeeper
from ess_server.venue.deferred import DeferredClient
from ess_server.venue.executions import poll_executions
from ess_server.venue.lock import LockHeldError, hold_lock
from ess_server.venue.look import look
from ess_server.venue.pipe import Inbox, Outbox
from ess_server.venue.upkeep import Faults, keep_prepared, poll_equity

END_WITHIN = 0.8
"""Seconds from the end of the server to the end of this process, at most."""
_LOOK_SHARE = 0.9
"""Of the time that an asker waits, so that why nothing could be read still reaches it."""
EXIT_OK, EXIT_PROTOCOL, EXIT_FAILED, EXIT_LOCKED, EXIT_SETTINGS = 0, 65, 70, 75, 78

_log = logging.getLogger(__name__)


class VenueServer:
    """Obeys one server. ``run`` returns the exit code."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._outbox = Outbox()
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._generations: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults = Faults(self._clock, self._fault)
        self._clients: dict[str, DeferredClient] = {}
        self._keepers: dict[str, DeadManKeeper] = {}
        self._heard = self._clock.uptime()
        self._flattener: LocalFlattener | None = None

    async def run(self, stdin: int, stdout: int) -> int:
        """Work until the server is gone or a signal asks for the end."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        Inbox(stdin, loop, self._lines.put_nowait, ended.set).start(END_WITHIN)
        writing = asyncio.create_task(self._outbox.run(stdout))
        serving = asyncio.create_task(self._serve())
        waiting = asyncio.create_task(ended.wait())
        await asyncio.wait((writing, serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        code = serving.result() if serving.done() else EXIT_OK
        with suppress(TimeoutError):
            async with asyncio.timeout(END_WITHIN / 2):
                await self._end(serving, flush=serving.done())
        return code

    async def _end(self, serving: asyncio.Task[int], *, flush: bool) -> None:
        serving.cancel()
        if flush:
            await self._outbox.flush()
        for task in self._tasks:
            task.cancel()
        if self._flattener is not None:
            await self._flattener.stop()

    async def _serve(self) -> int:
        self._start(self._alive())
        try:
            settings = read_settings(await self._next())
            await hold_lock(settings.lock_file, settings.lock_wait, lambda text: self._fault("", text))
            await self._open(settings)
            while True:
                self._obey(await self._next())
        except LockHeldError as error:
            self._fault("", str(error))
            return EXIT_LOCKED
        except (EssError, OSError) as error:
            self._fault("", f"{type(error).__name__}: {error}")
            return EXIT_SETTINGS if self._flattener is None else EXIT_PROTOCOL
        except Exception as error:  # noqa: BLE001 - it is logged, told, and ends the process
            _log.exception("the venue process failed")
            self._fault("", type(error).__name__)
            return EXIT_FAILED

    async def _next(self) -> Message:
        message = decode(await self._lines.get())
        self._heard = self._clock.uptime()
        return message

    async def _open(self, settings: VenueSettings) -> None:
        # Importing ccxt takes a second, twelve without bytecode; on a thread, so that the pipe is served meanwhile.
        opened = await asyncio.to_thread(_Opened, settings, self._clock)
        clients = opened.clients
        self._clients = {client.account.id: client for client in clients}
        self._flattener = LocalFlattener(
            clients,
            clock=self._clock,
            settings=settings.flatten,
            on_progress=self._progress,
            on_event=self._event,
            rules={account.id: account.closing for account in settings.accounts},
            sweep_intervals=opened.sweep_intervals,
        )
        await self._flattener.start()
        for client, account in zip(clients, settings.accounts, strict=True):
            self._start(keep_prepared(client, self._faults))
            if account.equity_interval is not None:
                self._start(poll_equity(client, account.equity_interval, self._clock, self._equity, self._faults))
            if (every := account.executions_interval) is not None:
                self._start(poll_executions(client, every, self._clock, self._outbox, self._faults))
            if (wanted := account.dead_man) is not None:
                self._keep_armed(account, client, wanted, settings)
        for reading in opened.feeds(lambda name: Outlet(name, self._outbox), self._faults):
            self._start(reading)
        self._outbox.put({"type": "ready", "pid": os.getpid()})

    def _obey(self, message: Message) -> None:
        flattener = self._flattener
        assert flattener is not None
        if message["type"] == "work":
            wanted = read_work(message)
            for account, client in self._clients.items():
                generation, work = wanted.get(account, (0, None))
                if wants_work(work) and generation != self._generations.get(account):
                    client.roused()
            self._generations = {account: generation for account, (generation, _) in wanted.items()}
            flattener.set_work({account: work for account, (_, work) in wanted.items() if work is not None})
            for progress in flattener.progress().values():
                self._progress(progress)
        elif message["type"] == "quiesce":
            self._start(self._quiesce(flattener, message))
        elif message["type"] == "look":
            self._start(self._look(message))
        elif message["type"] == "disarm":
            self._start(self._disarm(message))

    async def _quiesce(self, flattener: LocalFlattener, message: Message) -> None:
        ok = await flattener.quiesce(message["accounts"], timedelta(seconds=message["timeout_s"]))
        self._outbox.put({"type": "quiesced", "id": message["id"], "ok": ok})

    async def _look(self, message: Message) -> None:
        within = timedelta(seconds=message["timeout_s"]) * _LOOK_SHARE
        self._outbox.put(await look(message["id"], self._clients.get(message["account"]), within))

    def _keep_armed(
        self, account: VenueAccount, switch: DeadManSwitch, wanted: DeadMan, settings: VenueSettings
    ) -> None:
        keeper = DeadManKeeper(
            account.id,
            switch,
            wanted,
            clock=self._clock,
            valid=settings.flatten.request_expiry,
            heard=lambda: self._heard,
            on_armed=self._armed,
            faults=self._faults,
            most=most_timed(account, settings.accounts),
        )
        self._keepers[account.id] = keeper
        self._start(keeper.run())

    async def _disarm(self, message: Message) -> None:
        keepers = [keeper for account, keeper in self._keepers.items() if account in message["accounts"]]
        done = await asyncio.gather(*(keeper.disarm() for keeper in keepers))
        self._outbox.put({"type": "disarmed", "id": message["id"], "ok": all(done)})

    def _armed(self, account: str, symbols: Sequence[str]) -> None:
        self._outbox.latest(f"armed {account}", {"type": "armed", "account": account, "symbols": list(symbols)})

    async def _alive(self) -> None:
        while True:
            self._outbox.latest("alive", {"type": "alive"})
            await asyncio.sleep(ALIVE_EVERY.total_seconds())

    def _progress(self, progress: AccountProgress) -> None:
        message = progress_message(progress, self._generations.get(progress.account, 0))
        self._outbox.latest(f"progress {progress.account}", message)

    def _event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        self._outbox.put({"type": "event", "kind": kind, "account": account, "details": dict(details)})

    def _equity(self, account: str, amount: Decimal, currency: str, time: datetime, positions: int | None) -> None:
        self._outbox.latest(f"equity {account}", equity_message(account, amount, currency, time, positions))

    def _fault(self, account: str, detail: str) -> None:
        self._outbox.put({"type": "fault", "account": account, "detail": detail})

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task of the venue process failed", exc_info=task.exception())
            self._fault("", f"{task.get_coro()}: {type(task.exception()).__name__}")


class _Opened:
    """What is made of the settings with the help of ccxt, which is imported here and not before."""

    def __init__(self, settings: VenueSettings, clock: SystemClock) -> None:
        from ess_server.venue.feeds import import_streams  # noqa: PLC0415 - it imports ccxt
        from ess_server.venue.plans import Budgets, open_clients, sweep_intervals  # noqa: PLC0415 - as above

        import_streams(settings.feeds)
        self._settings = settings
        self._clock = clock
        self._budgets = Budgets(clock)
        self.clients: Sequence[DeferredClient] = open_clients(settings.accounts, clock, self._budgets)
        self.sweep_intervals = sweep_intervals(settings.accounts, settings.flatten.sweep_interval_max)

    def feeds(self, outlet: Callable[[str], Outlet], faults: Faults) -> list[Coroutine[Any, Any, None]]:
        """Return what reads each feed."""
        from ess_server.venue.feeds import readings_of  # noqa: PLC0415 - as above

        return readings_of(self._settings.feeds, self._budgets, self._clock, outlet, faults)


class PipeServer(Protocol):
    """What stands at this end of the pipes."""

    async def run(self, stdin: int, stdout: int) -> int:
        """Work until the end, and return the exit code."""


async def _run(server: PipeServer, stdout: int) -> None:
    code = await server.run(sys.stdin.fileno(), stdout)
    logging.shutdown()
    # A thread may still be importing, or a library may hang in its cleanup: neither may hold up the end.
    os._exit(code)


def main() -> None:
    """Serve the server at the other end of stdin and stdout; never returns."""
    serve_pipes(VenueServer())


def serve_pipes(server: PipeServer) -> None:
    """Let ``server`` speak over stdin and stdout; never returns."""
    # What any library prints goes to stderr: stdout speaks the protocol and nothing else.
    stdout = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The terminal's Ctrl-C is the server's to handle.
    line = "%(asctime)s ess-venue %(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, handlers=[LogQueue()], format=line)
    asyncio.run(_run(server, stdout))
