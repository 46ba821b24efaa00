"""Metrics in memory: for tests, for ``--ephemeral`` and for replays. Nothing survives the process."""

from ess_server.core.account_books import AccountBooks


class MemoryMetricsRepository(AccountBooks):
    """A ``MetricsRepository`` without a disk."""
