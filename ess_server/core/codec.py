"""The latch record as bytes: what both durable stores write and read back."""

import hashlib
from datetime import timedelta

from ess_server.core import canonical
from ess_server.core.errors import InvalidRequestError
from ess_server.core.model import (
    Action,
    Actor,
    Cause,
    CauseSource,
    Credential,
    DelayedFlatten,
    LatchRecord,
    Scope,
    Stop,
)

VERSION = 2
"""Newest format, raised whenever a key is added, so that an older server refuses a record instead of half-reading it.
A record is written in the oldest format that can hold it, so that an older server goes on where nothing new is used:
1, or 2 while a flatten is delayed."""

_RECORD_KEYS = ("v", "store_id", "revision", "floor", "stops", "event_sequence", "event_hash")
_STOP_KEYS = (
    "stop_id",
    "scope",
    "action",
    "revision",
    "activate_time",
    "cause",
    "cause_count",
    "held",
    "request_ids",
)
_CAUSE_KEYS = ("source", "reason", "actor", "time", "evaluator", "reading", "limit")
_ACTOR_KEYS = ("id", "credential", "peer", "requested_by")


def digest(data: bytes) -> bytes:
    """Return the SHA-256 of ``data``, 32 bytes."""
    return hashlib.sha256(data).digest()


def encode_record(record: LatchRecord) -> bytes:
    """Write a record as canonical JSON. Raises ValueError for a time without a zone."""
    version = VERSION if any(stop.flatten for stop in record.stops) else 1
    return canonical.dump(
        {
            "v": version,
            "store_id": record.store_id,
            "revision": record.revision,
            "floor": record.floor,
            "stops": [_stop_to_json(stop, version) for stop in record.stops],
            "event_sequence": record.event_sequence,
            "event_hash": record.event_hash,
        }
    )


def decode_record(data: bytes) -> LatchRecord:
    """Read what ``encode_record`` wrote. Raises ValueError for anything unexpected: nothing is guessed or skipped."""
    read = canonical.load_versioned(data, VERSION, _RECORD_KEYS)
    version = canonical.integer(read["v"])
    stops = tuple(_stop_from_json(stop, version) for stop in canonical.items(read["stops"]))
    if version > 1 and not any(stop.flatten for stop in stops):
        raise ValueError("is in format 2 without a delayed flatten")
    return LatchRecord(
        store_id=canonical.text(read["store_id"]),
        revision=canonical.integer(read["revision"]),
        floor=canonical.integer(read["floor"]),
        stops=stops,
        event_sequence=canonical.integer(read["event_sequence"]),
        event_hash=canonical.text(read["event_hash"]),
    )


def actor_to_json(actor: Actor) -> dict[str, object]:
    """Return an actor as JSON fields."""
    return {
        "id": actor.id,
        "credential": int(actor.credential),
        "peer": actor.peer,
        "requested_by": actor.requested_by,
    }


def actor_from_json(value: object) -> Actor:
    """Read what ``actor_to_json`` returned. Raises ValueError for anything unexpected."""
    read = canonical.fields(value, _ACTOR_KEYS)
    return Actor(
        id=canonical.text(read["id"]),
        credential=Credential(canonical.integer(read["credential"])),
        peer=canonical.text(read["peer"]),
        requested_by=canonical.text(read["requested_by"]),
    )


def _stop_to_json(stop: Stop, version: int) -> dict[str, object]:
    delayed = {"flatten": stop.flatten and _delayed_to_json(stop.flatten)} if version > 1 else {}
    return {
        **delayed,
        "stop_id": stop.stop_id,
        "scope": str(stop.scope),
        "action": int(stop.action),
        "revision": stop.revision,
        "activate_time": canonical.time_text(stop.activate_time),
        "cause": _cause_to_json(stop.cause),
        "cause_count": stop.cause_count,
        "held": stop.held,
        "request_ids": list(stop.request_ids),
    }


def _stop_from_json(value: object, version: int) -> Stop:
    read = canonical.fields(value, (*_STOP_KEYS, "flatten") if version > 1 else _STOP_KEYS)
    delayed = read.get("flatten")
    return Stop(
        stop_id=canonical.text(read["stop_id"]),
        scope=_scope_from_json(read["scope"]),
        action=Action(canonical.integer(read["action"])),
        revision=canonical.integer(read["revision"]),
        activate_time=canonical.time(read["activate_time"]),
        cause=_cause_from_json(read["cause"]),
        cause_count=canonical.integer(read["cause_count"], least=1),
        held=canonical.flag(read["held"]),
        request_ids=tuple(canonical.text(request) for request in canonical.items(read["request_ids"])),
        flatten=None if delayed is None else _delayed_from_json(delayed),
    )


def _delayed_to_json(delayed: DelayedFlatten) -> dict[str, object]:
    return {"time": canonical.time_text(delayed.time), "delay_us": delayed.delay // timedelta(microseconds=1)}


def _delayed_from_json(value: object) -> DelayedFlatten:
    read = canonical.fields(value, ("time", "delay_us"))
    delay = timedelta(microseconds=canonical.integer(read["delay_us"]))
    return DelayedFlatten(time=canonical.time(read["time"]), delay=delay)


def _scope_from_json(value: object) -> Scope:
    try:
        scope = Scope.parse(canonical.text(value))
    except InvalidRequestError as error:
        raise ValueError(str(error)) from None
    if str(scope) != value:
        raise ValueError(f"{value!r} is not how a scope is written")
    return scope


def _cause_to_json(cause: Cause) -> dict[str, object]:
    return {
        "source": int(cause.source),
        "reason": cause.reason,
        "actor": actor_to_json(cause.actor),
        "time": canonical.time_text(cause.time),
        "evaluator": cause.evaluator,
        "reading": cause.reading,
        "limit": cause.limit,
    }


def _cause_from_json(value: object) -> Cause:
    read = canonical.fields(value, _CAUSE_KEYS)
    return Cause(
        source=CauseSource(canonical.integer(read["source"])),
        reason=canonical.text(read["reason"]),
        actor=actor_from_json(read["actor"]),
        time=canonical.time(read["time"]),
        evaluator=canonical.text(read["evaluator"]),
        reading=canonical.text(read["reading"]),
        limit=canonical.text(read["limit"]),
    )
