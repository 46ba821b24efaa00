"""Releasing and holding stops: only a person does, everything is on disk before it is true, and a trigger wins.

A write that fails has an unknown outcome, so a stop is written again, durably, before the failure is answered.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Self

from ess_server.core import latch
from ess_server.core.controller import EmergencyStopController
from ess_server.core.errors import InvalidRequestError, Refusal, ResetRefusedError, RevisionMismatchError, StoreError
from ess_server.core.events import EmergencyResetEvent
from ess_server.core.model import MAX_REASON_BYTES, EmergencyState, Scope, Stop
from ess_server.core.release import (
    REVISION_MISMATCH,
    Obstacle,
    Outcome,
    ReleaseRequest,
    ReleaseResult,
    check_fields,
    coverage_refusals,
)

MOST_TRIES = 3
REMEMBERED_REQUESTS = 256
WRITE_WITHIN = timedelta(seconds=2)
"""How long work may be paused for a write of the release."""
CATCH_UP_WITHIN = timedelta(seconds=1)
"""How long a reset waits for the records to hold the stop that it releases."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A change that loosens something: how it is called, logged and made, and what may stand in its way."""

    verb: str
    kind: str
    make: Callable[[EmergencyState, Scope, int], EmergencyState]
    obstacles: tuple[Obstacle, ...] = ()


class _OvertakenError(Exception):
    """A trigger came in between; the state was written again as stopped."""


class _Patience:
    """Ends a write that hangs while what was overridden is paused: the work goes on, and the release fails."""

    def __init__(self, overridden: Sequence[Obstacle]) -> None:
        self.lost = False
        self._overridden = overridden

    def __enter__(self) -> Self:
        wait = WRITE_WITHIN.total_seconds()
        self._timer = asyncio.get_running_loop().call_later(wait, self._lose) if self._overridden else None
        return self

    def __exit__(self, *failure: object) -> None:
        if self._timer:
            self._timer.cancel()

    def _lose(self) -> None:
        self.lost = True
        for obstacle in self._overridden:
            obstacle.abandoned()


