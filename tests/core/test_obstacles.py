"""What stands in the way of a release, asked of the real parts: venues, evaluators, gates, tripwire."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from ess_server.core.errors import Refusal, ResetRefusedError
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.model import Action, FlattenStatus, Scope
from ess_server.core.obstacles import QUIET_WITHIN, Conditions, Flatness, Gates, TripwireStands
from ess_server.core.readings import EvaluatorStatus
from ess_server.core.reset import EmergencyReset
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.testing import FakeMetrics
from ess_server.testing.exchange import FakeExchangeClient

from .rig import ANNA, HEDGE, MAIN, RecordingFlattener, Rig, commissioned
from .virtual_time import VirtualTimeLoop, running_clock
from .watching import FakeTripwire, Watch, on, watching

EVENT_LOOP = VirtualTimeLoop

NOT_FLAT = frozenset({"NOT_FLAT"})
BTC = "BTC/USDT:USDT"


def reasons(refusals: Sequence[Refusal]) -> list[str]:
    """Return the stable names of refusals."""
    return [r.reason for r in refusals]


@pytest.fixture
async def venues() -> RecordingFlattener:
    """Where work goes."""
    return RecordingFlattener()


@pytest.fixture
async def rig(venues: RecordingFlattener) -> Rig:
    """A commissioned rig whose releases wait for flat accounts."""
    return await commissioned(flattener=venues, obstacles=lambda c: [Flatness(c, venues)])


async def test_accounts_that_are_not_flat_refuse(rig: Rig, venues: RecordingFlattener) -> None:
    """Each account that the stop works on and that the venue has not shown flat is named, with its last error."""
    await rig.stop()
    venues.show(MAIN, FlattenStatus.INCOMPLETE, "margin call")
    with pytest.raises(ResetRefusedError) as caught:
        await rig.reset()
    assert [r.detail for r in caught.value.refusals] == [
        "account main is INCOMPLETE (margin call); watch it with: ess status",
        "account hedge is UNKNOWN; watch it with: ess status",
    ]


@pytest.mark.parametrize("status", FlattenStatus)
async def test_only_what_is_done_is_done(rig: Rig, venues: RecordingFlattener, status: FlattenStatus) -> None:
    """Only what has been proven lets a release pass, dust and a finished cancel included; everything else refuses."""
    await rig.stop("account/main")
    venues.show(MAIN, status)
    checked = await rig.reset(validate_only=True)
    assert bool(checked.refusals) is (status.name not in ("FLAT", "FLAT_WITH_DUST", "CANCELLED"))


@pytest.mark.parametrize(
    ("scope", "action", "accounts"),
    [
        ("", Action.FLATTEN, 2),
        ("", Action.CANCEL, 2),
        ("", Action.BLOCK, 0),
        ("account/hedge", Action.FLATTEN, 1),
        ("venue/paper", Action.FLATTEN, 1),
        (f"symbol/{BTC}", Action.FLATTEN, 2),
        ("strategy/x", Action.FLATTEN, 0),
    ],
)
async def test_only_accounts_at_work_count(rig: Rig, scope: str, action: Action, accounts: int) -> None:
    """A stop that only blocks needs no flatness, nor does an account that it does not touch."""
    await rig.stop(scope, action)
    assert reasons((await rig.reset(validate_only=True)).refusals) == ["NOT_FLAT"] * accounts


async def test_work_is_handed_over_before_flat_is_believed(rig: Rig, venues: RecordingFlattener) -> None:
    """A stop that was latched this very moment is with the venues before they are asked, or old work would count."""
    handed: list[bool] = []
    show = venues.progress

    def progress() -> object:
        handed.append(bool(venues.wanted))
        return show()

    await rig.stop()
    venues.wanted.clear()
    venues.progress = progress  # type: ignore[method-assign,assignment]  # listens in
    await rig.reset(validate_only=True)
    assert handed == [True]


async def test_override_takes_the_work_away_and_waits(rig: Rig, venues: RecordingFlattener) -> None:
    """Going past NOT_FLAT stops the work on the stop's accounts, and only there, waits, and leaves none behind."""
    await rig.stop("account/main")
    await rig.stop("account/hedge")
    await rig.reset(scope=Scope.parse("account/main"), overrides=NOT_FLAT)
    assert venues.quiesced == [(["main"], QUIET_WITHIN)]
    assert [sorted(w) for w in venues.wanted[-3:]] == [["hedge"], ["hedge"], ["hedge"]]
    await rig.stop("account/main")
    assert sorted(venues.wanted[-1]) == ["hedge", "main"]


async def test_override_that_cannot_be_waited_out_is_refused(rig: Rig, venues: RecordingFlattener) -> None:
    """If something in flight may still act nothing is released, and the work goes on."""
    await rig.stop()
    venues.quiet = False
    with pytest.raises(ResetRefusedError, match="orders in flight on main, hedge could not be waited out"):
        await rig.reset(overrides=NOT_FLAT)
    assert rig.state.active
    assert sorted(venues.wanted[-1]) == ["hedge", "main"]


