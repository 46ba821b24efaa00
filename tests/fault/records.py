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
from ess_server.core.model import Action
from tests.fault import hand, older
from tests.fault.installation import LATCH, STATE_DB, opened, start
from tests.fault.result import Deadline, Result

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
    foreign: Path
    """Of another store, on which nothing is stopped."""


@dataclass(frozen=True)
class Case:
    """One damage to one image. ``stops`` are those that must be kept; ``harmless`` if it need not be doubted."""

    name: str
    image: Path
    damage: Damage
    stops: dict[str, int]
    harmless: bool = False


async def _release(data: Path) -> None:
    async with opened(data) as one:
        await one.reset("", one.controller.state.revision)


async def _stop(data: Path, scope: str, action: Action) -> None:
    async with opened(data) as one:
        one.trigger(scope, action)
        await one.controller.settle()


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

    asyncio.run(_release(data))
    asyncio.run(_stop(data, "account/a", Action.FLATTEN))
    earlier = copy("earlier")
    asyncio.run(_stop_in_log(data, folder / "logged"))
    standing = copy("standing")
    asyncio.run(_release(data))
    (folder / "foreign").mkdir()
    asyncio.run(_release(folder / "foreign"))
    return Images(earlier, standing, copy("released"), folder / "logged", folder / "foreign")


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


def emptied(data: Path) -> None:
    """Nothing is left in the directory."""
    for path in data.iterdir():
        path.unlink()


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
    for image in (images.earlier, images.standing):
        stops = {"account/a": STANDING["account/a"]} if image is images.earlier else STANDING
        for name in (STATE_DB, LATCH):
            what = f"released: {name} is that of {image.name}"
            yield Case(what, images.released, replaced(image, name), stops)
    for name in (STATE_DB, LATCH):
        yield Case(f"released: {name} is missing", images.released, without(name), {})
        yield Case(f"standing: {name} is missing", images.standing, without(name), STANDING)
        yield Case(f"released: {name} is of another store", images.released, replaced(images.foreign, name), {})
    yield Case("logged: the write-ahead log is missing", images.logged, without(WAL), STANDING)
    # What is missing beneath is in the log; whether SQLite finds that out or not, no stop may be lost.
    yield Case(
        "logged: an older file beneath the log",
        images.logged,
        replaced(images.earlier, STATE_DB),
        STANDING,
        harmless=True,
    )
    yield Case("the directory is empty", images.released, emptied, {})


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


def run(seconds: float, seed: int) -> Result:
    """Hurt as many records as there is time for, drawn by ``seed``."""
    result, end, rng = Result(), Deadline(seconds), random.Random(seed)
    with tempfile.TemporaryDirectory(dir=hand.fast_directory()) as name:
        folder = Path(name)
        images = take(folder)
        for released, what in ((False, "a stop"), (True, "a stop and its release")):
            result.judge(f"both records are those of before {what}", older.problem_of(folder, released=released))
        bytewise = list(byte_cases(images, rng))
        rng.shuffle(bytewise)
        whole = list(whole_cases(images))
        cases = [*whole, *pair_cases(images, rng), *bytewise]
        for number, case in enumerate(cases):
            # However short the time, whole files have their turn.
            if not end and number >= len(whole):
                break
            result.judge(case.name, tried(case, folder))
        result.notes.append(f"{result.tried - 2} of {len(cases)} damages; both older, found by a gate")
    return result
