"""A listener that remembers."""

from ess_server.core.model import EventDraft


class RecordingEventBus:
    """An ``EventBus`` that keeps what was published in ``events``, oldest first."""

    def __init__(self) -> None:
        self.events: list[EventDraft] = []

    def publish(self, event: EventDraft) -> None:
        """Keep the event."""
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        """Kinds of the events, oldest first."""
        return [event.kind for event in self.events]
