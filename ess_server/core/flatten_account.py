"""Cancels orders and closes positions of one account until the venue itself shows it flat, and keeps it so."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from ess_server.core.closing import Close, ClosingRules, ClosingSchedule
from ess_server.core.errors import VenueUnknownError, describe
from ess_server.core.flatten_attempt import UNREAD_WHEN_FLAT, Attempt
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
    same_but_for_the_stop,
    sweep_delay,
    wants_work,
)
from ess_server.core.flatten_report import FlattenReport, OnEvent, OnProgress
from ess_server.core.flatten_verify import CleanRead, Verification, denial, witnessed
from ess_server.core.late_entries import LateEntries
from ess_server.core.model import AccountProgress, Action, FlattenStatus, Work
from ess_server.core.order_ids import closing_order_id, run_mark
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_snapshot import VenueSnapshot

T = TypeVar("T")


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
        rules: ClosingRules = ClosingRules(),  # noqa: B008 - frozen
        rng: random.Random | None = None,
    ) -> None:
        self.account = client.account
        self._client = client
        self._clock = clock
        self._settings = settings
        self._rules = rules
        self._late = LateEntries()
        self._random = rng or random.Random()  # noqa: S311 - jitter
        self._report = FlattenReport(client.account, clock, settings.reopen_quiet, on_progress, on_event)
        self._calls = BoundedCalls(clock, expiry=settings.request_expiry)
        self._work: Work | None = None
        self._attempt = Attempt(clock.uptime(), ClosingSchedule(rules))
        self._changed = asyncio.Event()
        self._run = run_mark(clock.uptime())
        self._orders_sent = 0

    @property
    def progress(self) -> AccountProgress:
        """What is known of the account."""
        return self._report.progress

    def set_work(self, work: Work | None) -> None:
        """Replace what is wanted. Nothing more is begun for the work before, and its outcome is shown no more.

        The same in the name of another stop goes on where it is, and is shown under that stop. A position that both
        close keeps the time since when it is closed within bounds.
        """
        same = same_but_for_the_stop(work, self._work)
        schedule = self._attempt.schedule
        if not wants_work(self._work):
            self._late, schedule = LateEntries(), ClosingSchedule(self._rules)
        self._work = work
        if same:
            self._report.rename(work)
            return
        schedule.keep(lambda symbol: work is not None and work.action_for(symbol) is Action.FLATTEN)
        self._attempt = Attempt(self._clock.uptime(), schedule)
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
        self._attempt.verification = Verification()
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

    async def _round(self, work: Work, attempt: Attempt) -> timedelta:
        try:
            return await self._step(work, attempt)
        except ReadBudgetError as error:
            return self._put_off(attempt, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the account's state is unknown
            return self._unread(attempt, error)

    async def _step(self, work: Work, attempt: Attempt) -> timedelta:
        began = self._clock.uptime()
        snapshot = await self._calls.read(self._current(attempt, self._client.snapshot), self._settings.call_timeout)
        if attempt is not self._attempt:
            return NO_DELAY
        read = CleanRead(began=began, ended=self._clock.uptime(), time=snapshot.time)
        attempt.read_at = read.ended
        protective = self._rules.cancel_protective
        wanted = plan(work, snapshot, dust=attempt.dust, swept=attempt.swept, cancel_protective=protective)
        if snapshot.partial:
            return NO_DELAY if wanted.clean else await self._act(attempt, wanted)
        self._report.counted(snapshot)
        self._late.see(snapshot.orders, wanted.cancels)
        if wanted.clean and needs_names(work) and snapshot.unnamed:
            error = VenueUnknownError(f"the symbol of market {snapshot.unnamed[0]} could not be looked up")
            self._unread(attempt, error)
            return sweep_delay(self._settings, attempt.unread)
        if wanted.clean:
            return await self._clean(attempt, wanted, snapshot, read)
        attempt.unread = 0
        return await self._act(attempt, wanted)

    async def _clean(self, attempt: Attempt, wanted: Plan, snapshot: VenueSnapshot, read: CleanRead) -> timedelta:
        attempt.clean()
        self._tell_late_entries()
        if self.progress.status.is_done:
            attempt.unread = 0
            attempt.sweeps += 1
            if wanted.dust and attempt.tries_dust(self._clock.uptime(), self._settings.dust_retry):
                return await self._try_dust(attempt, wanted)
            self._report.update(status=wanted.done, detail=wanted.remark)
            return sweep_delay(self._settings, attempt.sweeps)
        if not self._calls.nothing_sent_since(read.began):
            return self._settings.verify_gap
        wait = attempt.verification.take(read, self._settings)
        if wait is None:
            return await self._prove(attempt, wanted, snapshot)
        attempt.unread = 0
        quiet = "no open orders or positions to act on; quiet window" if attempt.verification.second else ""
        self._report.update(status=FlattenStatus.VERIFYING, detail="; ".join(filter(None, (quiet, wanted.remark))))
        return wait

    async def _prove(self, attempt: Attempt, wanted: Plan, snapshot: VenueSnapshot) -> timedelta:
        witness = await self._calls.read(self._current(attempt, self._client.witness), self._settings.call_timeout)
        if attempt is not self._attempt:
            return NO_DELAY
        if denied := denial(witness, snapshot):
            return self._unread(attempt, VenueUnknownError(denied))
        proof, attempt.verification = attempt.verification, Verification()
        attempt.unread, attempt.swept, attempt.sweeps = 0, True, 0
        self._report.update(status=wanted.done, detail=wanted.remark)
        self._report.tell_flat(
            proof,
            quiet_window_s=f"{self._settings.quiet_window.total_seconds():g}",
            witness=witnessed(witness, snapshot),
            remark=wanted.remark,
        )
        return sweep_delay(self._settings, 0)

    async def _try_dust(self, attempt: Attempt, wanted: Plan) -> timedelta:
        # Not flat while an order of ours may act; flat again, without another proof, if none was taken.
        self._report.update(status=FlattenStatus.CLOSING)
        tried = [self._close(attempt, Close(position=p)) for p in wanted.dust]
        outcomes = await asyncio.gather(*tried, return_exceptions=True)
        attempt.take(outcomes)
        if attempt is not self._attempt:
            return NO_DELAY
        if any(outcome is not False for outcome in outcomes):
            left = replace(wanted, closes=wanted.dust).left
            self._report.always("flatten.dust_tried", left=left, failure=attempt.failure)
            return NO_DELAY
        self._report.update(status=wanted.done, detail=wanted.remark)
        return sweep_delay(self._settings, attempt.sweeps)

    async def _act(self, attempt: Attempt, wanted: Plan) -> timedelta:
        if self.progress.status.is_done:
            self._report.tell("flatten.reopened", left=wanted.left)
        self._tell_late_entries()
        closes = attempt.begin_round(wanted, self._clock.uptime(), self._settings)
        self._announce(attempt, wanted, closes)
        calls: list[Awaitable[object]] = [self._close(attempt, c) for c in attempt.shuffled(closes, self._random)]
        if orders := attempt.shuffled(wanted.cancels, self._random):
            calls.append(self._send(attempt, lambda: self._client.cancel(orders), self._settings.close_after))
        failures = attempt.take(await asyncio.gather(*calls, return_exceptions=True))
        if attempt is self._attempt and failures:
            self._report.update(detail=attempt.failure)
        if attempt.held_back:
            attempt.rounds += failures
            # Venues count orders: those that find nobody within their bound must leave room for the last one.
            return max(self._settings.verify_gap, backoff_ceiling(self._settings, attempt.held_back))
        return self._jittered(attempt.rounds) if failures or attempt.incomplete else NO_DELAY

    def _announce(self, attempt: Attempt, wanted: Plan, closes: Sequence[Close]) -> None:
        status = FlattenStatus.CANCELLING if wanted.cancels else FlattenStatus.CLOSING
        if attempt.incomplete:
            status = FlattenStatus.INCOMPLETE
        self._report.update(status=status, detail=attempt.failure or wanted.remark)
        if wanted.cancels:
            self._report.tell("flatten.first_cancel")
        if closes:
            self._report.tell("flatten.first_close")
        if attempt.incomplete:
            self._report.insist(
                "flatten.incomplete", rounds=str(attempt.rounds), left=wanted.left, failure=attempt.failure
            )

    def _tell_late_entries(self) -> None:
        if facts := self._late.tell(self._clock.uptime()):
            self._report.always("flatten.late_entries", **facts)

    async def _close(self, attempt: Attempt, close: Close) -> bool:
        """Send it; False if the market takes no order so small."""
        self._orders_sent += 1
        id_ = closing_order_id(self.progress.stop_id, self._run, self._orders_sent)
        send = partial(self._client.close_position, close.position, id_, limit=close.limit)
        try:
            await self._send(attempt, send, self._settings.call_timeout)
        except BelowMinimumError:
            attempt.too_small(close)
            return False
        return True

    async def _send(self, attempt: Attempt, call: Callable[[], Awaitable[None]], within: timedelta) -> None:
        await self._calls.send(self._current(attempt, call), within)

    async def _current(self, attempt: Attempt, call: Callable[[], Awaitable[T]]) -> T:
        """Begin the call unless the work has changed since it was decided on."""
        if attempt is not self._attempt:
            raise VenueUnknownError("the work has changed")
        return await call()

    def _unread(self, attempt: Attempt, error: Exception) -> timedelta:
        if attempt is not self._attempt:
            return NO_DELAY
        attempt.unread += 1
        attempt.verification = Verification()
        self._report.update(status=FlattenStatus.UNKNOWN, detail=describe(error))
        if not attempt.swept or attempt.unread >= UNREAD_WHEN_FLAT:
            self._report.insist("flatten.unknown", error=describe(error))
        return self._jittered(attempt.unread)

    def _put_off(self, attempt: Attempt, error: ReadBudgetError) -> timedelta:
        if attempt is not self._attempt:
            return NO_DELAY
        age = timedelta(seconds=self._clock.uptime() - attempt.read_at)
        if goes_stale(self._settings, age, error.delay):
            attempt.verification = Verification()
            self._report.update(status=FlattenStatus.UNKNOWN, detail=str(error))
            self._report.insist("flatten.unknown", error=str(error))
        elif not self.progress.status.is_done:
            self._report.update(detail=str(error))
        return max(error.delay, self._settings.backoff_min)

    def _jittered(self, attempt: int) -> timedelta:
        return self._random.random() * backoff_ceiling(self._settings, attempt)
