"""Cancels orders and closes positions of one account until the venue itself shows it flat, and keeps it so."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from ess_server.core.errors import EssError, VenueUnknownError
from ess_server.core.flatten_calls import BoundedCalls
from ess_server.core.flatten_plan import (
    NO_DELAY,
    BelowMinimumError,
    FlattenSettings,
    Plan,
    ReadBudgetError,
    backoff_ceiling,
    goes_stale,
    needs_names,
    plan,
    ready_to_close,
    same_but_for_the_stop,
    sweep_delay,
    wants_work,
)
from ess_server.core.flatten_report import CleanRead, FlattenReport, OnEvent, OnProgress
from ess_server.core.model import AccountProgress, FlattenStatus, Work
from ess_server.core.order_ids import closing_order_id, run_mark
from ess_server.core.ports import Clock, ExchangeClient
from ess_server.core.venue_snapshot import Position

T = TypeVar("T")

INCOMPLETE_AFTER = 5
"""Rounds of cancelling and closing without a clean read after which an account is INCOMPLETE."""
UNREAD_WHEN_FLAT = 3
"""Failed reads in a row after which a flat account's silence is told as an event."""


@dataclass(slots=True)
class _Attempt:
    """What has been tried for one piece of work; a new one begins whenever the work changes.

    ``read_at`` is the uptime of the last good read, in seconds, and at first that of the work itself.
    """

    read_at: float
    rounds: int = 0
    unread: int = 0
    cancelling_since: dict[str, float] = field(default_factory=dict)
    dust: set[Position] = field(default_factory=set)
    first_clean: CleanRead | None = None
    swept: bool = False
    sweeps: int = 0
    failure: str = ""


