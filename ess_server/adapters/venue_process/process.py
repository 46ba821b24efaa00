"""A ``Flattener`` that works in a process of its own, so that its failures stay outside the server."""

import asyncio
import logging
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ess_server.adapters.venue_process.dead_men import DeadMen
from ess_server.adapters.venue_process.link import Link, LinkTimes
from ess_server.adapters.venue_process.questions import Questions
from ess_server.core.flatten_plan import same_but_for_the_stop, wants_work
from ess_server.core.flatten_report import OnEvent, OnProgress, idle_progress
from ess_server.core.model import Account, AccountProgress, FlattenStatus, Work
from ess_server.core.ports import Clock
from ess_server.core.readings import EquityReading, ExecutionReport, FeedUpdate
from ess_server.core.venue_executions import read_executions, read_executions_read
from ess_server.core.venue_feeds import read_feed
from ess_server.core.venue_link import (
    VenueSettings,
    read_equity,
    read_event,
    read_open_positions,
    read_progress,
    settings_message,
    work_message,
)
from ess_server.core.venue_look import read_looked
from ess_server.core.venue_snapshot import VenueSnapshot
from ess_server.core.venue_wire import ALIVE_EVERY, LinkError, Message

COMMAND = (sys.executable, "-m", "ess_server.venue")
_LOOK_EVERY = 0.05
_REPEAT_AFTER = 60.0
_log = logging.getLogger(__name__)


