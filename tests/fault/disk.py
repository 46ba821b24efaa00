"""A disk as it is left by a loss of power: what was synced is there, what was not may be, in part and torn.

Fed with the system calls of a life, as strace writes them. A name is on the disk once its directory was synced, content
once its file was; a sector of 512 bytes is written whole or not at all.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

SECTOR = 512
CHANGING = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,rename,renameat,renameat2,"
    "unlink,unlinkat,link,linkat,symlink,fsync,fdatasync,sync_file_range,copy_file_range,sendfile"
)
"""Calls that change a file or a directory; one of them that is not understood here is an error."""
_BEGUN = re.compile(r"^(?P<thread>\d+) +(?P<call>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
_TEXT = re.compile(r'[<"]((?:\\x[0-9a-f]{2})*)[>"]')
_RESULT = re.compile(r"= (-?\d+)[^=]*$")
_UNFINISHED = "<unfinished ...>"

Image = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes written at an offset, or, without any, a file cut to ``offset``."""

    offset: int
    data: bytes | None

    def on(self, content: bytes) -> bytes:
        """Return the content after the change."""
        if self.data is None:
            return content[: self.offset].ljust(self.offset, b"\0")
        return content[: self.offset].ljust(self.offset, b"\0") + self.data + content[self.offset + len(self.data) :]

    def torn(self, rng: random.Random) -> Iterator["Change"]:
        """Return those sectors of it that reached the disk."""
        if self.data is None:
            yield self
            return
        begin, end = self.offset, self.offset + len(self.data)
        edges = [begin, *range(begin - begin % SECTOR + SECTOR, end, SECTOR), end]
        for left, right in pairwise(edges):
            if rng.random() < 0.5:
                yield Change(left, self.data[left - begin : right - begin])


@dataclass(slots=True)
class _Node:
    """A file: what is on the disk, and what waits to be."""

    settled: bytes = b""
    waiting: tuple[Change, ...] = ()

    def sync(self) -> None:
        self.settled, self.waiting = _applied(self.settled, self.waiting), ()


def _applied(content: bytes, changes: tuple[Change, ...]) -> bytes:
    for change in changes:
        content = change.on(content)
    return content


@dataclass(frozen=True)
class Moment:
    """The disk between two calls, and what had been told by then."""

    name: str
    told: tuple[str, ...]
    settled: Mapping[str, int]
    renames: tuple[tuple[str, int | None], ...]
    files: tuple[tuple[bytes, tuple[Change, ...]], ...]

    def only_synced(self) -> Image:
        """Return what is left if nothing reached the disk that was not synced."""
        return {name: self.files[node][0] for name, node in self.settled.items()}

    def in_part(self, rng: random.Random) -> Image:
        """Return what is left if some of the rest did, in any order, torn; names go to the disk in their order."""
        names = dict(self.settled)
        for name, node in self.renames[: rng.randint(0, len(self.renames))]:
            if node is None:
                names.pop(name, None)
            else:
                names[name] = node
        return {name: self._part(node, rng) for name, node in names.items()}

    def _part(self, node: int, rng: random.Random) -> bytes:
        content, waiting = self.files[node]
        for change in waiting:
            fate = rng.random()
            if fate < 0.4:
                content = change.on(content)
            elif fate < 0.7:
                content = _applied(content, tuple(change.torn(rng)))
        return content


@dataclass
class Disk:
    """One directory, and the calls that change it."""

    directory: str
    told_path: str
    nodes: list[_Node] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    renames: list[tuple[str, int | None]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, directory: Path, told: Path, lines: Iterable[str]) -> "Disk":
        """Return the disk with all that a directory holds; ``lines`` are what was told until now."""
        disk = cls(str(directory), str(told), told=list(lines))
        for path in directory.iterdir():
            disk.names[path.name] = len(disk.nodes)
            disk.nodes.append(_Node(path.read_bytes()))
        disk.settled = dict(disk.names)
        return disk

    def moments(self, log: str) -> Iterator[Moment]:
        """Follow a log of strace, and yield the disk after each call that changed something."""
        waiting: dict[str, tuple[str, str]] = {}
        yield self._moment("before the first call")
        for number, line in enumerate(log.splitlines(), 1):
            resumed = _RESUMED.match(line)
            if resumed:
                call, begun = waiting.pop(resumed["thread"])
                if call in ("write", "pwrite64"):
                    continue
                rest = begun + resumed["rest"]
            else:
                found = _BEGUN.match(line)
                if not found:
                    continue
                call, rest = found["call"], found["rest"]
                if rest.endswith(_UNFINISHED):
                    waiting[found["thread"]] = call, rest.removesuffix(_UNFINISHED)
                    if call not in ("write", "pwrite64"):
                        continue
            if self._changed(call, rest):
                yield self._moment(f"after call {number}, {call}")

    def _moment(self, name: str) -> Moment:
        files = tuple((node.settled, node.waiting) for node in self.nodes)
        return Moment(name, tuple(self.told), dict(self.settled), tuple(self.renames), files)

    def _changed(self, call: str, rest: str) -> bool:
        """Take in one call that has ended, or a write that has begun."""
        result = _RESULT.search(rest)
        if result and int(result[1]) < 0:
            return False
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(rest)]
        match call:
            case "write" | "pwrite64":
                return self._write(texts, rest)
            case "openat":
                return "O_CREAT" in rest and self._open(self._name(texts[1]), rest)
            case "ftruncate":
                self._append(texts[0], Change(int(rest.rpartition(">, ")[2].split(")")[0]), None))
            case "rename":
                self._rename(self._name(texts[0]), self._name(texts[1]))
            case "unlink":
                self._unlink(self._name(texts[0]))
            case "fsync" | "fdatasync":
                self._sync(texts[0])
            case _:
                raise ValueError(f"a call that the disk does not know: {call}({rest[:200]}")
        return True

    def _write(self, texts: list[bytes], rest: str) -> bool:
        if texts[0].decode() == self.told_path:
            self.told += texts[1].decode().splitlines()
            return True
        found = re.search(r'", (\d+), (\d+)', rest)
        if found is None:
            raise ValueError(f"not all of a write is known: {rest[-200:]}")
        if int(found[1]) != len(texts[1]):
            raise ValueError(f"a write was cut short in the log: {found[1]} bytes, {len(texts[1])} known")
        self._append(texts[0], Change(int(found[2]), texts[1]))
        return True

    def _open(self, name: str, rest: str) -> bool:
        if "O_TRUNC" in rest:
            raise ValueError(f"opening {name} cuts it")
        if name in self.names:
            return False
        self._put(name, len(self.nodes))
        self.nodes.append(_Node())
        return True

    def _rename(self, old: str, new: str) -> None:
        node = self.names.pop(old)
        self.renames.append((old, None))
        self._put(new, node)

    def _unlink(self, name: str) -> None:
        del self.names[name]
        self.renames.append((name, None))

    def _put(self, name: str, node: int) -> None:
        self.names[name] = node
        self.renames.append((name, node))

    def _append(self, path: bytes, change: Change) -> None:
        node = self.nodes[self.names[self._name(path)]]
        node.waiting = (*node.waiting, change)

    def _sync(self, path: bytes) -> None:
        if path.decode() == self.directory:
            self.settled, self.renames = dict(self.names), []
        else:
            self.nodes[self.names[self._name(path)]].sync()

    def _name(self, path: bytes) -> str:
        directory, _, name = path.decode().rpartition("/")
        if directory != self.directory:
            raise ValueError(f"{path!r} is not in {self.directory}")
        return name
