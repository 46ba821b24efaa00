"""One life of the venue process: started, spoken to over its pipes, ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from ess_server.core.venue_wire import MAX_LINE_BYTES, LinkError, Message, decode, encode

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTimes:
    """How long the server waits for its venue process.

    ``first_word`` is allowed from start to first message, ``silence`` between messages (it says something every
    second), ``write`` for it to read a message, ``end`` for it to end by itself. Restarts are delayed from
    ``restart_first`` up to ``restart_last``, anew once it ran for ``stable``.
    """

    first_word: timedelta = timedelta(seconds=20)
    silence: timedelta = timedelta(seconds=8)
    write: timedelta = timedelta(seconds=8)
    end: timedelta = timedelta(seconds=2)
    restart_first: timedelta = timedelta(milliseconds=200)
    restart_last: timedelta = timedelta(seconds=5)
    stable: timedelta = timedelta(seconds=30)


class Link:
    """Starts a process and carries messages until it ends, is silent, or speaks nonsense.

    ``next_message`` is awaited whenever the process has read the one before, so nothing piles up for one that
    does not read. ``take`` gets every message of the process; an error raised by it ends the process.
    """

    def __init__(
        self,
        command: Sequence[str],
        times: LinkTimes,
        next_message: Callable[[], Awaitable[Message]],
        take: Callable[[Message], None],
        stderr: int | None = None,
    ) -> None:
        self._stderr = stderr
        self._command = tuple(command)
        self._times = times
        self._next_message = next_message
        self._take = take

    async def run(self, on_start: Callable[[], None], on_end: Callable[[], None]) -> str:
        """Return why it ended. ``on_end`` is called before the process is gone, ``run`` returns after.

        Raises OSError if the process could not be started.
        """
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._stderr,
            limit=MAX_LINE_BYTES,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        on_start()
        tasks = (asyncio.create_task(self._read(child.stdout)), asyncio.create_task(self._write(child.stdin)))
        try:
            why = await _first(tasks)
        finally:
            for task in tasks:
                task.cancel()
            on_end()
            await self._end(child)
        return why or f"ended with exit code {child.returncode}"

    async def _read(self, stdout: asyncio.StreamReader) -> str:
        allowed = self._times.first_word
        while True:
            try:
                async with asyncio.timeout(allowed.total_seconds()):
                    line = await stdout.readline()
            except TimeoutError:
                return f"was silent for {allowed.total_seconds():g} s"
            except ValueError:
                return f"sent a line above {MAX_LINE_BYTES} bytes"
            if not line:
                return ""
            try:
                self._take(decode(line))
            except LinkError as error:
                return f"broke the protocol: {error}"
            except Exception as error:  # noqa: BLE001 - whatever a line does, it must not end the supervision
                _log.exception("a line of the venue process cannot be taken")
                return f"broke the protocol: {error!r}"
            allowed = self._times.silence
            # Lines that have arrived together are read without waiting; others must get their turn in between.
            await asyncio.sleep(0)

    async def _write(self, stdin: asyncio.StreamWriter) -> str:
        while True:
            stdin.write(encode(await self._next_message()))
            try:
                async with asyncio.timeout(self._times.write.total_seconds()):
                    await stdin.drain()
            except TimeoutError:
                return "does not read what it is sent"
            except ConnectionError:
                return ""

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdin is not None
        child.stdin.close()
        try:
            async with asyncio.timeout(self._times.end.total_seconds()):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


async def _first(tasks: Sequence[asyncio.Task[str]]) -> str:
    """Return what the first task to end has to say."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return next((why for task in done if (why := task.result())), "")
