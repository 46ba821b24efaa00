"""An activation of which something is odd or fails: it stops what it names, and the rest is still done."""

import pytest

from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, MAX_CAUSE_REASON_BYTES, MAX_STOPS, Action, EventDraft

from .rig import Rig, activation, parts
from .virtual_time import VirtualTimeLoop

EVENT_LOOP = VirtualTimeLoop
ODD = {
    "twice": [activation(request_id="r"), activation(request_id="r", action=Action.BLOCK)],
    "70 scopes": [activation(f"symbol/{n}") for n in range(70)],
    "a reason of a megabyte": [activation(reason="x" * 1_000_000)],
    "a reason without an encoding": [activation(reason="\ud800")],
    "an id of a megabyte": [activation(request_id="r" * 1_000_000)],
    "no reason": [activation(reason="")],
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
async def test_no_trigger_is_refused(rig: Rig, odd: list[Activation]) -> None:
    """Whatever is odd about a trigger it stops what it names, durably and within the bounds of a gate message."""
    for one in odd:
        rig.controller.activate(one)
    await rig.controller.settle()
    stops = rig.state.stops
    for one in odd:
        assert any(s.scope in (one.scope, GLOBAL) and s.action >= one.action for s in stops)
    assert len(stops) <= MAX_STOPS
    assert all(len(s.cause.reason.encode()) <= MAX_CAUSE_REASON_BYTES for s in stops)
    assert rig.disks[0].shown.stops == rig.disks[1].shown.stops == stops


@pytest.mark.parametrize("what", ["gates", "latch listener", "venues", "sinks"])
async def test_what_raises_keeps_nothing_else_from_being_done(rig: Rig, what: str) -> None:
    """A listener, flattener or bus that raises is named in the log; everything after it still happens."""
    flattener, bus = parts(rig)
    revisions: list[int] = []

    def fail(*_: object) -> None:
        raise RuntimeError(what)

    if what == "gates":
        rig.controller._on_change.insert(0, fail)
    elif what == "latch listener":
        rig.controller.on_latch(fail)
    elif what == "venues":
        flattener.set_work = fail  # type: ignore[method-assign]  # breaks it
    else:
        bus.publish = fail  # type: ignore[method-assign]  # breaks it
    rig.controller.on_latch(revisions.append)
    stop = (await rig.stop()).stop
    assert revisions == [stop.revision]
    assert rig.told[-1] == rig.state
    assert rig.controller.is_durable(stop)
    assert bool(flattener.wanted[-1]) is (what != "venues")
    assert bus.kinds[-1] == ("stop.released" if what == "sinks" else "stop.activated")
    assert rig.kinds[-2:] == ["stop.activated", "server.fault"]
    assert rig.newest.summary.endswith("failed: RuntimeError")


async def test_lasting_fault_is_logged_once_until_it_is_over(rig: Rig) -> None:
    """A venue that fails every second does not fill the log, and is named again when it fails anew."""
    flattener, _ = parts(rig)
    works, failing = flattener.set_work, True

    def sometimes(work: object) -> None:
        if failing:
            raise RuntimeError
        works(work)  # type: ignore[arg-type]  # handed on

    flattener.set_work = sometimes  # type: ignore[method-assign]  # breaks it
    for _ in range(3):
        rig.controller.carry_out()
    failing = False
    rig.controller.carry_out()
    failing = True
    rig.controller.carry_out()
    await rig.controller.settle()
    assert rig.kinds.count("server.fault") == 2


async def test_note_survives_a_bus_that_raises(rig: Rig) -> None:
    """An event that changes nothing reaches the log though a listener fails, and whoever noted it goes on."""

    def fail(_: EventDraft) -> None:
        raise RuntimeError

    parts(rig)[1].publish = fail  # type: ignore[method-assign]  # breaks it
    rig.controller.note(rig.controller.draft("test.note", "noted"))
    await rig.controller.settle()
    assert rig.kinds[-2:] == ["test.note", "server.fault"]
