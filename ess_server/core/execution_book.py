"""The execution reports of one account, and what those of the last seconds add up to."""

from collections import deque

from ess_server.core.execution_window import MAX_EXECUTIONS, ExecutionTally, ExecutionWindow
from ess_server.core.readings import ExecutionReport
from ess_server.core.recent_ids import RecentIds

MAX_WINDOWS = 16
"""Windows of different length that are kept up to date; of more, all are made anew when next asked for."""


class ExecutionBook:
    """One account. Not thread-safe. Nothing survives the process."""

    def __init__(self) -> None:
        self._ids = RecentIds()
        self._reports: deque[ExecutionReport] = deque(maxlen=MAX_EXECUTIONS)
        self._windows: dict[tuple[float, bool], ExecutionWindow] = {}

    def add(self, report: ExecutionReport) -> bool:
        """Take a report, kept in the order of arrival by uptime; False if its id is known."""
        if not self._ids.add(report.id):
            return False
        overtaken = []
        while self._reports and self._reports[-1].received > report.received:
            overtaken.append(self._reports.pop())
        self._reports.append(report)
        if overtaken:
            self._reports.extend(reversed(overtaken))
            self._windows.clear()
        for window in self._windows.values():
            window.add(report)
        return True

    def since(self, since: float) -> list[ExecutionReport]:
        """Return the reports received at or after uptime ``since``, oldest first."""
        found = []
        for report in reversed(self._reports):
            if report.received < since:
                break
            found.append(report)
        return found[::-1]

    def tally(self, length: float, until: float, *, repeats: bool = False) -> ExecutionTally:
        """Return what the reports of the ``length`` seconds before uptime ``until`` add up to."""
        window = self._windows.get((length, repeats))
        if window is None:
            if len(self._windows) >= MAX_WINDOWS:
                self._windows.clear()
            window = ExecutionWindow(length, self._reports, repeats=repeats)
            self._windows[length, repeats] = window
        return window.tally(until)
