"""The latch as pure functions: nothing that is asked to stop is left running, whatever it is asked with."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core import latch
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, MAX_STOPS, Action, DelayedFlatten, Scope
from ess_server.testing import START

from .latched import NOTHING, only, stopped
from .rig import activation, cause

ACTIONS = list(Action)


def test_first_trigger_latches() -> None:
    """A trigger on a scope that is not stopped makes a stop of its own at the new revision."""
    state = stopped(activation("account/main", Action.CANCEL, request_id="r"))
    stop = only(state)
    assert (stop.stop_id, stop.scope, stop.action) == ("stop-11", Scope.parse("account/main"), Action.CANCEL)
    assert (state.revision, stop.revision, stop.cause_count, stop.held) == (11, 11, 1, False)
    assert (stop.activate_time, stop.cause, stop.request_ids) == (cause().time, cause(), ("r",))


@pytest.mark.parametrize("second", ACTIONS)
@pytest.mark.parametrize("first", ACTIONS)
def test_action_only_rises(first: Action, second: Action) -> None:
    """A later trigger joins the stop, at a new revision, and never weakens its action; the first cause stays."""
    stop = only(stopped(activation(action=first, reason="one"), activation(action=second, reason="two")))
    assert (stop.action, stop.revision, stop.cause_count) == (max(first, second), 12, 2)
    assert (stop.stop_id, stop.cause.reason) == ("stop-11", "one")


@pytest.mark.parametrize("action", ACTIONS)
def test_hold_ends_with_stronger_action(action: Action) -> None:
    """A held stop stays held when it is joined with BLOCK, and is worked on again when more is asked for."""
    held = latch.hold(stopped(activation(action=Action.FLATTEN)), GLOBAL, revision=12)
    assert (only(held).action, only(held).held, only(held).revision) == (Action.BLOCK, True, 12)
    stop = only(stopped(activation(action=action), at=held))
    assert (stop.action, stop.held) == (action, action is Action.BLOCK)


@pytest.mark.parametrize("count", [MAX_STOPS - 1, MAX_STOPS, MAX_STOPS + 5])
def test_more_scopes_than_a_message_carries_stop_everything(count: int) -> None:
    """A scope that finds no room becomes a global stop with its action: it is never lost, and never the 65th."""
    state = stopped(*(activation(f"symbol/{n}", Action.BLOCK) for n in range(count)))
    assert len(state.stops) <= MAX_STOPS
    assert all(state.stop_for(Scope.parse(f"symbol/{n}")) or state.stop_for(GLOBAL) for n in range(count))
    assert (state.stop_for(GLOBAL) is None) == (count < MAX_STOPS)


def test_room_for_a_global_stop_and_for_known_scopes() -> None:
    """With every place taken a global trigger still latches as one, and a known scope is still joined."""
    full = stopped(*(activation(f"symbol/{n}", Action.BLOCK) for n in range(MAX_STOPS - 1)))
    state = stopped(activation("", Action.FLATTEN), activation("symbol/3", Action.CANCEL), at=full)
    everything, known = state.stop_for(GLOBAL), state.stop_for(Scope.parse("symbol/3"))
    assert everything
    assert known
    assert (len(state.stops), everything.action, known.action) == (MAX_STOPS, Action.FLATTEN, Action.CANCEL)


scopes = st.sampled_from(["", "venue/x", "account/main"] + [f"symbol/{n}" for n in range(80)])
asked = st.builds(activation, scope=scopes, action=st.sampled_from(ACTIONS), reason=st.text(max_size=300))


@given(st.lists(asked, max_size=120))
def test_whatever_is_asked_is_stopped(wanted: list[Activation]) -> None:
    """After any triggers each scope is stopped with at least the action asked, by its own stop or a global one."""
    state = stopped(*wanted)
    assert state.revision == NOTHING.revision + len(wanted)
    assert len({s.scope for s in state.stops}) == len(state.stops) <= MAX_STOPS
    for one in wanted:
        stops = [s for s in (state.stop_for(one.scope), state.stop_for(GLOBAL)) if s]
        assert max(s.action for s in stops) >= one.action


def test_repeated_request_is_the_same_stop() -> None:
    """The same id for the same scope and no more than the stop does is that stop."""
    state = stopped(activation("account/main", Action.CANCEL, request_id="r"))
    again = activation("account/main", Action.CANCEL, request_id="r")
    assert latch.standing_request(state, again) == only(state)
    assert latch.standing_request(state, replace(again, action=Action.BLOCK)) == only(state)


@pytest.mark.parametrize(
    "other",
    [
        activation("account/main", Action.CANCEL),
        activation("account/main", Action.CANCEL, request_id="s"),
        activation("account/main", Action.FLATTEN, request_id="r"),
        activation("account/other", Action.CANCEL, request_id="r"),
        activation("", Action.CANCEL, request_id="r"),
    ],
    ids=["no id", "another id", "more", "another scope", "everything"],
)
def test_repeated_id_never_loses_a_stop(other: Activation) -> None:
    """An id that comes again and asks for something else than what stands is a trigger of its own."""
    state = stopped(activation("account/main", Action.CANCEL, request_id="r"))
    assert latch.standing_request(state, other) is None


def test_repeated_id_on_a_smaller_scope_is_new() -> None:
    """An id that stopped everything stops nothing else by itself: the smaller scope may be released later."""
    state = stopped(activation("", Action.FLATTEN, request_id="r"))
    assert latch.standing_request(state, activation("account/main", Action.BLOCK, request_id="r")) is None


def test_repeated_request_finds_the_global_stop_it_became() -> None:
    """A request that was made a global stop for lack of room is known by its own scope."""
    full = stopped(*(activation(f"symbol/{n}", Action.BLOCK) for n in range(MAX_STOPS - 1)))
    again = activation("symbol/99", Action.BLOCK, request_id="r")
    state = stopped(again, at=full)
    assert latch.standing_request(state, again) == state.stop_for(GLOBAL)


@pytest.mark.parametrize(("scope", "left"), [("", 0), ("account/main", 2), ("account/none", 3)])
def test_release_takes_what_the_scope_covers(scope: str, left: int) -> None:
    """Releasing global releases everything, another scope exactly its own stop."""
    state = stopped(*(activation(s) for s in ("", "account/main", "symbol/X")))
    assert len(latch.covered(state, Scope.parse(scope))) == 3 - left
    released = latch.release(state, Scope.parse(scope), revision=20)
    assert (len(released.stops), released.revision, released.active) == (left, 20, left > 0)


def test_hold_touches_only_what_the_scope_covers() -> None:
    """A hold lowers the stops of its scope to BLOCK and leaves the others at work."""
    state = latch.hold(stopped(activation("account/main"), activation("symbol/X")), Scope.parse("symbol/X"), revision=9)
    main, symbol = state.stops
    assert (main.action, main.held, main.revision) == (Action.FLATTEN, False, 11)
    assert (symbol.action, symbol.held, symbol.revision, state.revision) == (Action.BLOCK, True, 9, 9)


def test_union_keeps_every_scope_with_its_strongest_action() -> None:
    """Two records that differ give every stop of either, strongest action, newest revision."""
    older = stopped(activation("account/main", Action.FLATTEN))
    newer = stopped(activation("account/main", Action.BLOCK), activation("symbol/X"), at=replace(NOTHING, revision=40))
    for pair in ((older.stops, newer.stops), (newer.stops, older.stops)):
        main, symbol = sorted(latch.union(pair), key=lambda s: str(s.scope))
        assert (main.action, main.revision, main.stop_id) == (Action.FLATTEN, 41, "stop-41")
        assert (str(symbol.scope), symbol.revision) == ("symbol/X", 42)


@pytest.mark.parametrize(
    ("actions", "holds", "held"),
    [
        ((Action.BLOCK, Action.BLOCK), (True, True), True),
        ((Action.BLOCK, Action.BLOCK), (True, False), False),
        ((Action.BLOCK, Action.FLATTEN), (True, False), False),
        ((Action.BLOCK, Action.FLATTEN), (True, True), False),
    ],
)
def test_union_holds_only_what_all_hold(
    actions: tuple[Action, Action],
    holds: tuple[bool, bool],
    held: bool,  # noqa: FBT001 - parametrised
) -> None:
    """A stop is held after a union only if every record says so and none asks for more than BLOCK."""
    stop = only(stopped(activation()))
    one, two = (replace(stop, action=a, held=h) for a, h in zip(actions, holds, strict=True))
    (joined,) = latch.union([(one,), (two,)])
    assert (joined.held, joined.action) == (held, max(actions))


@pytest.mark.parametrize("held", [True, False])
def test_union_keeps_the_earliest_flatten(held: bool) -> None:  # noqa: FBT001 - parametrised
    """What one record says is due is not forgotten for another that says less; a FLATTEN has nothing to wait for."""
    stop = only(stopped(activation(action=Action.CANCEL)))
    soon, late = (DelayedFlatten(time=START + timedelta(seconds=s), delay=timedelta(hours=1)) for s in (1, 2))
    less = replace(stop, action=Action.BLOCK, held=held)
    for flattens in ((soon, late), (late, soon), (soon, None), (None, soon)):
        (joined,) = latch.union([(replace(stop, flatten=f),) for f in flattens])
        assert joined.flatten == soon
    (joined,) = latch.union([(less,), (replace(stop, flatten=late),)])
    assert (joined.flatten, joined.held, joined.action) == (late, False, Action.CANCEL)
    (joined,) = latch.union([(replace(stop, flatten=late),), (replace(stop, action=Action.FLATTEN),)])
    assert (joined.flatten, joined.action) == (None, Action.FLATTEN)
