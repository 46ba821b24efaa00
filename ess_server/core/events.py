"""Entries of the audit log, and the two that carry what happened as objects."""

import logging
from dataclasses import dataclass, fields
from typing import Any, Self

from ess_server.core.model import EventDraft, Stop
from ess_server.core.ports import EventBus

_log = logging.getLogger("ess.events")


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


class FanOut:
    """An ``EventBus`` that hands each event to several others. One that raises keeps it from none of them."""

    def __init__(self, *buses: EventBus) -> None:
        self._buses = list(buses)

    def add(self, bus: EventBus) -> None:
        """Hand later events to ``bus`` as well."""
        self._buses.append(bus)

    def publish(self, event: EventDraft) -> None:
        """Hand over one event."""
        for bus in self._buses:
            try:
                bus.publish(event)
            except Exception:  # noqa: BLE001 - a listener is optional, the stop is not
                _log.exception("an event bus failed")
