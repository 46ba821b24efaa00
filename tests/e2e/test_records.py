"""Records that are missing, damaged, older or foreign: such a start is stopped with BLOCK, says why, keeps stops."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from ess_client import GateStatus
from ess_client.aio import OrderGate
from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from tests.e2e.conftest import Servers
from tests.e2e.damage import BLOCK, DAMAGED, DATABASE, FLATTEN, Damage, Images, missing, take_all, taken_from
from tests.e2e.process import ServerProcess, eventually

STOPPED = 3
STANDING = {"account/a": FLATTEN, "strategy/b": BLOCK}
EARLIER = {"account/a": FLATTEN}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Take the images once; nobody writes into them."""
    return asyncio.run(take_all(tmp_path_factory.mktemp("images")))


def stops_of(state: pb.StopState) -> dict[str, int]:
    """Return scope and action of every stop."""
    return {s.scope: s.action for s in state.stops}


def check_doubted(state: pb.StopState, kept: Mapping[str, int]) -> None:
    """What could not be proven is a global BLOCK that says why; what was known to be stopped still is."""
    assert state.status == pb.STOP_STATUS_ACTIVE
    assert stops_of(state) == {**kept, "global": BLOCK}
    cause = next(s.cause for s in state.stops if s.scope == "global")
    assert cause.source == pb.CAUSE_SOURCE_STORE
    assert any(word in cause.reason for word in ("state.db", "latch", "the event log")), cause.reason


async def start_damaged(images: Images, server: ServerProcess, damage: Damage, kept: Mapping[str, int]) -> None:
    """A damaged directory starts stopped, and one reset makes it whole."""
    damage(images, server.data_dir)
    check_doubted((await server.start()).state, kept)

    assert (await server.reset()).status == pb.STOP_STATUS_INACTIVE

    await server.kill()
    assert problems(server.data_dir) == ["", ""]


def problems(data: Path) -> list[str]:
    """Return what either record of a directory has to complain of."""
    records = SqlitePolicyStore(data / "state.db"), LatchFile(data / "latch")
    try:
        return [record.load().problem for record in records]
    finally:
        for record in records:
            record.close()


async def all_of(cases: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
    """Run cases, three at a time, and name those that fail."""
    room = asyncio.Semaphore(3)

    async def one(case: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await case()

    outcomes = await asyncio.gather(*(one(case) for case in cases.values()), return_exceptions=True)
    failed = {name: outcome for name, outcome in zip(cases, outcomes, strict=True) if outcome is not None}
    assert not failed, "\n".join(f"{name}: {outcome!r}" for name, outcome in failed.items())


def copied(servers: Servers, image: Path, name: str) -> ServerProcess:
    """Make a server on a copy of an image."""
    server = servers(name)
    shutil.copytree(image, server.data_dir)
    return server


@pytest.mark.parametrize("family", DAMAGED)
async def test_a_damaged_record_keeps_every_stop_and_blocks_until_a_person_resets(
    images: Images, servers: Servers, family: str
) -> None:
    """Whichever record is hurt, and however: the other one keeps the FLATTEN stop, and the rest is BLOCK, no more."""
    await all_of(
        {
            name: lambda n=number, d=damage: start_damaged(
                images, copied(servers, images.standing, f"standing-{n}"), d, STANDING
            )
            for number, (name, damage) in enumerate(DAMAGED[family].items())
        }
    )


async def test_a_release_that_one_record_does_not_show_is_not_believed(images: Images, servers: Servers) -> None:
    """What was released is stopped again if either record is missing, or older than the release."""
    cases = {
        "latch is missing": (missing("latch"), {}),
        "state.db is older": (taken_from(lambda i: i.earlier, *DATABASE), EARLIER),
        "latch is older": (taken_from(lambda i: i.standing, "latch"), STANDING),
    }
    await all_of(
        {
            name: lambda n=number, d=damage, k=kept: start_damaged(
                images, copied(servers, images.released, f"released-{n}"), d, k
            )
            for number, (name, (damage, kept)) in enumerate(cases.items())
        }
    )


async def test_with_nothing_left_it_is_a_new_store(servers: Servers) -> None:
    """An empty directory is stopped until a person commissions it, for the command line as well; once is enough."""
    server = servers()
    server.data_dir.mkdir()
    state = (await server.start()).state
    assert stops_of(state) == {"global": BLOCK}
    assert state.stops[0].cause.reason == "this store was never commissioned; commission it with: ess reset"
    status = await server.ess("status")
    assert (status.code, "never commissioned" in status.out) == (STOPPED, True)

    reset = await server.ess("reset", "--revision", str(state.revision), "--reason", "new", "--by", "ann")

    assert reset.code == 0
    await server.kill()
    assert stops_of((await server.start()).state) == {}
    assert (await server.ess("status")).code == 0


async def test_a_whole_copy_starts_as_it_was(images: Images, servers: Servers) -> None:
    """Neither copying nor a crash makes a whole record doubtful: what stood stands, what was released stays so."""
    expected = {images.earlier: EARLIER, images.standing: STANDING, images.released: {}}

    async def one(image: Path) -> None:
        state = (await copied(servers, image, f"copy-{image.name}").start()).state
        assert stops_of(state) == expected[image]

    await all_of({image.name: lambda i=image: one(i) for image in expected})


async def test_a_gate_that_has_seen_more_than_a_restored_backup_stops_it(images: Images, servers: Servers) -> None:
    """Both records put back to an older state contradict nothing on disk; the first gate that saw more proves it.

    The BLOCK stands in the very first message of that gate's stream, and the gate is not open for a moment.
    """
    server = copied(servers, images.released, "data")
    await server.start()
    async with OrderGate(server.target, subscriber_id="engine") as gate:
        await eventually(lambda: gate.state.status is GateStatus.OPEN)
        seen = (await server.trigger("account/a", BLOCK)).revision
        await eventually(lambda: gate.state.revision >= seen)
        await server.kill()
        shutil.rmtree(server.data_dir)
        shutil.copytree(images.released, server.data_dir)
        opened = asyncio.create_task(wait_open(gate))

        await server.start()
        await eventually(lambda: gate.state.revision > seen)

        state = (await server.state()).state
        assert stops_of(state) == {"global": BLOCK}
        assert state.stops[0].cause.source == pb.CAUSE_SOURCE_WITNESS
        assert f"has seen revision {seen}" in state.stops[0].cause.reason
        assert [s.scope for s in gate.state.stops] == ["global"]
        assert not opened.done()
        assert (await server.ess("status")).code == STOPPED
        await server.reset()
        await asyncio.wait_for(opened, 5)


async def wait_open(gate: OrderGate) -> None:
    """Return as soon as the gate lets anything at all through that account/a needs."""
    async for state in gate.changes():
        if state.status is not GateStatus.CLOSED and not state.stops:
            return
