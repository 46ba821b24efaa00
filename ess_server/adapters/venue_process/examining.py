"""Has every account examined by a process of its own, which takes no work and no lock."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from ess_server.adapters.venue_process.link import Link, LinkTimes
from ess_server.core.examination import Examination, Topic
from ess_server.core.venue_examination import read_examination
from ess_server.core.venue_link import VenueSettings, settings_message
from ess_server.core.venue_wire import LinkError, Message

COMMAND = (sys.executable, "-m", "ess_server.venue", "examine")
TIMES = LinkTimes(end=timedelta(milliseconds=200))
"""It has nothing to finish: whoever ends does not wait for it."""


async def examine(
    settings: VenueSettings,
    within: timedelta,
    *,
    command: Sequence[str] = COMMAND,
    times: LinkTimes | None = None,
    stderr: int | None = None,
) -> tuple[Examination, ...]:
    """Return the facts on every account, in the order of the settings, after ``within`` at the latest.

    An account that nothing was heard of is unreadable if the time was up, and cannot be opened if the process ended:
    where that cannot run, no stop can be carried out. ``stderr`` is where its log goes, by default that of the caller.
    """
    asking = _Asking(settings)
    link = Link(command, times or TIMES, asking.next_message, asking.take, stderr)
    running = asyncio.create_task(link.run(lambda: None, lambda: None), name="examining process")
    finished = asyncio.create_task(asking.finished.wait())
    try:
        wait = within.total_seconds()
        await asyncio.wait({running, finished}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        ended = _why(running, asking.fault) if running.done() else ""
    finally:
        finished.cancel()
        running.cancel()
        await asyncio.gather(running, finished, return_exceptions=True)
    return tuple(asking.found.get(a.id) or _unheard(a.id, ended, within) for a in settings.accounts)


class _Asking:
    """One side of the talk."""

    def __init__(self, settings: VenueSettings) -> None:
        self.found: dict[str, Examination] = {}
        self.finished = asyncio.Event()
        self.fault = ""
        self._settings: VenueSettings | None = settings

    async def next_message(self) -> Message:
        """Return the settings, and then nothing more."""
        if self._settings is None:
            await asyncio.Event().wait()
        told, self._settings = self._settings, None
        assert told is not None
        return settings_message(told)

    def take(self, message: Message) -> None:
        match message["type"]:
            case "examination":
                seen = read_examination(message)
                self.found[seen.account] = seen
            case "examined":
                self.finished.set()
            case "fault":
                self.fault = str(message.get("detail"))[:200]
            case "alive":
                pass
            case other:
                raise LinkError(f"unknown message {other[:20]!r}")


def _why(running: "asyncio.Task[str]", fault: str) -> str:
    error = running.exception()
    said = f"could not be started: {error}" if error else running.result()
    return f"the venue process {said}{f': {fault}' if fault else ''}"


def _unheard(account: str, ended: str, within: timedelta) -> Examination:
    if ended:
        return Examination(account=account, cannot_open=ended)
    why = f"no answer within {within.total_seconds():g} s"
    return Examination(account=account, unread={Topic.VENUE.value: why})
