"""`ess` on disks that hang while a file named ``hang-write`` or ``hang-look`` lies beside the data directory.

The first holds every write of the latch, the second every look at the tripwire.
``python -m tests.e2e.hanging_disk serve ...``: the product's own program with a wrapper around both records.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.adapters.tripwire_file import TripwireFile
from ess_server.app import compose
from ess_server.cli import main
from ess_server.core.model import EventDraft, EventHead, LatchRecord

WRITE, LOOK = "hang-write", "hang-look"
HANGS_AT_MOST = 60.0
"""Seconds."""


def wait_for_disk(data_dir: Path, name: str) -> None:
    """Return when the disk of a data directory answers again."""
    end = time.monotonic() + HANGS_AT_MOST
    while (data_dir.parent / name).exists() and time.monotonic() < end:
        time.sleep(0.005)


class HangingStore(SqlitePolicyStore):
    """``state.db`` on such a disk."""

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> EventHead:
        """As the product, once the disk answers."""
        wait_for_disk(self._path.parent, WRITE)
        return super().commit(record, drafts)


class HangingLatch(LatchFile):
    """``latch`` on such a disk."""

    def commit(self, record: LatchRecord, drafts: Sequence[EventDraft]) -> None:
        """As the product, once the disk answers."""
        wait_for_disk(self._path.parent, WRITE)
        super().commit(record, drafts)


class HangingTripwire(TripwireFile):
    """``tripwire`` on such a disk."""

    def look(self) -> str | None:
        """As the product, once the disk answers."""
        wait_for_disk(self._path.parent, LOOK)
        return super().look()


if __name__ == "__main__":
    compose.SqlitePolicyStore, compose.LatchFile = HangingStore, HangingLatch
    compose.TripwireFile = HangingTripwire
    sys.exit(main())