async def test_nothing_of_ours_lands_after_the_release() -> None:
    """With a venue that does not answer the release waits until what was sent has expired; nothing is sent after it."""
    exchange = FakeExchangeClient(MAIN)
    exchange.hold(BTC, 3)
    released_at: list[float] = []
    closes: list[float] = []

    async def slowly(*_: object, **__: object) -> None:
        closes.append(running_clock().uptime())
        await asyncio.sleep(1)
        closes.append(running_clock().uptime())
        raise ConnectionResetError

    exchange.close_position = slowly  # type: ignore[method-assign,assignment]  # a venue that answers late and in vain
    settings = FlattenSettings()
    flattener = LocalFlattener(
        [exchange], clock=running_clock(), settings=settings, on_progress=lambda _: None, on_event=lambda *_: None
    )
    rig = await commissioned(flattener=flattener, obstacles=lambda c: [Flatness(c, flattener)])
    await flattener.start()
    await rig.stop("account/main")
    await asyncio.sleep(1.5)
    assert closes
    rig.controller.on_change(lambda _: released_at.append(running_clock().uptime()))
    await rig.reset(overrides=NOT_FLAT)
    await asyncio.sleep(60)
    assert released_at[-1] - max(closes) >= settings.request_expiry.total_seconds()
    assert not exchange.flat
    await flattener.stop()


def with_conditions(watch: Watch, metrics: FakeMetrics) -> Rig:
    """Return the rig of ``watch`` with releases that wait for its evaluators."""
    conditions = Conditions(watch.monitor, metrics, [MAIN.id, HEDGE.id])
    watch.rig.resets = EmergencyReset(watch.rig.controller, [conditions])
    return watch.rig


async def test_true_condition_refuses_and_is_inhibited_when_passed() -> None:
    """A breach that stands refuses the release by its name; gone past, it is inhibited and does not stop at once."""
    watch = await watching(on("drawdown"), on("other"))
    rig = with_conditions(watch, FakeMetrics())
    watch.trips("drawdown")
    await watch.ticks()
    with pytest.raises(ResetRefusedError, match="CONDITION_TRUE: drawdown: scripted breach"):
        await rig.reset()
    await rig.reset(overrides=frozenset({"CONDITION_TRUE"}))
    await watch.ticks(3)
    assert not rig.state.active
    assert [v.status for v in watch.monitor.views()] == [EvaluatorStatus.INHIBITED, EvaluatorStatus.CLEAR]


async def test_condition_that_is_over_refuses_nothing() -> None:
    """The reading of this moment counts, not the one that tripped."""
    watch = await watching(on("drawdown"))
    rig = with_conditions(watch, FakeMetrics())
    watch.trips("drawdown")
    await watch.ticks()
    watch.says("drawdown", None)
    assert not (await rig.reset()).state.active
    watch.trips("drawdown")
    await watch.ticks()
    assert rig.state.active


async def test_override_of_a_release_that_failed_is_forgotten() -> None:
    """What would have been gone past is not inhibited when nothing was released."""
    watch = await watching(on("drawdown"))
    rig = with_conditions(watch, FakeMetrics())
    watch.trips("drawdown")
    await watch.ticks()
    rig.disks[0].before.shut()
    reset = asyncio.create_task(rig.reset(overrides=frozenset({"CONDITION_TRUE"})))
    await rig.disks[0].before.reached()
    rig.trigger("symbol/X")
    rig.disks[0].before.open()
    await asyncio.gather(reset, return_exceptions=True)
    assert [v.status for v in watch.monitor.views()] == [EvaluatorStatus.TRIP]


@pytest.mark.parametrize(
    ("scope", "accounts"), [("account/main", ["main"]), ("", ["main", "hedge"]), ("strategy/x", ["main", "hedge"])]
)
async def test_rebaseline_starts_baselines_anew(scope: str, accounts: list[str]) -> None:
    """Baselines begin anew for the released account, or for all where none is named, and only when asked."""
    metrics = FakeMetrics()
    rig = with_conditions(await watching(), metrics)
    await rig.stop(scope)
    await rig.reset()
    assert metrics.rebaselined == []
    await rig.stop(scope)
    await rig.reset(rebaseline=True)
    assert metrics.rebaselined == accounts


async def test_gates_that_may_still_allow_refuse() -> None:
    """Gates that are pending or were never seen are named; those that confirmed or expired stand in no way."""
    registry = SubscriberRegistry(expected=["mm"], lease=timedelta(seconds=1), limit=lambda: 9, clock=running_clock())
    rig = await commissioned(obstacles=lambda _: [Gates(registry)])
    rig.controller.on_latch(registry.latched)
    await rig.stop()
    registry.opened(subscriber_id="arb", session_id="1", actor=ANNA, scopes=(), client_version="")
    with pytest.raises(ResetRefusedError, match="UNCONFIRMED_GATES: not known to deny: mm, arb;"):
        await rig.reset()
    running_clock().advance(2)
    with pytest.raises(ResetRefusedError, match="not known to deny: mm;"):
        await rig.reset()
    registry.opened(subscriber_id="mm", session_id="1", actor=ANNA, scopes=(), client_version="")
    registry.confirm("mm", "1", rig.state.revision)
    assert not (await rig.reset()).state.active


async def test_tripwire_refuses_whatever_is_overridden() -> None:
    """As long as the file exists nothing is released."""
    tripwire = FakeTripwire()
    rig = await commissioned(obstacles=lambda _: [TripwireStands(tripwire)])
    await rig.stop()
    tripwire.text = ""
    with pytest.raises(ResetRefusedError, match=r"TRIPWIRE_PRESENT: .* rm <data-dir>/tripwire"):
        await rig.reset(overrides=frozenset({"TRIPWIRE_PRESENT"}))
    tripwire.text = None
    assert not (await rig.reset()).state.active