class EmergencyReset:
    """Resets and holds, one at a time."""

    def __init__(self, controller: EmergencyStopController, obstacles: Sequence[Obstacle]) -> None:
        self._controller = controller
        # A hold waits for no reset that waits out a venue.
        self._turns = {"reset": asyncio.Lock(), "hold": asyncio.Lock()}
        self._writing = asyncio.Lock()
        self._done: OrderedDict[tuple[str, str, Scope, int], ReleaseResult] = OrderedDict()
        self._tasks: set[asyncio.Task[ReleaseResult]] = set()
        self._release = _Change(
            "reset", "stop.released", lambda s, scope, r: latch.release(s, scope, revision=r), tuple(obstacles)
        )
        self._hold = _Change("hold", "stop.held", lambda s, scope, r: latch.hold(s, scope, revision=r))

    async def reset(self, request: ReleaseRequest) -> ReleaseResult:
        """Release the stops of a scope; global releases all.

        Raises InvalidRequestError, RevisionMismatchError (a stop carries a higher revision than the request
        names), ResetRefusedError (with everything that stands in the way), StoreError (still stopped, durably).
        """
        return await self._to_the_end(self._serially(self._release, request))

    async def hold(self, request: ReleaseRequest) -> ReleaseResult:
        """End cancelling and closing in a scope; trading stays blocked. Raises as ``reset`` does."""
        return await self._to_the_end(self._serially(self._hold, request))

    async def _to_the_end(self, work: Coroutine[None, None, ReleaseResult]) -> ReleaseResult:
        """A caller that goes away must not leave a release half written."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait for a release that is being written: half of one would be a start without proof."""
        async with self._writing:
            return

    async def _serially(self, change: _Change, request: ReleaseRequest) -> ReleaseResult:
        # Scope and revision belong to it: an id that is used again must not pass for a release of what stands now.
        key = (change.verb, request.request_id, request.scope, request.revision)
        async with self._turns[change.verb]:
            known = self._done.get(key)
            if known and not request.validate_only:
                return known
            try:
                check_fields(request, self._controller.state)
                result = await self._tries(change, request)
            except Exception as error:
                self._log_denial(change, request, error)
                raise
            if request.request_id and result.outcome is Outcome.RELEASED:
                self._done[key] = result
                while len(self._done) > REMEMBERED_REQUESTS:
                    self._done.popitem(last=False)
            return result

    async def _tries(self, change: _Change, request: ReleaseRequest) -> ReleaseResult:
        for _ in range(MOST_TRIES):
            await self._on_every_disk()
            in_the_way = self._coverage(request)
            stops = latch.covered(self._controller.state, request.scope)
            found = [(o, await o.refusals(stops)) for o in change.obstacles] if stops else []
            in_the_way += [r for _, refusals in found for r in refusals]
            if request.validate_only:
                return ReleaseResult(
                    outcome=Outcome.VALIDATED,
                    state=self._controller.state,
                    stops=stops,
                    refusals=tuple(in_the_way),
                )
            _refuse([r for r in in_the_way if not (r.overridable and r.reason in request.overrides)])
            try:
                return await self._pass(change, request, [o for o, refusals in found if refusals])
            except _OvertakenError:
                continue
        detail = "triggers keep arriving; look with: ess status"
        raise RevisionMismatchError([Refusal(reason=REVISION_MISMATCH, detail=detail, overridable=False)])

    def _coverage(self, request: ReleaseRequest) -> list[Refusal]:
        return coverage_refusals(request, self._controller.state, self._controller.journal.agreed_revision)

    async def _on_every_disk(self) -> None:
        """Give the records a moment to catch up with a stop that was latched just now."""
        journal = self._controller.journal
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_WITHIN.total_seconds()):
                await journal.agreed(self._controller.state.revision)
        self._controller.number_all()

    async def _pass(self, change: _Change, request: ReleaseRequest, overridden: Sequence[Obstacle]) -> ReleaseResult:
        stops = latch.covered(self._controller.state, request.scope)
        try:
            for obstacle in overridden:
                await obstacle.override(stops)
            async with self._writing:
                return await self._change(change, request, overridden)
        except BaseException:
            for obstacle in overridden:
                obstacle.abandoned()
            raise

    async def _change(self, change: _Change, request: ReleaseRequest, overridden: Sequence[Obstacle]) -> ReleaseResult:
        controller = self._controller
        await self._on_every_disk()
        _refuse(self._coverage(request))
        base = controller.state
        stops = latch.covered(base, request.scope)
        target = change.make(base, request.scope, controller.allocate())
        event = self._event(change, request, stops, target)
        with _Patience(overridden) as patience:
            await self._write(change, target, event, lambda: controller.state is base and not patience.lost)
        controller.adopt(target, event)
        for obstacle in change.obstacles:
            controller.guarded(partial(obstacle.released, stops, request), "taking note of the release")
        return ReleaseResult(outcome=Outcome.RELEASED, state=target, stops=stops)

    async def _write(
        self, change: _Change, target: EmergencyState, event: EmergencyResetEvent, unchanged: Callable[[], bool]
    ) -> None:
        """Write to every record in turn; returns in the step in which nothing newer has come."""
        journal = self._controller.journal
        record = journal.stamped(self._controller.record(target))
        try:
            for writer in journal.writers:
                if not await writer.try_once(record, [event], unchanged):
                    break
        except StoreError as error:
            await self._stop_again(change, f"could not be written: {error}")
            raise StoreError(
                f"STORE_FAILED: the {change.verb} could not be written ({error}); still stopped; "
                "mend the disk, then: ess status"
            ) from error
        if not unchanged():
            await self._stop_again(change, "was overtaken by a trigger")
            raise _OvertakenError

    async def _stop_again(self, change: _Change, why: str) -> None:
        event = self._controller.draft(f"{change.verb}.aborted", f"the {change.verb} {why}; the stop was written again")
        await self._controller.journal.durable(self._controller.rewrite(event))

    def _event(
        self, change: _Change, request: ReleaseRequest, stops: tuple[Stop, ...], target: EmergencyState
    ) -> EmergencyResetEvent:
        facts = {
            "scopes": ", ".join(str(s.scope) for s in stops),
            "named_revision": str(request.revision),
            "overrides": ", ".join(sorted(request.overrides)),
            "rebaseline": "yes" if request.rebaseline else "",
            "request_id": request.request_id,
        }
        entry = self._controller.draft(
            change.kind,
            request.reason,
            actor=request.actor,
            scope=str(request.scope),
            stop_id=stops[0].stop_id if len(stops) == 1 else "",
            facts=facts,
        )
        return EmergencyResetEvent.of(entry, revision=target.revision, stops=stops)

    def _log_denial(self, change: _Change, request: ReleaseRequest, error: Exception) -> None:
        refused = isinstance(error, ResetRefusedError | InvalidRequestError)
        reason = request.reason.strip() or "no reason given"
        self._controller.note(
            self._controller.draft(
                f"{change.verb}.{'refused' if refused else 'failed'}",
                str(error) or type(error).__name__,
                actor=request.actor,
                scope=str(request.scope),
                facts={"named_revision": str(request.revision), "reason": latch.cut(reason, MAX_REASON_BYTES)},
            )
        )


def _refuse(refusals: Sequence[Refusal]) -> None:
    if any(r.reason == REVISION_MISMATCH for r in refusals):
        raise RevisionMismatchError(refusals)
    if refusals:
        raise ResetRefusedError(refusals)
