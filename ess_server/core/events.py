"""Entries of the audit log, and the two that carry what happened as objects."""

from dataclasses import dataclass, fields
from typing import Any, Self

from ess_server.core.model import EventDraft, Stop


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
