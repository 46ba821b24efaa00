"""What of a state people see, as rows of tables; and whether it allows trading."""

from collections.abc import Iterator
from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.output import millis, name_of, seconds, time_text

GATE_LEVEL = 1
"""Highest level of the contract that this version understands."""

STOP_COLUMNS = ("scope", "action", "since (UTC)", "revision", "on disk", "stop", "cause")
ACCOUNT_COLUMNS = ("account", "venue", "status", "orders", "positions", "read (UTC)", "detail")
EVALUATOR_COLUMNS = (
    "evaluator",
    "scope",
    "mode",
    "status",
    "reading",
    "age",
    "limit",
    "used",
    "tier",
    "near misses",
    "detail",
)

_ID_SHOWN = 8
"""Characters of a stop's id: enough to find it in the log."""
_MINUTE, _HOUR = 60, 3600


def allows(response: pb.GetStateResponse) -> bool:
    """Whether trading is proven to be allowed in every scope: the rule that gates follow."""
    return (
        response.state.status == pb.STOP_STATUS_INACTIVE
        and not response.state.stops
        and response.gate_level <= GATE_LEVEL
        and seconds(response.proof_age) < seconds(response.lease)
    )


def doubts(response: pb.GetStateResponse) -> Iterator[str]:
    """Say why a state in which nothing is stopped does not allow trading."""
    if response.gate_level > GATE_LEVEL:
        yield f"the server speaks level {response.gate_level} of the contract, this command {GATE_LEVEL}: update it"
    if not seconds(response.proof_age) < seconds(response.lease):
        age, lease = millis(response.proof_age), millis(response.lease)
        yield f"the server's proof is {age} old and holds for {lease}: gates deny until it is renewed"


def stop_rows(state: pb.StopState) -> Iterator[tuple[str, ...]]:
    """Yield a row for each latched scope."""
    for stop in state.stops:
        yield (
            stop.scope,
            action_text(stop),
            time_text(stop.activate_time),
            str(stop.revision),
            "yes" if stop.durable else "NOT YET",
            stop.stop_id[:_ID_SHOWN],
            cause_text(stop),
        )


def action_text(stop: pb.Stop) -> str:
    """Name what is being done, and whether a person has held it."""
    return name_of(pb.StopAction, stop.action) + (" held" if stop.held else "")


def flattens(state: pb.StopState, now: datetime) -> Iterator[str]:
    """Say of each stop that waits to be flattened when that will be."""
    for stop in state.stops:
        if stop.HasField("flatten_time"):
            due = stop.flatten_time.ToDatetime(UTC)
            left = max((due - now).total_seconds(), 0.0)
            yield f"{stop.scope} flattens in {left:.0f} s, at {due:%H:%M:%S} UTC, unless held"


def cause_text(stop: pb.Stop) -> str:
    """Say who or what stopped, and why."""
    cause = stop.cause
    who = cause.evaluator or cause.actor.requested_by or cause.actor.id
    more = f" (and {stop.cause_count - 1} more)" if stop.cause_count > 1 else ""
    reason = cause.reason.removeprefix(f"{who}: ") or "no reason given"
    return f"{name_of(pb.CauseSource, cause.source).lower()} by {who}: {reason}{more}"


def account_rows(response: pb.GetStateResponse) -> Iterator[tuple[str, ...]]:
    """Yield a row for each account."""
    for account in response.accounts:
        yield (
            account.account,
            account.venue,
            account_word(account, response.state),
            str(account.open_orders) if account.HasField("open_orders") else "?",
            str(account.open_positions) if account.HasField("open_positions") else "?",
            time_text(account.read_time),
            account.detail,
        )


def evaluator_rows(response: pb.GetStateResponse) -> Iterator[tuple[str, ...]]:
    """Yield a row for each evaluator."""
    for one in response.evaluators:
        yield (
            one.name,
            one.scope,
            "shadow" if one.shadow else "live",
            name_of(pb.EvaluatorStatus, one.status),
            one.reading,
            age_text(one.reading_age) if one.HasField("reading_age") else "",
            one.limit,
            f"{one.limit_used:.0%}" if one.HasField("limit_used") else "",
            f"{one.tier_percent} %" if one.tier_percent else "",
            str(one.near_misses),
            detail_text(one),
        )


def detail_text(one: pb.EvaluatorState) -> str:
    """Say what the last verdict says, and what it last could not tell if that is over."""
    if not one.last_error or one.last_error == one.detail:
        return one.detail
    error = f"last error {time_text(one.last_error_time)}: {one.last_error}"
    return f"{one.detail} ({error})" if one.detail else error


def age_text(age: Duration) -> str:
    """Return an age as people read it."""
    old = seconds(age)
    if old < _MINUTE:
        return f"{old:.1f} s"
    return f"{old / _MINUTE:.0f} min" if old < _HOUR else f"{old / _HOUR:.1f} h"


def account_word(account: pb.AccountProgress, state: pb.StopState) -> str:
    """Name where an account stands; ``-`` where nothing is to be cancelled or closed."""
    blocks = {s.stop_id for s in state.stops if s.action == pb.STOP_ACTION_BLOCK and not s.held}
    idle = account.status == pb.FLATTEN_STATUS_PENDING and account.stop_id in blocks
    return "-" if idle or not account.stop_id else flatten_word(account.status)


def flatten_word(status: int) -> str:
    """Name where a flatten stands."""
    return "-" if not status else name_of(pb.FlattenStatus, status)


def gates_text(enforcement: pb.Enforcement) -> str:
    """Say how many gates are known to deny, and name those that are not."""
    if not enforcement.expected:
        return "gates: none is connected or expected"
    counts = [
        (enforcement.expired, "lease expired"),
        (enforcement.pending, "PENDING"),
        (enforcement.missing, "MISSING"),
    ]
    parts = [f"{enforcement.confirmed} of {enforcement.expected} confirmed"]
    parts += [f"{count} {word}" for count, word in counts if count]
    took = f" in {millis(enforcement.elapsed)}" if enforcement.HasField("elapsed") else ""
    names = f"; not confirmed: {', '.join(enforcement.unconfirmed)}" if enforcement.unconfirmed else ""
    return f"gates: {', '.join(parts)}{took}{names}"
