"""The tripwire file in the data directory."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ess_server.core.model import MAX_REASON_BYTES


class TripwireFile:
    """Looks for the file on a thread of its own, so that a disk that hangs holds up nothing else.

    ``exists`` says whether it is there, or raises StoreError if that cannot be known.
    """

    def __init__(self, path: Path, exists: Callable[[], bool]) -> None:
        self._path = path
        self._exists = exists
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tripwire")

    async def reason(self) -> str | None:
        """Return what the file says if it exists, else None. Raises StoreError if that cannot be known."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.look)

    def look(self) -> str | None:
        """As ``reason``, blocking; for the time before there is a loop to block."""
        if not self._exists():
            return None
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_REASON_BYTES).decode(errors="replace").strip()
        except OSError:
            text = ""  # it exists, and that is what counts
        return text or "the tripwire file exists"

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)
