"""Damaged, shortened, older, missing records: such a start keeps every stop, and is never INACTIVE by mistake.

Every offset of both headers and both records is hit in the full form; the short forms draw from the same list.
"""

import asyncio
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.adapters.sqlite_store.content import HEADER_BYTES
from ess_server.core.model import Action, Actor, Credential
from tests.fault import hand
from tests.fault.installation import LATCH, STATE_DB, Installed, opened, start
from tests.fault.result import Deadline, Result

ENGINE = Actor(id="engine", credential=Credential.NONE)
STANDING = {"account/a": int(pb.STOP_ACTION_FLATTEN), "strategy/b": int(pb.STOP_ACTION_BLOCK)}
WAL = f"{STATE_DB}-wal"

Damage = Callable[[Path], None]


@dataclass(frozen=True)
class Images:
    """Copies of one directory over its life: ``folded`` ones have no write-ahead log."""

    earlier: Path
    standing: Path
    released: Path
    logged: Path
    """As ``standing``, with the newest commits still in the write-ahead log."""
    store_id: str
    revision: int
    """Of ``released``."""


@dataclass(frozen=True)
class Case:
    """One damage to one image. ``stops`` are those that must be kept; ``harmless`` if it need not be doubted."""

    name: str
    image: Path
    damage: Damage
    stops: dict[str, int]
    harmless: bool = False


async def _begin(data: Path) -> None:
    async with opened(data) as one:
        await one.reset("", one.controller.state.revision)


async def _stop(data: Path, scope: str, action: Action) -> None:
    async with opened(data) as one:
        one.trigger(scope, action)
        await one.controller.settle()


async def _release(data: Path) -> tuple[str, int]:
    async with opened(data) as one:
        await one.reset("", one.controller.state.revision)
        return one.controller.state.store_id, one.controller.state.revision


async def _stop_in_log(data: Path, image: Path) -> None:
    async with opened(data) as one:
        one.trigger("strategy/b", Action.BLOCK)
        await one.controller.settle()
        shutil.copytree(data, image)


def take(folder: Path) -> Images:
    """Go through the life of a directory and copy it in between."""
    data = folder / "data"
    data.mkdir()

    def copy(name: str) -> Path:
        return Path(shutil.copytree(data, folder / name))

    asyncio.run(_begin(data))
    asyncio.run(_stop(data, "account/a", Action.FLATTEN))
    earlier = copy("earlier")
    asyncio.run(_stop_in_log(data, folder / "logged"))
    standing = copy("standing")
    store_id, revision = asyncio.run(_release(data))
    return Images(earlier, standing, copy("released"), folder / "logged", store_id, revision)


def flipped(name: str, offset: int, mask: int) -> Damage:
    """One byte is another one."""

    def do(data: Path) -> None:
        content = bytearray((data / name).read_bytes())
        content[offset] ^= mask
        (data / name).write_bytes(content)

    return do


def cut(name: str, length: int) -> Damage:
    """Only so many bytes are left."""

    def do(data: Path) -> None:
        with (data / name).open("r+b") as file:
            file.truncate(length)

    return do


def both(one: Damage, other: Damage) -> Damage:
    """Two damages at once."""

    def do(data: Path) -> None:
        one(data)
        other(data)

    return do


def replaced(image: Path, *names: str) -> Damage:
    """Files are those of another image."""

    def do(data: Path) -> None:
        for name in names:
            shutil.copy(image / name, data / name)

    return do


def without(*names: str) -> Damage:
    """Files are gone."""

    def do(data: Path) -> None:
        for name in names:
            (data / name).unlink()

    return do


def latch_spans(image: Path) -> list[range]:
    """Return where header and record of both slots lie."""
    content = (image / LATCH).read_bytes()
    spans = []
    for begin in (0, hand.SLOT):
        _, _, length, _ = hand.HEAD.unpack_from(content, begin)
        spans.append(range(begin, begin + hand.HEAD.size + length))
    return spans


def row_span(image: Path, name: str) -> range:
    """Return where the newest latch record lies in a file of the database."""
    record = hand.database_by_hand(image / STATE_DB)
    payload = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    place = (image / name).read_bytes().rfind(payload)
    assert place >= 0, f"{name} does not hold the record as it is written"
    return range(place, place + len(payload))


