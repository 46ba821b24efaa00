"""Both records read by hand, apart from the code that is judged."""

import hashlib
import json
import shutil
import sqlite3
import struct
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.fault.installation import LATCH, STATE_DB

SLOT = 512 * 1024
HEAD = struct.Struct(">8sQI32s")
NONE: dict[str, Any] = {}


def fast_directory() -> Path:
    """Return where images are judged: memory where there is some, since no power is lost there."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else Path(tempfile.gettempdir())


def latch_by_hand(path: Path) -> dict[str, Any]:
    """Return the newest record whose digest is right, or nothing."""
    content = path.read_bytes() if path.exists() else b""
    found = []
    for slot in (content[:SLOT], content[SLOT : 2 * SLOT]):
        if len(slot) < HEAD.size:
            continue
        magic, counter, length, digest = HEAD.unpack_from(slot)
        payload = slot[HEAD.size : HEAD.size + length]
        if magic == b"ESSLATCH" and hashlib.sha256(slot[8:20] + payload).digest() == digest:
            found.append((counter, payload))
    return json.loads(max(found)[1]) if found else NONE


def database_by_hand(path: Path) -> dict[str, Any]:
    """Return the record in the database if its digest is right, read from a copy; else nothing."""
    with tempfile.TemporaryDirectory(dir=fast_directory()) as folder:
        for name in (path, Path(f"{path}-wal")):
            if name.exists():
                shutil.copy(name, folder)
        if not (Path(folder) / path.name).exists():
            return NONE
        try:
            with closing(sqlite3.connect(Path(folder) / path.name)) as connection:
                rows = connection.execute("SELECT payload, sha256 FROM latch").fetchall()
        except sqlite3.Error:
            return NONE
    for payload, digest in rows:
        if hashlib.sha256(payload).digest() == digest:
            return json.loads(payload)
    return NONE


def both_say_inactive(data: Path) -> bool:
    """Whether both records exist, say that nothing is stopped, and name the same transition of the same store."""
    records = database_by_hand(data / STATE_DB), latch_by_hand(data / LATCH)
    if not all(records) or any(record["stops"] for record in records):
        return False
    one, other = ((record["store_id"], record["revision"]) for record in records)
    return one == other
