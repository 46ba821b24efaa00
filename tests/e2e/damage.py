"""Images of one data directory, taken while its server stood still: what a crash leaves; and what damages them."""

import asyncio
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.adapters.latch_file import SLOT_BYTES, LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from tests.e2e.process import ServerProcess, eventually

FLATTEN, BLOCK = pb.STOP_ACTION_FLATTEN, pb.STOP_ACTION_BLOCK
Damage = Callable[["Images", Path], None]


@dataclass(frozen=True)
class Images:
    """Copies of one data directory at different times, and of another store."""

    earlier: Path
    """``account/a`` is stopped (FLATTEN)."""
    standing: Path
    """``strategy/b`` is stopped too (BLOCK)."""
    released: Path
    """Nothing is stopped any more."""
    foreign: Path
    """Nothing is stopped in another store."""
    revision: int
    """Of ``released``."""


async def take(server: ServerProcess, name: str) -> Path:
    """Copy the data directory as it is at one moment, in which both records say the same.

    A stop is answered when the first of them holds it; the other one may be some milliseconds behind.
    """
    image = server.data_dir.parent / name

    async def taken() -> bool:
        await server.freeze()
        shutil.rmtree(image, ignore_errors=True)
        shutil.copytree(server.data_dir, image)
        server.signal(signal.SIGCONT)
        return agree(image)

    await eventually(taken)
    return image


def agree(image: Path) -> bool:
    """Whether both records of an image show the same revision; looked up in a copy, for opening one may change it."""
    with tempfile.TemporaryDirectory() as directory:
        data = shutil.copytree(image, Path(directory) / "data")
        with closing(SqlitePolicyStore(data / "state.db")) as state, closing(LatchFile(data / "latch")) as latch:
            found = [store.load().record for store in (state, latch)]
    return None not in found and len({record.revision for record in found if record}) == 1


async def take_all(directory: Path) -> Images:
    """Go through the life of a data directory."""
    server, other = ServerProcess(directory / "data"), ServerProcess(directory / "other")
    try:
        await asyncio.gather(server.start(), other.start())
        await asyncio.gather(server.reset(), other.reset())
        await server.trigger("account/a", FLATTEN)
        earlier = await take(server, "earlier")
        await server.trigger("strategy/b", BLOCK)
        standing = await take(server, "standing")
        await server.reset("account/a")
        revision = (await server.reset("strategy/b")).revision
        released = await take(server, "released")
        return Images(earlier, standing, released, await take(other, "foreign"), revision)
    finally:
        await asyncio.gather(server.kill(), other.kill())


def missing(*names: str) -> Damage:
    """Files that are gone."""

    def do(_: Images, data: Path) -> None:
        for name in names:
            (data / name).unlink()

    return do


def cut(name: str, share: float) -> Damage:
    """Only this share of the file is left."""

    def do(_: Images, data: Path) -> None:
        content = (data / name).read_bytes()
        (data / name).write_bytes(content[: int(len(content) * share)])

    return do


def flipped(name: str, offset: int) -> Damage:
    """One bit at an offset is another one."""

    def do(_: Images, data: Path) -> None:
        content = bytearray((data / name).read_bytes())
        content[offset] ^= 1
        (data / name).write_bytes(content)

    return do


def flipped_in_record(name: str) -> Damage:
    """One bit of the newest record, where it tells its scopes, is another one."""

    def do(images: Images, data: Path) -> None:
        place = (data / name).read_bytes().rfind(b"account")
        assert place >= 0
        flipped(name, place)(images, data)

    return do


def folded(damage: Damage) -> Damage:
    """The damage is done after a clean end, which leaves no write-ahead log to read instead."""

    def do(images: Images, data: Path) -> None:
        with closing(sqlite3.connect(data / "state.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(images, data)

    return do


def taken_from(image: Callable[[Images], Path], *names: str) -> Damage:
    """Files are those of another image."""

    def do(images: Images, data: Path) -> None:
        for name in names:
            shutil.copy(image(images) / name, data / name)

    return do


DATABASE = ("state.db", "state.db-wal")
DAMAGED: Mapping[str, Mapping[str, Damage]] = {
    "missing": {
        "state.db": missing("state.db"),
        "state.db and its log": missing(*DATABASE),
        "write-ahead log": missing("state.db-wal"),
        "latch": missing("latch"),
    },
    "cut": {
        "state.db, empty": cut("state.db", 0),
        "state.db, half": folded(cut("state.db", 0.5)),
        "write-ahead log, half": cut("state.db-wal", 0.5),
        "latch, half": cut("latch", 0.5),
    },
    "flipped": {
        "state.db, first byte": flipped("state.db", 0),
        "state.db, a record": folded(flipped_in_record("state.db")),
        "write-ahead log, newest record": flipped_in_record("state.db-wal"),
        "latch, first slot": flipped("latch", 0),
        "latch, second slot's digest": flipped("latch", SLOT_BYTES + 30),
        "latch, a record": flipped_in_record("latch"),
    },
    "older or foreign": {
        "state.db": taken_from(lambda i: i.earlier, *DATABASE),
        "latch": taken_from(lambda i: i.earlier, "latch"),
        "foreign latch": taken_from(lambda i: i.foreign, "latch"),
    },
}
