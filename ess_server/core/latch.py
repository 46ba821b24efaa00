"""The latch as pure functions: how a state gains, keeps and loses stops. No clock, no I/O, no identifiers made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ess_server.core.model import (
    GLOBAL,
    MAX_CAUSE_REASON_BYTES,
    MAX_REQUEST_IDS,
    MAX_STOPS,
    Action,
    Cause,
    DelayedFlatten,
    EmergencyState,
    Scope,
    Stop,
)

ELLIPSIS_MARK = " [cut]"
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")
MAX_TEXT_BYTES = 128
"""Longest name in a cause. A record that grows without bound ends up not fitting its place on disk."""
MAX_NUMBER_BYTES = 64
MAX_REQUEST_ID_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What a trigger asks for. ``request_id`` may be empty.

    With a ``flatten_delay`` above zero the stop is raised to FLATTEN after it, unless a person holds or releases it.
    """

    scope: Scope
    action: Action
    cause: Cause
    request_id: str = ""
    flatten_delay: timedelta = timedelta(0)


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` bytes of UTF-8; what was cut is marked. Never fails.

    Control characters become spaces: they could hide text on a terminal, and take six bytes each on disk.
    """
    raw = text.translate(_CONTROLS).encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - len(ELLIPSIS_MARK)].decode(errors="ignore") + ELLIPSIS_MARK


def standing_request(state: EmergencyState, activation: Activation) -> Stop | None:
    """Return the standing stop that this very request has made already, or None.

    A repeated id that asks for another scope or for more than the stop does is a new request: an id must
    never be a way to lose a stop.
    """
    stop = state.stop_for(place(state, activation.scope))
    if stop is None or not activation.request_id or activation.request_id not in stop.request_ids:
        return None
    return stop if activation.action <= stop.action else None


def activate(
    state: EmergencyState,
    activation: Activation,
    *,
    revision: int,
    stop_id: str,
    flatten: DelayedFlatten | None = None,
) -> EmergencyState:
    """Latch or join a stop at ``revision``, which must be new. An action only ever rises.

    ``flatten`` is when it is to be raised to FLATTEN, None for as it stands. One scope more than a gate message
    carries becomes a global stop (contract, ``StopState.stops``).
    """
    scope = place(state, activation.scope)
    standing = state.stop_for(scope)
    if standing is not None:
        return state.with_stop(_joined(standing, activation, revision, flatten))
    cause = _bounded(activation.cause)
    latched = Stop(
        stop_id=stop_id,
        scope=scope,
        action=activation.action,
        revision=revision,
        activate_time=cause.time,
        cause=cause,
        request_ids=_kept_ids(activation.request_id),
        flatten=None if activation.action is Action.FLATTEN else flatten,
    )
    return state.with_stop(latched)


def _joined(standing: Stop, activation: Activation, revision: int, flatten: DelayedFlatten | None) -> Stop:
    action = max(standing.action, activation.action)
    return replace(
        standing,
        action=action,
        revision=revision,
        cause_count=standing.cause_count + 1,
        held=standing.held and action is Action.BLOCK,
        request_ids=(*standing.request_ids, *_kept_ids(activation.request_id))[-MAX_REQUEST_IDS:],
        flatten=None if action is Action.FLATTEN else flatten or standing.flatten,
    )


def facts(stop: Stop, activation: Activation) -> dict[str, str]:
    """Return what the audit log keeps of an activation and of the stop that it made; what is empty is left out."""
    cause = activation.cause
    return {
        "action": stop.action.name,
        "source": cause.source.name,
        "evaluator": cause.evaluator,
        "reading": cause.reading,
        "limit": cause.limit,
        "request_id": activation.request_id,
        "flatten_time": stop.flatten.time.isoformat(timespec="milliseconds") if stop.flatten else "",
    }


def place(state: EmergencyState, scope: Scope) -> Scope:
    """Return the scope that a stop of ``scope`` is latched in: its own, or global where there is no room for more."""
    full = len(state.stops) >= MAX_STOPS - (scope != GLOBAL)
    return GLOBAL if full and state.stop_for(scope) is None else scope


def _bounded(cause: Cause) -> Cause:
    actor = cause.actor
    return replace(
        cause,
        reason=cut(cause.reason, MAX_CAUSE_REASON_BYTES),
        evaluator=cut(cause.evaluator, MAX_TEXT_BYTES),
        reading=cut(cause.reading, MAX_NUMBER_BYTES),
        limit=cut(cause.limit, MAX_NUMBER_BYTES),
        actor=replace(
            actor,
            id=cut(actor.id, MAX_TEXT_BYTES),
            peer=cut(actor.peer, MAX_TEXT_BYTES),
            requested_by=cut(actor.requested_by, MAX_TEXT_BYTES),
        ),
    )


def _kept_ids(request_id: str) -> tuple[str, ...]:
    """Return what to remember of an id. One that is long or not text is not cut: it could pass for another's."""
    fits = 0 < len(request_id.encode("utf-8", "replace")) <= MAX_REQUEST_ID_BYTES
    return (request_id,) if fits and request_id.isprintable() else ()


def covered(state: EmergencyState, scope: Scope) -> tuple[Stop, ...]:
    """Return the stops that releasing or holding ``scope`` would touch."""
    return tuple(s for s in state.stops if s.covers(scope))


def release(state: EmergencyState, scope: Scope, *, revision: int) -> EmergencyState:
    """Return the state without the stops that ``scope`` covers, at ``revision``."""
    return replace(state, revision=revision, stops=tuple(s for s in state.stops if not s.covers(scope)))


def hold(state: EmergencyState, scope: Scope, *, revision: int) -> EmergencyState:
    """Return the state with the covered stops lowered to BLOCK and marked held, at ``revision``."""
    stops = tuple(
        replace(s, action=Action.BLOCK, held=True, flatten=None, revision=revision) if s.covers(scope) else s
        for s in state.stops
    )
    return replace(state, revision=revision, stops=stops)


def union(states: Sequence[tuple[Stop, ...]]) -> tuple[Stop, ...]:
    """Merge stops scope by scope: strongest action, highest revision, earliest flatten, held only if all say so."""
    merged: dict[Scope, Stop] = {}
    for stop in (s for stops in states for s in stops):
        other = merged.get(stop.scope)
        if other is None:
            merged[stop.scope] = stop
            continue
        newer = max(stop, other, key=lambda s: s.revision)
        action = max(stop.action, other.action)
        delayed = [s.flatten for s in (stop, other) if s.flatten and action is not Action.FLATTEN]
        merged[stop.scope] = replace(
            newer,
            action=action,
            held=stop.held and other.held and action is Action.BLOCK,
            flatten=min(delayed, key=lambda d: d.time, default=None),
        )
    return tuple(merged.values())
