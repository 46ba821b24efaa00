"""Entries of the audit log, and the two that carry what happened as objects."""

from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

from ess_server.core.model import SERVER, Actor, EmergencyState, EventDraft, Stop
from ess_server.core.ports import Clock


class _Source(Protocol):
    """Where a draft takes its time, number and identifier from."""

    clock: Clock

    @property
    def state(self) -> EmergencyState: ...
    def new_id(self) -> str: ...


def draft(kind: str, summary: str, source: _Source, *, actor: Actor = SERVER, **facts: str) -> EventDraft:
    """Make an entry at the present revision; ``stop_id`` and ``scope`` become fields, other facts details."""
    stop_id, scope = facts.pop("stop_id", ""), facts.pop("scope", "")
    return EventDraft(
        event_id=source.new_id(),
        kind=kind,
        time=source.clock.now(),
        summary=summary,
        revision=source.state.revision,
        actor=actor,
        stop_id=stop_id,
        scope=scope,
        details=tuple(sorted(facts.items())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyStopEvent(EventDraft):
    """A stop was latched, joined or raised; ``stop`` is how it stands after it."""

    stop: Stop

    @classmethod
    def of(cls, entry: EventDraft, *, revision: int, stop: Stop) -> Self:
        """Make the event from its log entry."""
        return cls(**_fields(entry) | {"revision": revision}, stop=stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyResetEvent(EventDraft):
    """A person released or held stops; ``stops`` are those touched, as they stood before."""

    stops: tuple[Stop, ...]

    @classmethod
    def of(cls, entry: EventDraft, *, revision: int, stops: tuple[Stop, ...]) -> Self:
        """Make the event from its log entry."""
        return cls(**_fields(entry) | {"revision": revision}, stops=stops)


def _fields(entry: EventDraft) -> dict[str, Any]:
    return {f.name: getattr(entry, f.name) for f in fields(EventDraft)}
