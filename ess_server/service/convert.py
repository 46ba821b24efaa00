"""Domain to protobuf and back; the only module that names both."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.core.errors import InvalidRequestError, Refusal
from ess_server.core.model import (
    AccountProgress,
    Action,
    Actor,
    Cause,
    EmergencyState,
    Event,
    EventHead,
    Stop,
)
from ess_server.core.subscribers import Enforcement, Subscriber, SubscriberStatus
from ess_server.core.watched import EvaluatorView

GATE_LEVEL = 1
NANOS = 1_000_000_000
LONGEST = 315_576_000_000
"""Seconds that a protobuf Duration may hold, by its definition."""


def timestamp(time: datetime) -> Timestamp:
    """Convert aware UTC."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def duration(seconds: float | timedelta) -> Duration:
    """Convert seconds or a timedelta, to the nanosecond."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    nanos = round(seconds * NANOS)
    return Duration(seconds=nanos // NANOS, nanos=nanos % NANOS)


def seconds(value: Duration, field: str) -> float:
    """Return a duration in seconds. Raises InvalidRequestError for one that is negative or malformed."""
    total = value.seconds + value.nanos / NANOS
    if not 0 <= total <= LONGEST or abs(value.nanos) >= NANOS:
        raise InvalidRequestError(field, f"{value.seconds}s {value.nanos}ns is not a duration of zero or more")
    return total


def action(value: int, default: Action) -> Action:
    """Read an action; unset and unknown numbers are the configured one, because a trigger is never refused."""
    try:
        return Action(value)
    except ValueError:
        return default


def actor(value: Actor) -> pb.Actor:
    """Convert an actor."""
    return pb.Actor(
        id=value.id,
        credential=pb.Credential.Name(value.credential),
        peer=value.peer,
        requested_by=value.requested_by,
    )


def cause(value: Cause) -> pb.Cause:
    """Convert a cause."""
    return pb.Cause(
        source=pb.CauseSource.Name(value.source),
        evaluator=value.evaluator,
        reason=value.reason,
        actor=actor(value.actor),
        cause_time=timestamp(value.time),
        reading=value.reading,
        limit=value.limit,
    )


def stop(value: Stop, *, durable: bool) -> pb.Stop:
    """Convert a stop."""
    return pb.Stop(
        stop_id=value.stop_id,
        scope=str(value.scope),
        action=pb.StopAction.Name(value.action),
        revision=value.revision,
        activate_time=timestamp(value.activate_time),
        cause=cause(value.cause),
        cause_count=value.cause_count,
        durable=durable,
        flatten_time=timestamp(value.flatten.time) if value.flatten else None,
        held=value.held,
    )


def state(
    value: EmergencyState, *, durable_revision: int, warnings: Iterable[EvaluatorView], installation: str
) -> pb.StopState:
    """Convert the gate state. Status is ACTIVE for anything but a proven empty list of stops."""
    return pb.StopState(
        store_id=value.store_id,
        revision=value.revision,
        status=pb.STOP_STATUS_ACTIVE if value.active else pb.STOP_STATUS_INACTIVE,
        stops=[stop(s, durable=s.revision <= durable_revision) for s in value.stops],
        warnings=[pb.Warning(evaluator=w.name, scope=str(w.scope), tier_percent=w.tier_percent) for w in warnings],
        installation=installation,
    )


def evaluator(value: EvaluatorView) -> pb.EvaluatorState:
    """Convert the last verdict of an evaluator."""
    measure = value.measure
    return pb.EvaluatorState(
        name=value.name,
        kind=value.kind,
        scope=str(value.scope),
        action=pb.StopAction.Name(value.action),
        shadow=value.shadow,
        status=pb.EvaluatorStatus.Name(value.status.value),
        reading=decimal(measure.value) if measure else "",
        limit=decimal(measure.limit) if measure else "",
        limit_used=measure.limit_used if measure else None,
        read_time=timestamp(measure.time) if measure else None,
        detail=value.detail,
        tier_percent=value.tier_percent,
        near_misses=value.near_misses,
        last_error=value.error,
        last_error_time=timestamp(value.error_time) if value.error_time else None,
        reading_age=duration(value.age) if value.age is not None else None,
    )


def decimal(value: Decimal) -> str:
    """Write a decimal without exponent, to at most 8 places."""
    try:
        value = round(value, 8)
    except InvalidOperation:  # more digits than the context holds; then the fraction does not matter
        return f"{value:f}"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def account(value: AccountProgress) -> pb.AccountProgress:
    """Convert the progress of an account."""
    return pb.AccountProgress(
        account=value.account,
        venue=value.venue,
        status=pb.FlattenStatus.Name(value.status),
        open_orders=value.open_orders,
        open_positions=value.open_positions,
        read_time=timestamp(value.read_time) if value.read_time else None,
        detail=value.detail,
        stop_id=value.stop_id,
    )


def enforcement(value: Enforcement) -> pb.Enforcement:
    """Convert the counts."""
    return pb.Enforcement(
        revision=value.revision,
        expected=value.expected,
        confirmed=value.confirmed,
        expired=value.expired,
        pending=value.pending,
        missing=value.missing,
        elapsed=duration(value.elapsed) if value.elapsed is not None else None,
        unconfirmed=value.unconfirmed,
    )


def refusal(value: Refusal) -> pb.Refusal:
    """Convert a refusal."""
    return pb.Refusal(reason=value.reason, detail=value.detail, overridable=value.overridable)


def subscriber(value: Subscriber, status: SubscriberStatus, *, expected: bool) -> pb.Subscriber:
    """Convert a gate."""
    return pb.Subscriber(
        subscriber_id=value.subscriber_id,
        session_id=value.session_id,
        status=pb.SubscriberStatus.Name(status.value),
        expected=expected,
        actor=actor(value.actor),
        revision=value.confirmed_revision,
        confirm_duration=duration(value.confirm_duration) if value.confirm_duration is not None else None,
        connect_time=timestamp(value.connect_time),
        last_seen_time=timestamp(value.last_seen_time),
        scopes=value.scopes,
        client_version=value.client_version,
    )


def missing_subscriber(name: str) -> pb.Subscriber:
    """Make the entry of a gate that is expected and was never seen."""
    return pb.Subscriber(subscriber_id=name, status=pb.SUBSCRIBER_STATUS_MISSING, expected=True)


def event(value: Event) -> pb.Event:
    """Convert an entry of the audit log."""
    entry = value.draft
    return pb.Event(
        sequence=value.sequence,
        event_time=timestamp(entry.time),
        kind=entry.kind,
        stop_id=entry.stop_id,
        scope=entry.scope,
        revision=entry.revision,
        actor=actor(entry.actor),
        summary=entry.summary,
        details=dict(entry.details),
        record=value.record,
        previous_hash=value.previous_hash,
        hash=value.hash,
    )


def event_head(value: EventHead) -> pb.EventHead:
    """Convert the head of the log."""
    return pb.EventHead(sequence=value.sequence, hash=value.hash)
