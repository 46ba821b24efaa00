"""How many streams this process can hold open: by configuration, else by what was measured on this machine."""

import resource

from ess_server.config.settings import ServerSettings
from ess_server.core.pace import Pace

KEPT_BACK = 256
"""Open files for the records, the venue process, and calls that have no stream: a trigger must always get in."""
FILES_EACH = 2
"""Connections of one gate: its stream, and the acknowledgements beside it."""


def use_all_files() -> None:
    """Let this process open as many files as the system grants it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def most_streams(server: ServerSettings, pace: Pace) -> int:
    """Return how many streams may be open now. What is configured counts, whatever it costs."""
    if server.max_subscribers:
        return server.max_subscribers
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(pace.capacity, max(1, (files - KEPT_BACK) // FILES_EACH))
