"""What of a state people see, as rows of tables; and whether it allows trading."""

from collections.abc import Iterator

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.output import millis, name_of, seconds, time_text

GATE_LEVEL = 1
"""Highest level of the contract that this version understands."""

STOP_COLUMNS = ("scope", "action", "since (UTC)", "revision", "on disk", "cause")
ACCOUNT_COLUMNS = ("account", "venue", "status", "orders", "positions", "read (UTC)", "detail")
EVALUATOR_COLUMNS = ("evaluator", "scope", "mode", "status", "reading", "limit", "used", "detail")


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
            name_of(pb.StopAction, stop.action),
            time_text(stop.activate_time),
            str(stop.revision),
            "yes" if stop.durable else "NOT YET",
            cause_text(stop),
        )


def cause_text(stop: pb.Stop) -> str:
    """Say who or what stopped, and why."""
    cause = stop.cause
    who = cause.evaluator or cause.actor.requested_by or cause.actor.id
    more = f" (and {stop.cause_count - 1} more)" if stop.cause_count > 1 else ""
    return f"{name_of(pb.CauseSource, cause.source).lower()} by {who}: {cause.reason or 'no reason given'}{more}"


def account_rows(response: pb.GetStateResponse) -> Iterator[tuple[str, ...]]:
    """Yield a row for each account."""
    for account in response.accounts:
        yield (
            account.account,
            account.venue,
            flatten_word(account.status) if account.stop_id else "-",
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
            one.limit,
            f"{one.limit_used:.0%}" if one.HasField("limit_used") else "",
            one.detail,
        )


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
