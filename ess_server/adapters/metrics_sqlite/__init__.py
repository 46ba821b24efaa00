"""Metrics in memory with a SQLite file behind them (``metrics.db``), written by a thread of its own."""

from ess_server.adapters.metrics_sqlite.file import connect
from ess_server.adapters.metrics_sqlite.repository import SqliteMetricsRepository

__all__ = ["SqliteMetricsRepository", "connect"]
