"""What stands in the way of a release is listed completely, overridden by name, and made safe first."""

import asyncio

import pytest

from ess_server.core.errors import Refusal, ResetRefusedError, StoreError
from ess_server.core.model import Action, Stop
from ess_server.core.release import Obstacle, Outcome, ReleaseRequest

from .rig import ANNA, Rig, commissioned
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop


class Wall(Obstacle):
    """An obstacle that stands as long as ``stands``, and keeps what was asked of it in ``asked``."""

    def __init__(self, reason: str, *, overridable: bool = True) -> None:
        self.stands = False
        self.asked: list[str] = []
        self._refusal = Refusal(reason=reason, detail="stands", overridable=overridable)

    async def refusals(self, stops: tuple[Stop, ...]) -> list[Refusal]:  # noqa: ARG002 - the obstacle's signature
        """See ``Obstacle.refusals``."""
        return [self._refusal] if self.stands else []

    async def override(self, stops: tuple[Stop, ...]) -> None:  # noqa: ARG002 - the obstacle's signature
        """See ``Obstacle.override``."""
        self.asked.append("override")

    def released(self, stops: tuple[Stop, ...], request: ReleaseRequest) -> None:  # noqa: ARG002 - as above
        """See ``Obstacle.released``."""
        self.asked.append("released")

    def abandoned(self) -> None:
        """See ``Obstacle.abandoned``."""
        self.asked.append("abandoned")


Walls = tuple[Rig, Wall, Wall, Wall]


@pytest.fixture
async def walls() -> Walls:
    """A commissioned rig with two obstacles that can be overridden and one that cannot."""
    soft, other, hard = Wall("NOT_FLAT"), Wall("CONDITION_TRUE"), Wall("TRIPWIRE_PRESENT", overridable=False)
    rig = await commissioned(obstacles=lambda _: (soft, other, hard))
    soft.asked.clear()
    other.asked.clear()
    hard.asked.clear()
    return rig, soft, other, hard


async def test_every_obstacle_is_listed_by_a_check(walls: Walls) -> None:
    """A check lists everything that stands in the way, the latch's own refusals included, and changes nothing."""
    rig, soft, other, hard = walls
    await rig.stop()
    before = rig.state
    soft.stands = other.stands = hard.stands = True
    result = await rig.reset(validate_only=True, revision=before.revision - 1)
    reasons = [r.reason for r in result.refusals]
    assert reasons == ["REVISION_MISMATCH", "NOT_FLAT", "CONDITION_TRUE", "TRIPWIRE_PRESENT"]
    assert (result.outcome, rig.state, soft.asked) == (Outcome.VALIDATED, before, [])


async def test_check_with_nothing_in_the_way(walls: Walls) -> None:
    """A check of a reset that would pass lists nothing, names what would be released, and releases nothing."""
    rig, *_ = walls
    stop = (await rig.stop()).stop
    result = await rig.reset(validate_only=True, request_id="r")
    assert (result.refusals, result.stops, rig.state.active) == ((), (stop,), True)


async def test_check_of_nothing_asks_no_obstacle(walls: Walls) -> None:
    """Where nothing is stopped only that is told."""
    rig, soft, *_ = walls
    soft.stands = True
    result = await rig.reset(validate_only=True)
    assert [r.reason for r in result.refusals] == ["NOT_STOPPED"]


async def test_refusal_names_all_that_is_not_overridden(walls: Walls) -> None:
    """Everything in the way that was not overridden by name is in the refusal, not only the first thing."""
    rig, soft, other, hard = walls
    await rig.stop()
    soft.stands = other.stands = True
    with pytest.raises(ResetRefusedError) as caught:
        await rig.reset(overrides=frozenset({"NOT_FLAT"}))
    assert [r.reason for r in caught.value.refusals] == ["CONDITION_TRUE"]
    assert (rig.state.active, soft.asked, other.asked, hard.asked) == (True, [], [], [])


async def test_overrides_go_past_what_they_name(walls: Walls) -> None:
    """What is overridden is made safe first; every obstacle takes note of the release, overridden or not."""
    rig, soft, other, hard = walls
    await rig.stop()
    soft.stands = other.stands = True
    await rig.reset(overrides=frozenset({"NOT_FLAT", "CONDITION_TRUE"}))
    assert not rig.state.active
    assert (soft.asked, other.asked, hard.asked) == (["override", "released"], ["override", "released"], ["released"])


