"""Orders after the stop: each is told, none that was let through in time is, and the log is not flooded."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.attention import Lookout, Subject
from ess_server.core.intake import Intake
from ess_server.core.late_orders import LateOrders
from ess_server.core.model import Action
from ess_server.core.order_ids import closing_order_id, run_mark
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.testing import fake_readings

from .rig import Rig, commissioned
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop
NEW, TRADE = ExecutionType.NEW, ExecutionType.TRADE
OWN = closing_order_id("id-1", run_mark(86400.5), 7)


class Evaluations:
    """A monitor of which nothing is asked."""

    def __init__(self) -> None:
        self.lookout = Lookout()

    def counts(self, *subjects: Subject) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nobody counts."""
        return False


class Door:
    """An intake over a commissioned controller, and what it has recorded."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.readings = fake_readings()
        self.intake = Intake(self.readings, running_clock(), Evaluations(), LateOrders(rig.controller))
        self.taken = 0

    def takes(self, kind: ExecutionType = NEW, ago: float = 0.0, **changes: Any) -> bool:
        """Take a report that is true since ``ago`` seconds; return whether it was marked."""
        clock = running_clock()
        self.taken += 1
        report = ExecutionReport(
            account="main",
            id=f"x{self.taken}",
            symbol="BTC",
            execution_type=kind,
            side="buy",
            client_order_id="",
            quantity=Decimal(1),
            price=None,
            expected_price=None,
            stop_loss=False,
            strategy="mm",
            detail="",
            time=clock.now() - timedelta(seconds=ago),
            received=clock.uptime(),
        )
        self.intake.execution(replace(report, **changes))
        return self.readings.metrics.executions(changes.get("account", "main"), 0.0)[-1].after_stop

    @property
    def told(self) -> list[dict[str, str]]:
        """Details of the events of late orders, oldest first."""
        log = self.rig.log.read(after=0, limit=1000, ascending=True, kind="execution.after_stop")
        return [dict(e.draft.details) for e in log]


@pytest.fixture
async def door() -> Door:
    """A door, with nothing stopped."""
    return Door(await commissioned())


@pytest.mark.parametrize("scope", ["", "account/main", "venue/paper", "symbol/BTC", "strategy/mm"])
async def test_order_later_than_the_grace_is_late_whatever_scope_is_stopped(door: Door, scope: str) -> None:
    """Five seconds after the stop an order may still be one that was let through; a moment later it may not."""
    await door.rig.stop(scope, Action.BLOCK)
    running_clock().advance(5)
    in_time = door.takes()
    running_clock().advance(0.001)

    assert (in_time, door.takes(), door.takes(TRADE, client_order_id="never reported")) == (False, True, True)


@pytest.mark.parametrize("scope", ["account/hedge", "venue/other", "symbol/ETH", "strategy/arb"])
async def test_order_of_what_is_not_stopped_is_not_late(door: Door, scope: str) -> None:
    """A stop of another account, venue, symbol or strategy says nothing against this order."""
    await door.rig.stop(scope)
    running_clock().advance(60)

    assert not door.takes()


async def test_nothing_is_late_while_nothing_is_stopped_or_after_the_release(door: Door) -> None:
    """Only a stop that stands makes an order late; a new one has a grace of its own."""
    before = door.takes()
    await door.rig.stop()
    running_clock().advance(60)
    during = door.takes()
    await door.rig.reset()
    after = door.takes()
    await door.rig.stop()

    assert (before, during, after, door.takes()) == (False, True, False, False)


async def test_report_that_was_long_on_its_way_is_not_late(door: Door) -> None:
    """What happened before the end of the grace is in time, however late it is told; the future is now."""
    await door.rig.stop()
    running_clock().advance(60)

    assert (door.takes(ago=56), door.takes(ago=54), door.takes(ago=-3600)) == (False, True, True)


async def test_clock_that_was_set_since_the_stop_changes_nothing(door: Door) -> None:
    """An hour back or forth on the wall is none of uptime."""
    await door.rig.stop()
    running_clock().advance(60)
    running_clock().jump(timedelta(hours=-1))
    back = door.takes()
    running_clock().jump(timedelta(hours=9))

    assert (back, door.takes(), door.takes(ago=56)) == (True, True, False)


async def test_stop_that_stood_at_the_start_counts_from_then(door: Door) -> None:
    """How old the stop is tells nothing: engines had no server to deny by."""
    await door.rig.stop()
    running_clock().advance(3600)
    again = Door(door.rig)
    in_time = again.takes()
    running_clock().advance(5.001)

    assert (in_time, again.takes()) == (False, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"reduce_only": True},
        {"client_order_id": OWN},
        {"client_order_id": f"{OWN}-0", "kind": TRADE},
        {"client_order_id": f"{OWN}-0".replace("-", "x")},
        {"kind": ExecutionType.CANCELED},
        {"kind": ExecutionType.REJECTED},
        {"kind": ExecutionType.FAILED},
        {"kind": ExecutionType.EXPIRED},
    ],
)
async def test_exits_and_ends_are_never_late(door: Door, changes: dict[str, Any]) -> None:
    """What only reduces, closes for the stop, or ends an order is as it should be, and no event."""
    await door.rig.stop()
    running_clock().advance(60)

    assert not door.takes(**changes)
    await door.rig.controller.settle()
    assert not door.told


@pytest.mark.parametrize("name", ["ess-", "ess-1-2-3", f"x{OWN}", f"{OWN}-0-0", "ess-0123456g-1-1", f"{OWN}x0"])
async def test_name_that_only_looks_like_a_closing_order_hides_nothing(door: Door, name: str) -> None:
    """An engine whose order ids begin like those of the closing orders is told all the same."""
    await door.rig.stop()
    running_clock().advance(60)

    assert door.takes(client_order_id=name)


async def test_fill_of_an_order_that_was_there_before_is_not_late_but_a_new_order_under_its_id_is(door: Door) -> None:
    """A resting order that is filled while it is being cancelled was let through; one placed after the stop was not."""
    door.takes(NEW, client_order_id="resting")
    door.takes(TRADE, client_order_id="in parts")
    await door.rig.stop()
    running_clock().advance(60)
    fills = [door.takes(TRADE, client_order_id=name) for name in ("resting", "in parts")]
    elsewhere = door.takes(TRADE, client_order_id="resting", account="hedge")
    again = [door.takes(kind, client_order_id="new") for kind in (NEW, TRADE)]

    assert (fills, elsewhere, again) == ([False, False], True, [True, True])
    assert door.takes(NEW, client_order_id="resting")


async def test_each_late_order_is_told_by_name(door: Door) -> None:
    """The event names account, symbol, side and order, and belongs to the stop that the order came past."""
    stop = (await door.rig.stop("venue/paper")).stop
    running_clock().advance(60)
    door.takes(client_order_id="c1")
    door.takes(TRADE, symbol="ETH", side="")
    await door.rig.controller.settle()
    newest = door.rig.newest

    assert [(d["account"], d["symbol"], d.get("side"), d.get("client_order_id")) for d in door.told] == [
        ("main", "BTC", "buy", "c1"),
        ("main", "ETH", None, None),
    ]
    assert (newest.kind, newest.stop_id, newest.scope) == ("execution.after_stop", stop.stop_id, "account/main")
    assert "fill on account main (side unknown ETH) came after the stop of venue/paper; number 2" in newest.summary


async def test_report_told_twice_is_one_event(door: Door) -> None:
    """A repeated id is no other order."""
    await door.rig.stop()
    running_clock().advance(60)
    door.takes(id="same")
    door.takes(id="same")
    await door.rig.controller.settle()

    assert len(door.told) == 1


async def test_runaway_engine_does_not_flood_the_log(door: Door) -> None:
    """Of 1,100 late orders the first ten are told one by one, and then ever fewer; another stop counts anew."""
    await door.rig.stop()
    running_clock().advance(60)
    for _ in range(1100):
        door.takes()
    await door.rig.controller.settle()
    counts = [int(d["count"]) for d in door.told]
    await door.rig.reset()
    await door.rig.stop()
    running_clock().advance(60)
    door.takes()
    await door.rig.controller.settle()

    assert counts == [*range(1, 11), 20, 50, 100, 200, 500, 1000]
    assert door.told[-1]["count"] == "1"