def byte_cases(images: Images, rng: random.Random) -> Iterator[Case]:
    """Every byte of the headers and records, changed and cut off."""
    for image, stops in ((images.standing, STANDING), (images.released, {})):
        for offset in (o for span in latch_spans(image) for o in span):
            mask = rng.randrange(1, 256)
            yield Case(f"{image.name}: {LATCH} byte {offset} ^ {mask}", image, flipped(LATCH, offset, mask), stops)
            yield Case(f"{image.name}: {LATCH} cut to {offset}", image, cut(LATCH, offset), stops)
        for offset in range(HEADER_BYTES):
            mask = rng.randrange(1, 256)
            damage = flipped(STATE_DB, offset, mask)
            # SQLite's header has counters and spare bytes that say nothing of a record.
            yield Case(f"{image.name}: {STATE_DB} byte {offset} ^ {mask}", image, damage, stops, harmless=True)
            yield Case(f"{image.name}: {STATE_DB} cut to {offset}", image, cut(STATE_DB, offset), stops)
        for offset in row_span(image, STATE_DB):
            mask = rng.randrange(1, 256)
            yield Case(
                f"{image.name}: {STATE_DB} byte {offset} ^ {mask}", image, flipped(STATE_DB, offset, mask), stops
            )
            yield Case(f"{image.name}: {STATE_DB} cut to {offset}", image, cut(STATE_DB, offset), stops)
    for offset in row_span(images.logged, WAL):
        mask = rng.randrange(1, 256)
        yield Case(f"logged: {WAL} byte {offset} ^ {mask}", images.logged, flipped(WAL, offset, mask), STANDING)
        yield Case(f"logged: {WAL} cut to {offset}", images.logged, cut(WAL, offset), STANDING)


def pair_cases(images: Images, rng: random.Random, number: int = 60) -> Iterator[Case]:
    """Both records hurt at once: what cannot be read may be gone, but trading is not allowed."""
    slots, row = latch_spans(images.released), row_span(images.released, STATE_DB)
    for _ in range(number):
        ours, theirs = rng.choice(slots[0]), rng.choice(row)
        damage = both(flipped(LATCH, ours, 1), flipped(STATE_DB, theirs, 1))
        yield Case(f"released: {LATCH} byte {ours} and {STATE_DB} byte {theirs}", images.released, damage, {})


def whole_cases(images: Images) -> Iterator[Case]:
    """Older, missing and foreign files."""
    for older in (images.earlier, images.standing):
        stops = {"account/a": STANDING["account/a"]} if older is images.earlier else STANDING
        for name in (STATE_DB, LATCH):
            what = f"released: {name} is that of {older.name}"
            yield Case(what, images.released, replaced(older, name), stops)
    for name in (STATE_DB, LATCH):
        yield Case(f"released: {name} is missing", images.released, without(name), {})
        yield Case(f"standing: {name} is missing", images.standing, without(name), STANDING)
    yield Case("logged: the write-ahead log is missing", images.logged, without(WAL), STANDING)
    yield Case("everything is missing", images.released, without(STATE_DB, LATCH), {})


def problem_of(state: pb.StopState, case: Case) -> str:
    """Return what is wrong with a start on a damaged image.

    A record that falls back to what it held before may bring a released stop back; no doubt is ever more than BLOCK.
    """
    found = {s.scope: int(s.action) for s in state.stops}
    if case.harmless and found == case.stops:
        return ""
    block = {"global": int(pb.STOP_ACTION_BLOCK)}
    if not ({**case.stops, **block}.items() <= found.items() <= {**STANDING, **block}.items()):
        return f"started with {found} instead of {case.stops} and a global BLOCK"
    return ""


def tried(case: Case, folder: Path) -> str:
    """Do the damage to a copy, start on it, and return what is wrong."""
    data = folder / "case"
    shutil.copytree(case.image, data)
    try:
        case.damage(data)
        return problem_of(start(data), case)
    except Exception as error:  # noqa: BLE001 - a start that raises does not say that it is stopped
        return f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(data)


def older_of_both(images: Images, folder: Path) -> str:
    """Put both records back to an older state; the first gate that has seen more must stop it."""

    async def reconnected(data: Path, seen: int) -> str:
        async with opened(data) as one:
            return await _witnessed(one, images.store_id, seen)

    seen, data = images.revision + 1, folder / "older"
    shutil.copytree(images.released, data)
    try:
        return asyncio.run(reconnected(data, seen))
    finally:
        shutil.rmtree(data)


async def _witnessed(one: Installed, store_id: str, seen: int) -> str:
    if one.state.stops:
        return f"two older records that agree are no doubt, yet it started with {list(one.state.stops)}"
    one.controller.witness(store_id, seen, ENGINE)
    state = one.state
    if [(s.scope, s.action) for s in state.stops] != [("global", pb.STOP_ACTION_BLOCK)] or state.revision <= seen:
        return f"a gate that had seen revision {seen} was served {state}"
    return ""


def run(seconds: float, seed: int) -> Result:
    """Hurt as many records as there is time for, drawn by ``seed``."""
    result, end, rng = Result(), Deadline(seconds), random.Random(seed)
    with tempfile.TemporaryDirectory(dir=hand.fast_directory()) as name:
        folder = Path(name)
        images = take(folder)
        result.judge("both records are older", older_of_both(images, folder))
        bytewise = list(byte_cases(images, rng))
        rng.shuffle(bytewise)
        cases = [*whole_cases(images), *pair_cases(images, rng), *bytewise]
        for case in cases:
            if not end:
                break
            result.judge(case.name, tried(case, folder))
        result.notes.append(f"{result.tried - 1} of {len(cases)} damages")
    return result