class VenueProcess:
    """Keeps one venue process running and hands it the newest work.

    While the process is down, silent or speaks nonsense, every account with work is UNKNOWN, until a new process
    has read its venue. What the process complains of is told as event ``venue.fault``, its end as ``venue.down``
    (with an empty account). Callbacks run in the event loop; one that raises is logged.
    """

    def __init__(
        self,
        settings: VenueSettings,
        *,
        clock: Clock,
        on_equity: Callable[[EquityReading], None],
        on_execution: Callable[[ExecutionReport], None],
        on_feed: Callable[[FeedUpdate], None],
        on_event: OnEvent,
        on_progress: OnProgress,
        command: Sequence[str] = COMMAND,
        times: LinkTimes | None = None,
        stderr: int | None = None,
    ) -> None:
        """``stderr`` is a descriptor for what the process logs, by default that of this one."""
        self._settings = settings
        self._clock = clock
        self._on_equity = on_equity
        self._on_execution = on_execution
        self._on_feed = on_feed
        self._on_event = on_event
        self._on_progress = on_progress
        self._times = times or LinkTimes()
        self._link = Link(command, self._times, self._next_message, self._take, stderr)
        self._accounts = {a.id: Account(id=a.id, venue=a.venue) for a in settings.accounts}
        self._work: dict[str, tuple[int, Work | None]] = dict.fromkeys(self._accounts, (1, None))
        self._progress = {id_: idle_progress(account, None) for id_, account in self._accounts.items()}
        self._feeds = frozenset(f.name for f in settings.feeds)
        self._down: str | None = "has not been started"
        self._ended_at = clock.uptime()
        self._executions_read: dict[str, datetime] = {}
        self._complained = ("", 0.0)
        self._settings_unsent = self._work_unsent = True
        self._wake = asyncio.Event()
        self._questions = Questions(self._wake.set)
        self._dead_men = DeadMen(settings, clock)
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and keep it running."""
        self._supervisor = asyncio.create_task(self._supervise(), name="venue process")

    async def stop(self) -> None:
        """End the process, by force if it takes too long. Idempotent."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None

    def set_work(self, work: Mapping[str, Work]) -> None:
        """See ``Flattener.set_work``."""
        for id_, account in self._accounts.items():
            generation, before = self._work[id_]
            wanted = work.get(id_)
            if wanted == before:
                continue
            self._work_unsent = True
            if same_but_for_the_stop(wanted, before):
                self._work[id_] = (generation, wanted)
                self._show(replace(self._progress[id_], stop_id=idle_progress(account, wanted).stop_id))
            else:
                self._work[id_] = (generation + 1, wanted)
                self._restate(id_, idle_progress(account, wanted))
        self._wake.set()

    def progress(self) -> Mapping[str, AccountProgress]:
        """See ``Flattener.progress``."""
        return dict(self._progress)

    async def quiesce(self, accounts: Sequence[str], within: timedelta) -> bool:
        """See ``Flattener.quiesce``; False as long as one of the accounts has work."""
        if not accounts:
            return True
        deadline = self._clock.uptime() + within.total_seconds()
        while not any(wants_work(self._work[a][1]) for a in accounts if a in self._work):
            left = deadline - self._clock.uptime()
            if left <= 0:
                return False
            if self._nothing_can_act():
                return True
            answer = await self._ask("quiesce", timedelta(seconds=left), accounts=list(accounts))
            if answer is not None:
                return answer.get("ok") is True
        return False

    async def look(self, account: str, within: timedelta) -> VenueSnapshot | str:
        """Return what an account without work shows, or why that could not be read."""
        deadline = self._clock.uptime() + within.total_seconds()
        while (left := deadline - self._clock.uptime()) > 0:
            answer = await self._ask("look", timedelta(seconds=left), account=account)
            if answer is not None:
                return read_looked(answer)
        return f"the venue did not answer within {within.total_seconds():g} s"

    async def disarm(self, within: timedelta) -> bool:
        """Stop the dead man's switches, once and for all; False if it is not certain that all of them are.

        Not where work cancels or closes: there the venue's timer would do no more than is wanted.
        """
        idle = [account for account, (_, work) in self._work.items() if not wants_work(work)]
        return await self._dead_men.disarm(
            idle, within, lambda left, accounts: self._ask("disarm", left, accounts=accounts)
        )

    async def _ask(self, type_: str, within: timedelta, **fields: object) -> Message | None:
        """Return the answer; None while there is none, after a moment if the process is down."""
        if self._down is not None:
            await asyncio.sleep(min(_LOOK_EVERY, within.total_seconds()))
            return None
        try:
            return await self._questions.ask(type_, within, **fields)
        except TimeoutError:
            return None

    def _nothing_can_act(self) -> bool:
        """With no process alive, what was sent has expired a little later."""
        # A process that outlived an earlier server ends within a second of it.
        gone = self._settings.flatten.request_expiry + timedelta(seconds=1)
        return self._down is not None and self._clock.uptime() - self._ended_at > gone.total_seconds()

    async def _supervise(self) -> None:
        delay = self._times.restart_first
        while True:
            began = self._clock.uptime()
            try:
                self._down = await self._link.run(self._started, self._ended)
            except OSError as error:
                self._down = f"could not be started: {error}"
            except Exception as error:  # noqa: BLE001 - it is logged and told; nobody else would start the next process
                _log.exception("the link to the venue process failed")
                self._down = f"was given up: {error!r}"
            finally:
                self._ended_at = min(self._ended_at, self._clock.uptime())
            _log.error("the venue process %s", self._down)
            self._complain(f"the venue process {self._down}")
            if self._clock.uptime() - began > self._times.stable.total_seconds():
                delay = self._times.restart_first
            await asyncio.sleep(delay.total_seconds() * random.uniform(0.5, 1))  # noqa: S311 - jitter
            delay = min(delay * 2, self._times.restart_last)

    def _complain(self, why: str) -> None:
        """Tell of the end of a process; a crash loop is told once a minute."""
        before, at = self._complained
        if why != before or self._clock.uptime() - at > _REPEAT_AFTER:
            self._complained = (why, self._clock.uptime())
            self._event("venue.down", "", {"detail": why})

    def _started(self) -> None:
        self._down = None
        self._ended_at = math.inf
        self._settings_unsent = self._work_unsent = True

    def _ended(self) -> None:
        self._down = "is down"
        self._questions.drop()
        for id_, progress in self._progress.items():
            self._restate(id_, progress)

    async def _next_message(self) -> Message:
        """Return what is to be sent next: settings, then the newest work, then questions; and a word in time."""
        silent_until = asyncio.get_running_loop().time() + ALIVE_EVERY.total_seconds()
        while True:
            if self._settings_unsent:
                self._settings_unsent = False
                return settings_message(self._continued())
            if self._work_unsent:
                self._work_unsent = False
                return work_message(self._work)
            if (question := self._questions.next_message()) is not None:
                return question
            self._wake.clear()
            try:
                # Not anew at every wake: work is set again at every tick, whether it has changed or not.
                async with asyncio.timeout_at(silent_until if self._dead_men.kept else None):
                    await self._wake.wait()
            except TimeoutError:
                return {"type": "alive"}

    def _continued(self) -> VenueSettings:
        """Return the settings, so that the next process goes on where the one before has ended."""
        since = self._executions_read
        accounts = (replace(a, executions_since=since.get(a.id)) for a in self._settings.accounts)
        return replace(self._settings, accounts=tuple(map(self._dead_men.continued, accounts)))

    def _take(self, message: Message) -> None:
        match message["type"]:
            case "progress":
                generation, progress = read_progress(message)
                if progress.account in self._work and generation == self._work[progress.account][0]:
                    # It may still name the stop in whose name the same was wanted before.
                    self._show(replace(progress, stop_id=self._progress[progress.account].stop_id))
            case "event":
                self._event(*read_event(message))
            case "quiesced" | "looked" | "disarmed":
                self._questions.answered(message)
            case "armed":
                self._dead_men.armed(message)
            case "fault":
                self._event("venue.fault", str(message.get("account")), {"detail": str(message.get("detail"))})
            case "alive" | "ready":
                pass
            case _:
                self._observed(message)

    def _observed(self, message: Message) -> None:
        match message["type"]:
            case "equity":
                reading, positions = read_equity(message, self._clock.uptime()), read_open_positions(message)
                self._tell(self._on_equity, reading)
                self._show_exposure(reading, positions)
            case "executions":
                for report in read_executions(message, self._accounts, self._clock.uptime()):
                    self._tell(self._on_execution, report)
            case "feed":
                for update in read_feed(message, self._feeds, self._clock.uptime()):
                    self._tell(self._on_feed, update)
            case "executions_read":
                account, time = read_executions_read(message)
                self._executions_read[account] = time
            case other:
                raise LinkError(f"unknown message {other[:20]!r}")

    def _show_exposure(self, reading: EquityReading, positions: int | None) -> None:
        """Show what is open where nothing is done about it; work shows what it reads itself."""
        _, work = self._work.get(reading.account, (0, None))
        if positions is not None and reading.account in self._progress and not wants_work(work):
            known = self._progress[reading.account]
            self._show(replace(known, open_positions=positions, read_time=reading.time))

    def _restate(self, id_: str, wanted: AccountProgress) -> None:
        """Show what can be said without a word of the process: counts of the last good read, and no outcome."""
        detail, status = wanted.detail, wanted.status
        if self._down is not None and wants_work(self._work[id_][1]):
            status, detail = FlattenStatus.UNKNOWN, f"the venue process {self._down}"
        self._show(replace(self._progress[id_], status=status, detail=detail, stop_id=wanted.stop_id))

    def _show(self, progress: AccountProgress) -> None:
        self._progress[progress.account] = progress
        self._tell(self._on_progress, progress)

    def _event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        self._tell(self._on_event, kind, account, details)

    @staticmethod
    def _tell(listener: Callable[..., None], *args: object) -> None:
        try:
            listener(*args)
        except Exception:  # noqa: BLE001 - a listener is optional, the stop is not
            _log.exception("a listener of the venue process failed")