class AccountFlattener:
    """Carries out the work on one account, for the life of the process.

    Reads everything, cancels, reads again, closes reduce-only, and calls the account flat after two clean reads
    that both began after the last send. It never gives up while there is work, and sweeps on once flat. Whatever
    a client call raises means "unknown" and is tried again; text of exceptions that are not EssError may hold
    secrets, so only their type is shown. ``on_progress`` and ``on_event`` are called in the event loop.
    """

    def __init__(
        self,
        client: ExchangeClient,
        clock: Clock,
        settings: FlattenSettings,
        *,
        on_progress: OnProgress,
        on_event: OnEvent,
        rng: random.Random | None = None,
    ) -> None:
        self.account = client.account
        self._client = client
        self._clock = clock
        self._settings = settings
        self._random = rng or random.Random()  # noqa: S311 - jitter
        self._report = FlattenReport(client.account, clock, settings.reopen_quiet, on_progress, on_event)
        self._calls = BoundedCalls(clock, expiry=settings.request_expiry)
        self._work: Work | None = None
        self._attempt = _Attempt(clock.uptime())
        self._changed = asyncio.Event()
        self._run = run_mark(clock.uptime())
        self._orders_sent = 0

    @property
    def progress(self) -> AccountProgress:
        """What is known of the account."""
        return self._report.progress

    def set_work(self, work: Work | None) -> None:
        """Replace what is wanted. Nothing more is begun for the work before, and its outcome is shown no more.

        The same in the name of another stop goes on where it is, and is shown under that stop.
        """
        same = same_but_for_the_stop(work, self._work)
        self._work = work
        if same:
            self._report.rename(work)
            return
        self._attempt = _Attempt(self._clock.uptime())
        self._report.begin(work)
        self._changed.set()

    async def quiesced(self) -> bool:
        """Wait until nothing that was sent can still act; False if there is work, which would send again."""
        if not wants_work(self._work):
            await self._calls.quiesced()
        return not wants_work(self._work)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._changed.clear()
            delay = await self._turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if delay is None else delay.total_seconds()):
                    await self._changed.wait()

    def failed(self, error: BaseException | None) -> None:
        """Show that ``run`` ended though nobody stopped it: what became of the work is unknown until it runs again."""
        detail = f"the flatten ended: {describe(error)}"
        self._attempt.first_clean = None
        if wants_work(self._work):
            self._report.update(status=FlattenStatus.UNKNOWN, detail=detail)
        self._report.tell("venue.fault", detail=detail)

    async def _turn(self) -> timedelta | None:
        work = self._work
        if work is None or not wants_work(work):
            return None
        self._report.tell("flatten.started")
        round_ = asyncio.ensure_future(self._round(work, self._attempt))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((round_, changed), return_when=asyncio.FIRST_COMPLETED)
            return round_.result() if round_.done() else NO_DELAY
        finally:
            round_.cancel()
            changed.cancel()

    async def _round(self, work: Work, attempt: _Attempt) -> timedelta:
        try:
            return await self._step(work, attempt)
        except ReadBudgetError as error:
            return self._put_off(attempt, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the account's state is unknown
            return self._unread(attempt, error)

    async def _step(self, work: Work, attempt: _Attempt) -> timedelta:
        began = self._clock.uptime()
        snapshot = await self._calls.read(self._current(attempt, self._client.snapshot), self._settings.call_timeout)
        if attempt is not self._attempt:
            return NO_DELAY
        read = CleanRead(began=began, ended=self._clock.uptime(), time=snapshot.time)
        attempt.read_at = read.ended
        self._report.counted(snapshot)
        wanted = plan(work, snapshot, dust=attempt.dust, swept=attempt.swept)
        if wanted.clean and needs_names(work) and snapshot.unnamed:
            error = VenueUnknownError(f"the symbol of market {snapshot.unnamed[0]} could not be looked up")
            self._unread(attempt, error)
            return sweep_delay(self._settings, attempt.unread)
        attempt.unread = 0
        return self._clean(attempt, wanted, read) if wanted.clean else await self._act(attempt, wanted)

    def _clean(self, attempt: _Attempt, wanted: Plan, read: CleanRead) -> timedelta:
        attempt.rounds = 0
        attempt.failure = ""
        attempt.cancelling_since.clear()
        gap = self._settings.verify_gap
        first = attempt.first_clean
        flat = FlattenStatus.FLAT_WITH_DUST if wanted.dust else FlattenStatus.FLAT
        if self.progress.status.is_flat:
            attempt.sweeps += 1
            self._report.update(status=flat, detail=wanted.remark)
            return sweep_delay(self._settings, attempt.sweeps)
        if not self._calls.nothing_sent_since(read.began):
            return gap
        if first is None or read.began - first.ended < gap.total_seconds():
            attempt.first_clean = first or read
            self._report.update(status=FlattenStatus.VERIFYING, detail=wanted.remark)
            return gap
        attempt.swept, attempt.sweeps, attempt.first_clean = True, 0, None
        self._report.update(status=flat, detail=wanted.remark)
        self._report.tell_flat(first, read)
        return sweep_delay(self._settings, 0)

    async def _act(self, attempt: _Attempt, wanted: Plan) -> timedelta:
        if self.progress.status.is_flat:
            self._report.tell("flatten.reopened")
        attempt.first_clean = None
        attempt.rounds += 1
        closes = self._announce(attempt, wanted)
        calls = [self._close(attempt, position) for position in self._shuffled(attempt, closes)]
        if wanted.cancels:
            orders = self._shuffled(attempt, wanted.cancels)
            calls.append(self._send(attempt, lambda: self._client.cancel(orders), self._settings.close_after))
        failures = [r for r in await asyncio.gather(*calls, return_exceptions=True) if isinstance(r, BaseException)]
        attempt.failure = f"{len(failures)} request(s) failed, the first: {describe(failures[0])}" if failures else ""
        if attempt is self._attempt and failures:
            self._report.update(detail=attempt.failure)
        if not failures and attempt.rounds < INCOMPLETE_AFTER:
            return NO_DELAY
        return self._jittered(attempt.rounds)

    def _announce(self, attempt: _Attempt, wanted: Plan) -> Sequence[Position]:
        now = self._clock.uptime()
        symbols = {o.symbol for o in wanted.cancels}
        attempt.cancelling_since = {s: attempt.cancelling_since.get(s, now) for s in symbols}
        closes = ready_to_close(wanted, attempt.cancelling_since, now, self._settings.close_after)
        status = FlattenStatus.CANCELLING if wanted.cancels else FlattenStatus.CLOSING
        if attempt.rounds >= INCOMPLETE_AFTER:
            status = FlattenStatus.INCOMPLETE
        self._report.update(status=status, detail=attempt.failure or wanted.remark)
        if wanted.cancels:
            self._report.tell("flatten.first_cancel")
        if closes:
            self._report.tell("flatten.first_close")
        if status is FlattenStatus.INCOMPLETE:
            self._report.tell("flatten.incomplete")
        return closes

    async def _close(self, attempt: _Attempt, position: Position) -> None:
        self._orders_sent += 1
        client_order_id = closing_order_id(self.progress.stop_id, self._run, self._orders_sent)
        try:
            await self._send(
                attempt, lambda: self._client.close_position(position, client_order_id), self._settings.call_timeout
            )
        except BelowMinimumError:
            attempt.dust.add(position)

    async def _send(self, attempt: _Attempt, call: Callable[[], Awaitable[None]], within: timedelta) -> None:
        await self._calls.send(self._current(attempt, call), within)

    async def _current(self, attempt: _Attempt, call: Callable[[], Awaitable[T]]) -> T:
        """Begin the call unless the work has changed since it was decided on."""
        if attempt is not self._attempt:
            raise VenueUnknownError("the work has changed")
        return await call()

    def _unread(self, attempt: _Attempt, error: Exception) -> timedelta:
        if attempt is not self._attempt:
            return NO_DELAY
        attempt.unread += 1
        attempt.first_clean = None
        self._report.update(status=FlattenStatus.UNKNOWN, detail=describe(error))
        if not attempt.swept or attempt.unread >= UNREAD_WHEN_FLAT:
            self._report.tell("flatten.unknown", error=describe(error))
        return self._jittered(attempt.unread)

    def _put_off(self, attempt: _Attempt, error: ReadBudgetError) -> timedelta:
        if attempt is not self._attempt:
            return NO_DELAY
        age = timedelta(seconds=self._clock.uptime() - attempt.read_at)
        if goes_stale(self._settings, age, error.delay):
            attempt.first_clean = None
            self._report.update(status=FlattenStatus.UNKNOWN, detail=str(error))
            self._report.tell("flatten.unknown", error=str(error))
        elif not self.progress.status.is_flat:
            self._report.update(detail=str(error))
        return max(error.delay, self._settings.backoff_min)

    def _jittered(self, attempt: int) -> timedelta:
        return self._random.random() * backoff_ceiling(self._settings, attempt)

    def _shuffled(self, attempt: _Attempt, items: Sequence[T]) -> Sequence[T]:
        """Return another order at every retry, so that what hangs cannot starve the rest behind it."""
        return items if attempt.rounds == 1 else self._random.sample(items, len(items))


def describe(error: BaseException | None) -> str:
    """Return what may be shown of an error: other people's exceptions can carry requests and keys."""
    return str(error)[:200] if isinstance(error, EssError) else type(error).__name__
