"""Latch and audit log in one SQLite file: a transition and its events are one transaction."""

from ess_server.adapters.sqlite_store.store import SqlitePolicyStore

__all__ = ["SqlitePolicyStore"]
