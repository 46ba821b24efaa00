"""EmergencyStopService: parse, call the system, convert the answer."""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from importlib.metadata import version

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.core.broadcast import BroadcastEndedError, StateBroadcast
from ess_server.core.errors import CapacityError, InvalidRequestError
from ess_server.core.latch import Activation, cut
from ess_server.core.model import GLOBAL, MAX_NAME_BYTES, MAX_REASON_BYTES, Actor, Cause, CauseSource, Scope
from ess_server.core.release import MAX_ID_BYTES, Outcome, ReleaseRequest
from ess_server.core.subscribers import Subscriber, SubscriberStatus
from ess_server.core.summary import state_in_words
from ess_server.core.system import LARGEST_PAGE, EmergencyStopSystem
from ess_server.service import convert
from ess_server.service.identity import actor_of
from ess_server.service.paging import page_size, page_token
from ess_server.service.status import Context, abort
from ess_server.service.watch import WatchMessages

DEADLINE_MARGIN = timedelta(milliseconds=200)
MAX_SCOPES = 256
MOST_ACKNOWLEDGEMENTS = 1000


class EmergencyStopServicer(rpc.EmergencyStopServiceServicer):
    """The service of the contract. WatchState yields serialised messages."""

    def __init__(self, system: EmergencyStopSystem, broadcast: StateBroadcast, messages: WatchMessages) -> None:
        self._system = system
        self._broadcast = broadcast
        self._messages = messages
        self._version = version("emergency-stop-system")

    async def GetState(self, request: pb.GetStateRequest, context: Context) -> pb.GetStateResponse:
        """Everything a person needs."""
        system = self._system
        enforcement = system.subscribers.enforcement()
        accounts = tuple(system.flattener.progress().values())
        return pb.GetStateResponse(
            state=self._messages.state(),
            summary=self._words(),
            accounts=[convert.account(a) for a in accounts],
            evaluators=[convert.evaluator(v) for v in system.monitor.views()],
            enforcement=convert.enforcement(enforcement),
            lease=convert.duration(system.settings.lease),
            proof_age=convert.duration(self._messages.proof_age()),
            gate_level=convert.GATE_LEVEL,
            server_version=self._version,
        )

    async def Trigger(self, request: pb.TriggerRequest, context: Context) -> pb.TriggerResponse:
        """Stop. Whatever is odd about the request becomes a warning, never a refusal."""
        warnings: list[str] = []
        scope = self._scope_or_global(request.scope, warnings)
        cause = Cause(
            source=CauseSource.MANUAL,
            reason=cut(request.reason, MAX_REASON_BYTES),
            actor=actor_of(context, requested_by=request.requested_by),
            time=self._system.clock.now(),
        )
        activation = Activation(
            scope=scope,
            action=convert.action(request.action, self._system.settings.default_action),
            cause=cause,
            request_id=_short_id(request.request_id, warnings),
        )
        done = await self._system.trigger(activation, self._wait(request, context, warnings))
        return pb.TriggerResponse(
            stop=convert.stop(done.stop, durable=done.durable),
            summary=self._words(),
            warnings=[*warnings, *done.warnings],
            enforcement=convert.enforcement(done.enforcement),
        )

    async def Reset(self, request: pb.ResetRequest, context: Context) -> pb.ResetResponse:
        """Release a scope."""
        actor = actor_of(context, requested_by=request.requested_by)
        result = await self._system.reset(
            ReleaseRequest(
                revision=request.revision,
                reason=request.reason,
                scope=self._scope_of(request, actor, "reset"),
                actor=actor,
                overrides=frozenset(request.overrides),
                rebaseline=request.rebaseline,
                validate_only=request.validate_only,
                request_id=request.request_id,
                store_id=request.store_id,
            )
        )
        released = result.outcome is Outcome.RELEASED
        return pb.ResetResponse(
            outcome=pb.RESET_OUTCOME_RELEASED if released else pb.RESET_OUTCOME_VALIDATED,
            summary=self._words() if released else _checked(len(result.refusals)),
            state=self._messages.state(),
            refusals=[convert.refusal(r) for r in result.refusals],
        )

    async def HoldFlatten(self, request: pb.HoldFlattenRequest, context: Context) -> pb.HoldFlattenResponse:
        """End cancelling and closing; trading stays blocked."""
        actor = actor_of(context, requested_by=request.requested_by)
        await self._system.hold(
            ReleaseRequest(
                revision=request.revision,
                reason=request.reason,
                scope=self._scope_of(request, actor, "hold"),
                actor=actor,
                request_id=request.request_id,
            )
        )
        return pb.HoldFlattenResponse(state=self._messages.state(), summary=self._words())

    async def WatchState(self, request: pb.WatchStateRequest, context: Context) -> AsyncIterator[bytes]:
        """Send the state at once, on every change and as a heartbeat; ends only with an error status."""
        actor = actor_of(context, claimed=request.subscriber_id)
        if not self._system.controller.serves_streams:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this start is not on disk yet; gates deny until it is")
        self._system.controller.witness(request.store_id, request.highest_revision, actor)
        try:
            gate = self._system.subscribers.opened(
                subscriber_id=cut(request.subscriber_id, MAX_NAME_BYTES),
                session_id=cut(request.session_id, MAX_NAME_BYTES),
                actor=actor,
                scopes=[cut(s, MAX_NAME_BYTES) for s in request.scopes[:MAX_SCOPES]],
                client_version=cut(request.client_version, MAX_NAME_BYTES),
            )
        except CapacityError as full:
            await abort(context, full)
        subscription = self._broadcast.subscribe()
        try:
            yield self._messages.message()
            await subscription.served(context.write, self._seen(gate))
        except BroadcastEndedError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the server is going down; connect elsewhere or again")
        finally:
            subscription.close()
            self._system.subscribers.closed(gate)

    async def AcknowledgeState(
        self,
        request: pb.AcknowledgeStateRequest,
        context: Context,
    ) -> pb.AcknowledgeStateResponse:
        """Note what gates have applied."""
        acks, controller = request.acknowledgements, self._system.controller
        if len(acks) > MOST_ACKNOWLEDGEMENTS:
            raise InvalidRequestError("acknowledgements", f"more than {MOST_ACKNOWLEDGEMENTS}; send several calls")
        if acks:
            # A gate may have seen a lost stop after it said which revision it knows; the newest one covers the others.
            newest = max(acks, key=lambda a: a.revision)
            controller.witness(request.store_id, newest.revision, actor_of(context, claimed=newest.subscriber_id))
        for ack in acks:
            if request.store_id == controller.state.store_id and controller.knows(ack.revision):
                self._system.subscribers.confirm(ack.subscriber_id, ack.session_id, ack.revision)
        return pb.AcknowledgeStateResponse(
            server_instance_id=self._messages.server_instance_id,
            sent_uptime=convert.duration(self._system.clock.uptime()),
        )

    async def ListSubscribers(
        self,
        request: pb.ListSubscribersRequest,
        context: Context,
    ) -> pb.ListSubscribersResponse:
        """List gates: missing ones first, then pending, expired, confirmed."""
        registry = self._system.subscribers
        size, start = page_size(request.page_size, 100, LARGEST_PAGE), page_token(request.page_token)
        gates = [g for g in registry.gates() if not (request.unconfirmed_only and g[1] is SubscriberStatus.CONFIRMED)]
        missing = registry.missing()
        end, skipped = start + size, max(0, start - len(missing))
        # Only what is asked for becomes a message: ten thousand of them would hold up a stop.
        rows = [convert.missing_subscriber(name) for name in missing[start:end]]
        for gate, status in gates[skipped : skipped + size - len(rows)]:
            rows.append(convert.subscriber(gate, status, expected=registry.expects(gate.subscriber_id)))
        return pb.ListSubscribersResponse(
            subscribers=rows,
            next_page_token=str(end) if end < len(missing) + len(gates) else "",
            enforcement=convert.enforcement(registry.enforcement()),
        )

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        """Page through the audit log."""
        size = page_size(request.page_size, 50, LARGEST_PAGE)
        if request.after_sequence and (request.after_sequence < 0 or not request.oldest_first):
            raise InvalidRequestError("after_sequence", "is negative or without oldest_first; set that to true")
        events = await self._system.events(
            after=page_token(request.page_token) or request.after_sequence,
            limit=size,
            ascending=request.oldest_first,
            stop_id=request.stop_id,
            kind=request.kind,
        )
        last = events[-1].sequence if events else 0
        done = len(events) < size or (not request.oldest_first and last == 1)
        return pb.ListEventsResponse(
            events=[convert.event(e) for e in events], next_page_token="" if done else str(last)
        )

    def _seen(self, gate: Subscriber | None) -> Callable[[], None]:
        return partial(self._system.subscribers.seen, gate) if gate else _nothing

    def _words(self) -> str:
        system = self._system
        accounts = tuple(system.flattener.progress().values())
        words = state_in_words(system.controller.state, system.subscribers.enforcement(), accounts)
        return "; ".join(filter(None, (words, system.notice, system.unsafe)))

    def _scope_or_global(self, text: str, warnings: list[str]) -> Scope:
        try:
            return Scope.parse(text)
        except InvalidRequestError as error:
            warnings.append(f"{error}; the global scope was stopped instead")
            return GLOBAL

    def _scope_of(self, request: pb.ResetRequest | pb.HoldFlattenRequest, actor: Actor, verb: str) -> Scope:
        """Read the scope; one that cannot be read is refused, and the refusal logged like every other."""
        try:
            return Scope.parse(request.scope)
        except InvalidRequestError as error:
            facts = {"named_revision": str(request.revision), "reason": cut(request.reason, MAX_REASON_BYTES)}
            controller = self._system.controller
            controller.note(controller.draft(f"{verb}.refused", str(error), actor=actor, facts=facts))
            raise

    def _wait(self, request: pb.TriggerRequest, context: Context, warnings: list[str]) -> timedelta:
        if not request.HasField("wait"):
            return timedelta(0)
        try:
            wanted = timedelta(seconds=convert.seconds(request.wait, "wait"))
        except InvalidRequestError as error:
            warnings.append(f"{error}; not waited")
            return timedelta(0)
        left = context.time_remaining()
        return wanted if left is None else max(timedelta(0), min(wanted, timedelta(seconds=left) - DEADLINE_MARGIN))


def _nothing() -> None:
    """Nobody is counted."""


def _short_id(request_id: str, warnings: list[str]) -> str:
    if len(request_id.encode()) <= MAX_ID_BYTES and (request_id.isprintable() or not request_id):
        return request_id
    warnings.append("request_id: is longer than 64 bytes or not printable; its SHA-256 is used instead")
    return hashlib.sha256(request_id.encode()).hexdigest()


def _checked(refusals: int) -> str:
    if not refusals:
        return "nothing stands in the way"
    return f"{'one thing stands' if refusals == 1 else f'{refusals} things stand'} in the way; nothing was changed"
