"""Events as structured log records: one line of JSON each, through the standard library's logging."""

import json
import logging
from collections import deque
from datetime import timedelta
from threading import Condition, Thread

from ess_server.core.model import EventDraft

CAPACITY = 1_000
TROUBLE = frozenset(
    (
        "doctor.unknown",
        "doctor.unsafe",
        "flatten.incomplete",
        "flatten.late_entries",
        "flatten.reopened",
        "flatten.unknown",
        "server.fault",
        "venue.down",
        "venue.fault",
    )
)
"""Kinds of events that somebody should look at."""

logger = logging.getLogger("ess.events")


class LogEventBus:
    """An ``EventBus`` that logs to ``ess.events``, from a thread of its own.

    Events are logged at INFO, trouble at WARNING, and trouble that lasts (``louder`` in its details) at ERROR.

    A handler that hangs or raises holds up nobody but that thread. While ``CAPACITY`` events wait, further ones are
    dropped; their number, and the last error if handlers raised, is logged as an ``events.dropped`` line at WARNING
    as soon as one can be.
    """

    def __init__(self, logger: logging.Logger = logger, capacity: int = CAPACITY) -> None:
        self._logger = logger
        self._capacity = capacity
        self._turn = Condition()
        self._waiting: deque[EventDraft] = deque()
        self._dropped = self._unsaid = 0
        self._error: dict[str, object] = {}
        self._closing = False
        self._thread = Thread(target=self._run, name="ess-log-events", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Events that were never logged."""
        return self._dropped

    def publish(self, event: EventDraft) -> None:
        """Hand over one event; after ``close`` it is dropped."""
        with self._turn:
            if self._closing or len(self._waiting) >= self._capacity:
                self._dropped += 1
                self._unsaid += 1
            else:
                self._waiting.append(event)
                self._turn.notify()

    def close(self, within: timedelta = timedelta(seconds=1)) -> None:
        """Log what waits, for at most ``within``. Idempotent."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._thread.join(within.total_seconds())

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._closing)
                event = self._waiting.popleft() if self._waiting else None
                unsaid, self._unsaid = self._unsaid, 0
            if unsaid and not self._log(logging.WARNING, {"event": "events.dropped", "count": unsaid, **self._error}):
                self._count_dropped(0, unsaid)
            if event is None:
                return
            if not self._log(_level(event), _fields(event)):
                self._count_dropped(1, 1)

    def _log(self, level: int, fields: dict[str, object]) -> bool:
        try:
            self._logger.log(level, "%s", json.dumps(fields))
        except Exception as error:  # noqa: BLE001 - a handler may raise anything; the next line that works says so
            self._error = {"error": repr(error)}
            return False
        return True

    def _count_dropped(self, dropped: int, unsaid: int) -> None:
        with self._turn:
            self._dropped += dropped
            self._unsaid += unsaid


def _level(event: EventDraft) -> int:
    if event.kind not in TROUBLE:
        return logging.INFO
    return logging.ERROR if "louder" in dict(event.details) else logging.WARNING


def _fields(event: EventDraft) -> dict[str, object]:
    fields: dict[str, object] = {
        "event": event.kind,
        "time": event.time.isoformat(),
        "event_id": event.event_id,
        "revision": event.revision,
        "summary": event.summary,
        "stop_id": event.stop_id,
        "scope": event.scope,
        "actor": event.actor.id,
        "credential": event.actor.credential.name,
        "peer": event.actor.peer,
        "requested_by": event.actor.requested_by,
        "details": dict(event.details),
    }
    return {name: value for name, value in fields.items() if value not in ("", {})}
