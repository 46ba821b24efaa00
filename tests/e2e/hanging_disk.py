"""`ess` on disks that hang: no write of the latch returns while a file named ``hang`` lies beside the data directory.

``python -m tests.e2e.hanging_disk serve ...``: the product's own program with a wrapper around both records.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.app import compose
from ess_server.cli import main
from ess_server.core.model import EventDraft, EventHead, LatchRecord

HANG = "hang"
HANGS_AT_MOST = 60.0
"""Seconds."""


def wait_for_disk(path: Path) -> None:
    """Return when the disk of ``path`` answers again."""
    end = time.monotonic() + HANGS_AT_MOST
    while (path.parent.parent / HANG).exists() and time.monotonic() < end:
        time.sleep(0.005)


class HangingStore(SqlitePolicyStore):
    """``state.db`` on such a disk."""

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead:
        """As the product, once the disk answers."""
        wait_for_disk(self._path)
        return super().commit(record, drafts)


class HangingLatch(LatchFile):
    """``latch`` on such a disk."""

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> None:
        """As the product, once the disk answers."""
        wait_for_disk(self._path)
        super().commit(record, drafts)


if __name__ == "__main__":
    compose.SqlitePolicyStore, compose.LatchFile = HangingStore, HangingLatch
    sys.exit(main())
