"""Starts: what is believed of the records, the floor, and what must not have been lost on the way."""

from .latching import DOWN, activate, joined, record, wanting
from .rules import Bounds, Rules
from .state import (
    BLOCK,
    FIRST_START,
    FLATTEN,
    GLOBAL,
    NOTHING,
    STORE,
    TRIPWIRE,
    Gate,
    Record,
    Server,
    State,
    Stop,
    Stops,
    causes,
)


def restart(state: State, rules: Rules, bounds: Bounds) -> State:
    """A new process reads the records; nothing listens until its floor is committed."""
    start = bounds.crashes - state.left.crashes
    found = [disk[-1] if disk else None for disk in state.disks]
    trusted = [r for r in (found if rules.start_compares_both else found[:1]) if r]
    believed: Stops = ()
    for stop in (s for r in trusted for s in r.stops):
        believed = joined(believed, stop)
    doubt = _doubt(found, rules)
    server = _process(found, believed, state.gate, rules.floor_above(_highest(found), start))
    transition = max((r.revision for r in trusted), default=0)
    if doubt and rules.doubt_latches_block:
        action = BLOCK if rules.doubt_only_blocks else FLATTEN
        stops = joined(believed, Stop(GLOBAL, server.floor, action, FIRST_START << start))
        server, transition = server._replace(stops=stops), server.floor
    state = _completed(state._replace(server=server), found, FIRST_START << start, doubt=doubt)
    state = _judged(state, believed, bounds, doubt=doubt)
    server = server._replace(writers=wanting(server, record(server, transition, server.stops)))
    if state.tripwire:
        server = activate(server, rules, GLOBAL, FLATTEN, TRIPWIRE)
    if state.left.crashes:
        return state._replace(server=server)
    # Nothing is read from disk any more, so what is there makes no difference.
    return state._replace(server=server, disks=((), ()), acknowledged=0, unanswered=NOTHING)


def _doubt(found: list[Record | None], rules: Rules) -> bool:
    store, latch = found
    if not rules.start_compares_both:
        return store is None
    if store is None or latch is None:
        return True
    return (store.store_id, store.revision, store.stops) != (latch.store_id, latch.revision, latch.stops)


def _highest(found: list[Record | None]) -> int:
    return max((max(r.revision, r.floor, *(s.revision for s in r.stops), 0) for r in found if r), default=0)


def _process(found: list[Record | None], stops: Stops, gate: Gate, floor: int) -> Server:
    records = [r for r in found if r]
    store = found[STORE]
    # A log that begins with this start vouches for what came before it: the doubt does, see _completed.
    known = gate.highest if store is None or store.logs(gate.highest) else 0
    return DOWN._replace(
        store_id=records[0].store_id if records else gate.store_id + 1,
        floor=floor,
        revision=floor,
        allocated=floor,
        stops=stops,
        known=known if known < floor else 0,
    )


def _completed(state: State, found: list[Record | None], start: int, *, doubt: bool) -> State:
    """Take note of a reset that the crash has carried out, and of evidence that is lost with the log."""
    number, seen, failed = state.unanswered
    store = found[STORE]
    if store is None:
        gate = state.gate._replace(saw=start if state.gate.saw else 0)
        return state._replace(gate=gate, unanswered=NOTHING)
    if number and not doubt and store.revision == number:
        gone = seen & ~causes(state.server.stops)
        if failed and gone & state.acknowledged:
            return state.breaks(5, "a restart carried out a reset that had been answered as failed")
        return forget(state, gone)
    return state


def _judged(state: State, believed: Stops, bounds: Bounds, *, doubt: bool) -> State:
    stops = state.server.stops
    if state.acknowledged & ~causes(stops):
        return state.breaks(1, "a stop that was answered durable is gone after a restart, and no reset is complete")
    for index, (_, action) in enumerate(bounds.triggers):
        held = [s for s in stops if s.causes & state.acknowledged & 1 << index]
        if held and max(s.action for s in held) < action:
            return state.breaks(1, "a stop that was answered durable has lost its action after a restart")
    before = max((s.action for s in believed if s.scope == GLOBAL), default=0)
    after = max((s.action for s in stops if s.scope == GLOBAL), default=0)
    if doubt and after < BLOCK:
        return state.breaks(2, "records that prove nothing did not start it ACTIVE")
    if doubt and after > max(before, BLOCK):
        return state.breaks(2, "lack of proof alone did more than BLOCK")
    return state


def forget(state: State, gone: int) -> State:
    """A reset has covered these causes: nobody is owed a stop for them any more."""
    gate = state.gate
    transit = gate.transit and gate.transit._replace(causes=gate.transit.causes & ~gone)
    stale = gate.stale and gate.stale._replace(causes=gate.stale.causes & ~gone)
    return state._replace(
        acknowledged=state.acknowledged & ~gone,
        gate=gate._replace(saw=gate.saw & ~gone, transit=transit, stale=stale),
    )


def give_up(state: State, rules: Rules, bounds: Bounds) -> State:
    """The floor cannot be committed, or not in time: listen all the same, and be stopped."""
    server = state.server._replace(listening=True)
    spare = state.spare._replace(errors=state.spare.errors - 1)
    if not rules.no_floor_is_active:
        state = state._replace(server=server, spare=spare)
        return state if server.stops else state.breaks(2, "a start that could not be written shows INACTIVE")
    start = FIRST_START << bounds.crashes - state.left.crashes
    server = activate(server, rules, GLOBAL, BLOCK, start, renew=rules.late_block_new_revision)
    return state._replace(server=server, spare=spare)


def shows(server: Server, rules: Rules) -> bool:
    """Whether gates are served, and people told a revision."""
    if not server.listening or not rules.floor_before_shown:
        return server.listening
    return bool(server.floored & 1 << STORE) if rules.floor_in_log else bool(server.floored)
