"""What reporters had to drop: no evaluator has seen it, so a person should know."""

from ess_server.core.controller import EmergencyStopController
from ess_server.core.latch import cut

TOLD_EVERY = 10.0
"""Seconds between two entries of the log at least; what is lost meanwhile is counted into the next one."""
MAX_SOURCE_BYTES = 128


class ReporterLosses:
    """Writes ``telemetry.dropped`` into the log, at a bounded rate."""

    def __init__(self, controller: EmergencyStopController) -> None:
        self._controller = controller
        self._told_at = float("-inf")
        self._untold = 0

    def note(self, source: str, count: int) -> None:
        """Count what ``source`` dropped; a number that is not above zero is none."""
        if count <= 0:
            return
        self._untold += count
        now = self._controller.clock.uptime()
        if now - self._told_at < TOLD_EVERY:
            return
        name = cut(source, MAX_SOURCE_BYTES) or "a reporter without a name"
        words = f"{name} dropped {self._untold} observations that waited too long; no evaluator has seen them"
        facts = {"source": cut(source, MAX_SOURCE_BYTES), "count": str(self._untold)}
        self._controller.note(self._controller.draft("telemetry.dropped", words, facts=facts))
        self._told_at, self._untold = now, 0