async def test_some_things_cannot_be_overridden(walls: Walls) -> None:
    """Naming what cannot be overridden changes nothing."""
    rig, _, _, hard = walls
    await rig.stop()
    hard.stands = True
    with pytest.raises(ResetRefusedError, match="TRIPWIRE_PRESENT"):
        await rig.reset(overrides=frozenset({"TRIPWIRE_PRESENT", "STORE_FAILED", "REVISION_MISMATCH"}))
    assert rig.state.active


async def test_override_that_fails_is_undone(walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    """If going past something cannot be made safe nothing is released and all overrides are taken back."""
    rig, soft, other, _ = walls
    await rig.stop()
    soft.stands = other.stands = True

    async def refuse(_: object) -> None:
        raise ResetRefusedError([Refusal(reason="NOT_FLAT", detail="orders in flight", overridable=False)])

    monkeypatch.setattr(other, "override", refuse)
    with pytest.raises(ResetRefusedError, match="in flight"):
        await rig.reset(overrides=frozenset({"NOT_FLAT", "CONDITION_TRUE"}))
    assert (rig.state.active, soft.asked, other.asked) == (True, ["override", "abandoned"], ["abandoned"])


@pytest.mark.parametrize("what", ["refusals", "override"])
async def test_obstacle_that_raises_releases_nothing(walls: Walls, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """An obstacle that cannot tell fails the reset, which is in the log with the person who asked."""
    rig, soft, *_ = walls
    await rig.stop()
    soft.stands = True

    async def fail(_: object) -> None:
        raise StoreError("cannot be read")

    monkeypatch.setattr(soft, what, fail)
    with pytest.raises(StoreError):
        await rig.reset(overrides=frozenset({"NOT_FLAT"}))
    await rig.controller.settle()
    assert rig.state.active
    assert (rig.newest.kind, rig.newest.actor, rig.newest.summary) == ("reset.failed", ANNA, "cannot be read")


async def test_obstacle_that_fails_after_the_release(walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that is on disk is answered as one, and every obstacle hears of it, whatever one of them does."""
    rig, soft, other, hard = walls
    await rig.stop()

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(soft, "released", fail)
    result = await rig.reset()
    assert result.outcome is Outcome.RELEASED
    assert (other.asked, hard.asked) == (["released"], ["released"])
    await rig.controller.settle()
    assert rig.newest.kind == "server.fault"


async def test_hold_passes_every_obstacle_and_keeps_trading_blocked(walls: Walls) -> None:
    """A hold ends cancelling and closing on both records; it asks no obstacle, and what is held stays ACTIVE."""
    rig, soft, *_ = walls
    stop = (await rig.stop()).stop
    soft.stands = True
    result = await rig.hold(reason="false trip")
    (held,) = rig.state.stops
    assert (held.action, held.held, held.stop_id) == (Action.BLOCK, True, stop.stop_id)
    assert held.revision == rig.state.revision > stop.revision
    assert (result.outcome, soft.asked) == (Outcome.RELEASED, [])
    assert all(d.shown.stops == (held,) for d in rig.disks)
    assert (rig.newest.kind, rig.newest.summary) == ("stop.held", "false trip")


async def test_pause_has_an_end(walls: Walls) -> None:
    """Work that was paused for a release goes on when the disk takes too long; the release is then judged anew."""
    rig, soft, *_ = walls
    await rig.stop()
    soft.stands = True
    rig.disks[0].before.shut()
    reset = asyncio.create_task(rig.reset(overrides=frozenset({"NOT_FLAT"})))
    await rig.disks[0].before.reached()
    await asyncio.sleep(1.9)
    assert soft.asked == ["override"]
    await asyncio.sleep(0.2)
    assert soft.asked == ["override", "abandoned"]
    soft.stands = False
    await asyncio.sleep(3600)
    assert rig.state.active
    aborted = rig.kinds.count("reset.aborted")
    rig.disks[0].before.open()
    assert not (await reset).state.active
    assert rig.kinds.count("reset.aborted") == aborted + 1, "judged anew, with nothing in the way any more"


async def test_disk_in_time_ends_no_pause(walls: Walls) -> None:
    """A disk that answers in time is no reason to take the work up again before the release."""
    rig, soft, *_ = walls
    await rig.stop()
    soft.stands = True
    rig.disks[0].before.shut()
    reset = asyncio.create_task(rig.reset(overrides=frozenset({"NOT_FLAT"})))
    await rig.disks[0].before.reached()
    await asyncio.sleep(1.9)
    rig.disks[0].before.open()
    await reset
    await asyncio.sleep(10)
    assert soft.asked == ["override", "released"]
