"""The venue process as ``ess doctor`` starts it: reads the facts on every account, tells them, and ends.

It takes no work and no lock, so it may run beside a server, and asks its clients for nothing but ``examine``.
"""

import asyncio
import logging
import signal
from contextlib import suppress

from ess_server.core.clock import SystemClock
from ess_server.core.errors import EssError, describe
from ess_server.core.examination import Examination, Topic
from ess_server.core.venue_examination import examination_message
from ess_server.core.venue_link import VenueSettings, read_settings
from ess_server.core.venue_wire import ALIVE_EVERY, decode
from ess_server.venue.deferred import DeferredClient
from ess_server.venue.pipe import Inbox, Outbox
from ess_server.venue.process import END_WITHIN, EXIT_FAILED, EXIT_OK, EXIT_SETTINGS, serve_pipes

_log = logging.getLogger(__name__)


class ExaminingServer:
    """Obeys one settings message. ``run`` returns the exit code."""

    def __init__(self) -> None:
        self._outbox = Outbox()
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(self, stdin: int, stdout: int) -> int:
        """Work until everything is told, the asker is gone, or a signal asks for the end."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        Inbox(stdin, loop, self._lines.put_nowait, ended.set).start(END_WITHIN)
        writing, alive = asyncio.create_task(self._outbox.run(stdout)), asyncio.create_task(self._alive())
        examining, waiting = asyncio.create_task(self._examine()), asyncio.create_task(ended.wait())
        await asyncio.wait((writing, examining, waiting), return_when=asyncio.FIRST_COMPLETED)
        code = examining.result() if examining.done() else EXIT_OK
        with suppress(TimeoutError):
            async with asyncio.timeout(END_WITHIN / 2):
                await self._outbox.flush()
        for task in (writing, alive, examining, waiting):
            task.cancel()
        return code

    async def _alive(self) -> None:
        while True:
            self._outbox.latest("alive", {"type": "alive"})
            await asyncio.sleep(ALIVE_EVERY.total_seconds())

    async def _examine(self) -> int:
        try:
            settings = read_settings(decode(await self._lines.get()))
            # Importing ccxt takes a second, twelve without bytecode; on a thread, so that the pipe is served meanwhile.
            clients = await asyncio.to_thread(_clients, settings)
            await asyncio.gather(*(self._tell(client) for client in clients))
        except EssError as error:
            self._fault(describe(error))
            return EXIT_SETTINGS
        except Exception as error:  # noqa: BLE001 - it is logged, told, and ends the process
            _log.exception("the examining process failed")
            self._fault(f"{type(error).__name__}: {error}" if isinstance(error, ImportError) else type(error).__name__)
            return EXIT_FAILED
        self._outbox.put({"type": "examined"})
        return EXIT_OK

    async def _tell(self, client: DeferredClient) -> None:
        try:
            seen = await client.examine()
        except Exception as error:  # noqa: BLE001 - it is logged and told; what is found of the others still counts
            _log.exception("the examination of account %s failed", client.account.id)
            why = f"the examination failed: {describe(error)}"
            seen = Examination(account=client.account.id, unread={Topic.VENUE.value: why})
        self._outbox.put(examination_message(seen))

    def _fault(self, detail: str) -> None:
        self._outbox.put({"type": "fault", "account": "", "detail": detail})


def _clients(settings: VenueSettings) -> list[DeferredClient]:
    from ess_server.venue.plans import Budgets, open_clients  # noqa: PLC0415 - it imports ccxt

    clock = SystemClock()
    return open_clients(settings.accounts, clock, Budgets(clock))


def main() -> None:
    """Examine for the asker at the other end of stdin and stdout; never returns."""
    serve_pipes(ExaminingServer())
