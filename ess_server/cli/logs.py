"""Log lines on stderr: plain for people, JSON for machines."""

import json
import logging
from datetime import UTC, datetime

from ess_server.core.log_queue import LogQueue

LEVELS = ("debug", "info", "warning", "error")


class JsonLines(logging.Formatter):
    """One JSON object a line; an event that is JSON already stands under ``event``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = record.getMessage()
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        try:
            event = json.loads(message) if message.startswith("{") else None
        except ValueError:
            event = None
        line |= {"event": event} if event is not None else {"message": message}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class PlainLines(logging.Formatter):
    """Time in UTC, level, logger, message."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's signature
        """Return the time."""
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def set_up(level: str, *, as_json: bool) -> LogQueue:
    """Send every log record of ``level`` or above to stderr, which nobody has to read; return the queue it goes by."""
    lines = LogQueue()
    lines.setFormatter(JsonLines() if as_json else PlainLines())
    logging.basicConfig(level=level.upper(), handlers=[lines], force=True)
    return lines
