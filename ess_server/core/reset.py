"""Releasing and holding stops: only a person does, everything is on disk before it is true, and a trigger wins.

A write that fails has an unknown outcome, so a stop is written again, durably, before the failure is answered.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from ess_server.core import latch
from ess_server.core.controller import EmergencyStopController
from ess_server.core.errors import (
    InvalidRequestError,
    Refusal,
    ResetRefusedError,
    RevisionMismatchError,
    StoreError,
)
from ess_server.core.events import EmergencyResetEvent
from ess_server.core.model import GLOBAL, Actor, Credential, EmergencyState, Scope, Stop

MAX_REASON_BYTES = 1024
MAX_ID_BYTES = 64
MOST_TRIES = 3
REMEMBERED_REQUESTS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What a person asks of a reset or hold. ``revision`` is the highest one that the person has looked at."""

    revision: int
    reason: str
    actor: Actor
    scope: Scope = GLOBAL
    overrides: frozenset[str] = frozenset()
    rebaseline: bool = False
    validate_only: bool = False
    request_id: str = ""
    store_id: str = ""


class Outcome(Enum):
    """What a reset did."""

    RELEASED = 1
    VALIDATED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResult:
    """What was done, and the state after it; ``refusals`` only after a check."""

    outcome: Outcome
    state: EmergencyState
    stops: tuple[Stop, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Obstacle(Protocol):
    """Something that may stand in the way of a reset."""

    async def refusals(self, stops: Sequence[Stop]) -> Sequence[Refusal]:
        """Return what stands in the way of releasing ``stops``."""

    async def override(self, stops: Sequence[Stop]) -> None:
        """Make going past it safe, before anything is written. Raises ResetRefusedError if that cannot be."""

    def released(self, stops: Sequence[Stop], request: ReleaseRequest) -> None:
        """Take note of the release, in the same step in which it becomes true."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A change that loosens something: how to make it from a state, and how it is logged."""

    kind: str
    verb: str
    make: Callable[[EmergencyState, Scope, int], EmergencyState]
    obstacles: tuple[Obstacle, ...] = field(default=())


class _OvertakenError(Exception):
    """A trigger came in between; the state was written again as stopped."""


class EmergencyReset:
    """Resets and holds, one at a time."""

    def __init__(self, controller: EmergencyStopController, obstacles: Sequence[Obstacle]) -> None:
        self._controller = controller
        self._one_at_a_time = asyncio.Lock()
        self._done: OrderedDict[tuple[str, str], ReleaseResult] = OrderedDict()
        self._tasks: set[asyncio.Task[ReleaseResult]] = set()
        self._release = _Change(
            "stop.released", "reset", lambda s, scope, r: latch.release(s, scope, revision=r), tuple(obstacles)
        )
        self._hold = _Change("stop.held", "hold", lambda s, scope, r: latch.hold(s, scope, revision=r))

    async def reset(self, request: ReleaseRequest) -> ReleaseResult:
        """Release the stops of a scope; global releases all.

        Raises InvalidRequestError, RevisionMismatchError (a stop carries a higher revision than the request
        names), ResetRefusedError (everything that stands in the way), StoreError (still stopped, durably).
        """
        return await self._to_the_end(self._serially(self._release, request))

    async def hold(self, request: ReleaseRequest) -> ReleaseResult:
        """End cancelling and closing in a scope; trading stays blocked. Raises as ``reset`` does."""
        return await self._to_the_end(self._serially(self._hold, request))

    async def _to_the_end(self, work: Awaitable[ReleaseResult]) -> ReleaseResult:
        """A caller that goes away must not leave a release half written."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _serially(self, change: _Change, request: ReleaseRequest) -> ReleaseResult:
        self._check_fields(request)
        async with self._one_at_a_time:
            known = self._done.get((change.verb, request.request_id)) if request.request_id else None
            if known:
                return known
            try:
                result = await self._tries(change, request)
            except (RevisionMismatchError, ResetRefusedError) as refused:
                self._log_refusal(change, request, refused)
                raise
            if request.request_id and result.outcome is Outcome.RELEASED:
                self._done[change.verb, request.request_id] = result
                while len(self._done) > REMEMBERED_REQUESTS:
                    self._done.popitem(last=False)
            return result

    async def _tries(self, change: _Change, request: ReleaseRequest) -> ReleaseResult:
        for _ in range(MOST_TRIES):
            stops = self._check_coverage(request)
            refusals = [r for o in change.obstacles for r in await o.refusals(stops)]
            if request.validate_only:
                return ReleaseResult(
                    outcome=Outcome.VALIDATED, state=self._controller.state, stops=stops, refusals=tuple(refusals)
                )
            standing = [r for r in refusals if not (r.overridable and r.reason in request.overrides)]
            if standing:
                raise ResetRefusedError(standing)
            try:
                return await self._change(change, request, passed={r.reason for r in refusals})
            except _OvertakenError:
                continue
        raise RevisionMismatchError("triggers keep arriving; look again with: ess status")

    def _check_fields(self, request: ReleaseRequest) -> None:
        state = self._controller.state
        if request.revision <= 0:
            raise InvalidRequestError(
                "revision",
                f"is required: the highest one you have looked at; ess status shows it (now {state.revision})",
            )
        if not request.reason.strip():
            raise InvalidRequestError("reason", "is required: say why it is safe, in 1 to 1024 bytes")
        if len(request.reason.encode()) > MAX_REASON_BYTES:
            raise InvalidRequestError("reason", "is longer than 1024 bytes; shorten it")
        if len(request.request_id.encode()) > MAX_ID_BYTES:
            raise InvalidRequestError("request_id", "is longer than 64 bytes")
        if request.actor.credential is Credential.NONE and not request.actor.requested_by:
            raise InvalidRequestError("requested_by", "is required where no credential tells who you are")
        if request.store_id and request.store_id != state.store_id:
            raise RevisionMismatchError(f"store_id: this server follows store {state.store_id}; check the target")

    def _check_coverage(self, request: ReleaseRequest) -> tuple[Stop, ...]:
        state = self._controller.state
        stops = latch.covered(state, request.scope)
        if not stops:
            others = ", ".join(str(s.scope) for s in state.stops) or "none"
            raise ResetRefusedError(
                [Refusal(reason="NOT_STOPPED", detail=f"{request.scope} is not stopped itself; standing stops: {others}",
                         overridable=False)]
            )  # fmt: skip
        if request.revision > state.revision:
            raise RevisionMismatchError(
                f"revision: {request.revision} was never issued; the newest is {state.revision}; look with: ess status"
            )
        newest = max(stops, key=lambda s: s.revision)
        if newest.revision > request.revision:
            raise RevisionMismatchError(
                f"revision: {newest.scope} was stopped again at revision {newest.revision} ({newest.cause.reason}), "
                f"after the {request.revision} that you looked at; look with: ess status"
            )
        if newest.revision > self._controller.journal.durable_revision:
            raise ResetRefusedError(
                [Refusal(reason="STORE_FAILED", detail="the stop is not on disk yet: "
                         + ("; ".join(self._controller.journal.problems) or "try again"), overridable=False)]
            )  # fmt: skip
        return stops

    async def _change(self, change: _Change, request: ReleaseRequest, passed: set[str]) -> ReleaseResult:
        controller = self._controller
        stops = self._check_coverage(request)
        for obstacle in change.obstacles:
            if passed and any(r.reason in passed for r in await obstacle.refusals(stops)):
                await obstacle.override(stops)
        self._check_coverage(request)
        base = controller.state
        target = change.make(base, request.scope, controller.allocate())
        event = self._event(change, request, stops, target)
        await self._write(change, target, event, lambda: controller.state is base)
        controller.adopt(target, event)
        for obstacle in change.obstacles:
            obstacle.released(stops, request)
        return ReleaseResult(outcome=Outcome.RELEASED, state=target, stops=stops)

    async def _write(
        self, change: _Change, target: EmergencyState, event: EmergencyResetEvent, unchanged: Callable[[], bool]
    ) -> None:
        """Write to every record in turn; returns in the step in which nothing newer has come."""
        controller = self._controller
        record = controller.journal.stamped(controller.record(target))
        try:
            for writer in controller.journal.writers:
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
            "released" if change is self._release else "held": ", ".join(str(s.scope) for s in stops),
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
            **{k: v for k, v in facts.items() if v},
        )
        return EmergencyResetEvent.of(entry, revision=target.revision, stops=stops)

    def _log_refusal(self, change: _Change, request: ReleaseRequest, refused: Exception) -> None:
        self._controller.note(
            self._controller.draft(
                f"{change.verb}.refused",
                str(refused),
                actor=request.actor,
                scope=str(request.scope),
                named_revision=str(request.revision),
                reason=request.reason,
            )
        )
