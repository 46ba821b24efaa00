"""Places on disk and in memory, which outlive the stores that are opened on them."""

import shutil
from copy import deepcopy
from pathlib import Path

from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.memory_store import MemoryDisk, MemoryPolicyStore
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.core.ports import PolicyStore


class FilePlace:
    """A place on disk; stores opened here start from what earlier ones left."""

    def __init__(self, path: Path, adapter: type[SqlitePolicyStore | LatchFile]) -> None:
        self.path = path
        self.adapter = adapter
        self.opened: list[PolicyStore] = []

    def open(self) -> PolicyStore:
        """Return a new store on this place."""
        self.opened.append(self.adapter(self.path))
        return self.opened[-1]

    def image(self) -> "FilePlace":
        """Return a copy of what a kill at this moment would leave."""
        target = self.path.parent.with_name(f"{self.path.parent.name}-image")
        shutil.copytree(self.path.parent, target)
        image = FilePlace(target / self.path.name, self.adapter)
        image.opened = self.opened
        return image

    def spoil(self, content: bytes) -> None:
        """Put other bytes in the record's place."""
        self.path.write_bytes(content)

    def content(self) -> dict[str, bytes]:
        """Return every file of the place that is not empty."""
        found = {path.name: path.read_bytes() for path in self.path.parent.iterdir()}
        return {name: content for name, content in found.items() if content}

    def close(self) -> None:
        """Close every store that was opened here."""
        for store in self.opened:
            store.close()


class MemoryPlace:
    """A place in memory, with the same face as a ``FilePlace``."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk

    def open(self) -> PolicyStore:
        """Return a new store on this place."""
        return MemoryPolicyStore(self.disk)

    def image(self) -> "MemoryPlace":
        """Return a copy of what a kill at this moment would leave."""
        return MemoryPlace(deepcopy(self.disk))

    def spoil(self, content: bytes) -> None:
        """Put other bytes in the record's place."""
        self.disk.payload = content

    def content(self) -> dict[str, bytes]:
        """Return the bytes kept."""
        return {"payload": self.disk.payload} if self.disk.payload else {}

    def close(self) -> None:
        """Do nothing."""
