"""The first state, and all that can happen next."""

from collections.abc import Iterator

from .gate import connect, receive, receive_stale, send
from .latching import BOTH, DOWN, activate, write_failed, written_out_of_order
from .release import accept, after_failure, after_write, released_write
from .rules import GAP, Bounds, Rules
from .startup import give_up, restart, shows
from .state import (
    FLATTEN,
    GLOBAL,
    LATCH,
    NOTHING,
    RECORDS,
    STORE,
    TRIPWIRE,
    Disk,
    Gate,
    Left,
    Note,
    Record,
    Spare,
    State,
    causes,
)

Step = tuple[str, State]

COMMISSIONED = Record(store_id=1, revision=1, floor=1, stops=(), known=0)
OLD: Disk = (COMMISSIONED,)
MISSING: Disk = ()


def first(bounds: Bounds) -> State:
    """Return the state to explore from: a commissioned store, served, and a gate that is open."""
    return State(
        server=DOWN._replace(listening=True, store_id=1, floor=1, floored=BOTH, revision=1, allocated=1),
        disks=(OLD, OLD),
        gate=Gate(1, 1, stop_seen=False, allows=True, connected=True, saw=0, transit=None, stale=None),
        acknowledged=0,
        unanswered=NOTHING,
        note=Note(),
        tripwire=False,
        left=Left(
            triggers=len(bounds.triggers),
            crashes=bounds.crashes,
            notes=bounds.notes,
            losses=bounds.losses,
            rollbacks=bounds.rollbacks,
            tripwires=bounds.tripwires,
        ),
        broken=None,
        spare=Spare(bounds.resets, bounds.errors),
    )


def successors(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    """Yield everything that can happen next, with what it is called in a trace."""
    if state.server == DOWN:
        yield "the server starts", restart(state, rules, bounds)
        return
    assert state.server.allocated < state.server.floor + GAP, "GAP is too small for these bounds"
    if state.server.listening:
        yield from _people(state, rules, bounds)
        yield from _stream(state, rules, bounds)
    elif state.spare.errors:
        yield "the start cannot commit its floor and goes on", give_up(state, rules, bounds)
    yield from _writes(state, rules)
    if state.left.crashes:
        yield from _crashes(state)


def _people(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    server, left = state.server, state.left
    if left.triggers:
        index = len(bounds.triggers) - left.triggers
        scope, action = bounds.triggers[index]
        renew = rules.trigger_takes_revision or not server.stops
        latched = activate(server, rules, scope, action, 1 << index, renew=renew)
        yield (
            f"trigger {index + 1}, scope {scope}",
            state._replace(server=latched, left=left._replace(triggers=left.triggers - 1)),
        )
    if state.tripwire:
        yield "the tripwire is taken away", state._replace(tripwire=False)
    elif left.tripwires:
        latched = activate(server, rules, GLOBAL, FLATTEN, TRIPWIRE)
        left = left._replace(tripwires=left.tripwires - 1)
        yield "a tripwire is made", state._replace(server=latched, left=left, tripwire=True)
    if server.stops and shows(server, rules):
        yield from _operator(state, rules)


def _operator(state: State, rules: Rules) -> Iterator[Step]:
    server, left = state.server, state.left
    now = Note(server.revision, causes(server.stops))
    if left.notes and state.note != now:
        yield "the operator reads the state", state._replace(note=now, left=left._replace(notes=left.notes - 1))
    if not state.spare.resets or server.reset:
        return
    for note in dict.fromkeys((now, state.note) if state.note.revision else (now,)):
        for scope in sorted({GLOBAL, *(s.scope for s in server.stops)}):
            begun = accept(state, scope, note, rules)
            if begun:
                yield f"reset of scope {scope} naming {note.revision}", begun


def _stream(state: State, rules: Rules, bounds: Bounds) -> Iterator[Step]:
    for label, after in (
        ("the gate is sent the state", send(state, rules, bounds)),
        ("the gate reconnects", connect(state, rules, bounds)),
        ("the message reaches the gate", receive(state, rules)),
        ("a message of the old stream reaches the gate", receive_stale(state, rules)),
    ):
        if after:
            yield label, after


def _writes(state: State, rules: Rules) -> Iterator[Step]:
    for which in (STORE, LATCH):
        current, waiting = state.server.writers[which]
        if not current:
            continue
        name = RECORDS[which]
        yield f"the {name} is written", after_write(state, which, rules)
        if state.spare.errors:
            yield from _errors(state, which, rules)
        if waiting and not rules.writes_in_order:
            yield f"the {name} is written out of order", written_out_of_order(state, which)
        # Nobody is served yet, and a crash covers either order.
        if not state.server.listening:
            return


def _errors(state: State, which: int, rules: Rules) -> Iterator[Step]:
    release = released_write(state, which)
    # An error that only repeats the same write does less than a crash in the middle of it can.
    if not release and not state.server.writers[which].waiting:
        return
    for applied in (False, True):
        label = f"the {RECORDS[which]} reports an error, {'yet' if applied else 'not'} applied"
        if release:
            yield label, after_failure(state, which, rules, applied=applied)
        else:
            yield label, write_failed(state, which, applied=applied)


def _crashes(state: State) -> Iterator[Step]:
    left = state.left._replace(crashes=state.left.crashes - 1)
    crashed = state._replace(server=DOWN, gate=state.gate._replace(connected=False), left=left)
    store, latch = (_after_kill(d, w.current) for d, w in zip(state.disks, state.server.writers, strict=True))
    lost, gone = _after_power_loss(store), _after_power_loss(latch)
    if left.crashes:
        yield from _each("kill", crashed, store, latch)
    else:
        # What is not synced matters only to a crash after this one, so a kill leaves nothing else behind.
        store, latch = lost, gone
    yield from _each("power loss" if left.crashes else "kill or power loss", crashed, lost, gone)
    # From here on nothing on disk was promised to survive; only what gates saw still counts.
    crashed = crashed._replace(acknowledged=0, unanswered=NOTHING)
    if left.rollbacks:
        back = crashed._replace(left=left._replace(rollbacks=left.rollbacks - 1))
        yield from _each("crash, and an old copy of both records comes back", back, (OLD,), (OLD,))
    if left.losses:
        crashed = crashed._replace(left=left._replace(losses=left.losses - 1))
        yield from _each("crash that loses the store", crashed, (MISSING,), latch)
        yield from _each("crash that loses the latch file", crashed, store, (MISSING,))
        yield from _each("crash that loses both", crashed, (MISSING,), (MISSING,))


def _each(name: str, crashed: State, store: tuple[Disk, ...], latch: tuple[Disk, ...]) -> Iterator[Step]:
    for one in store:
        for other in latch:
            yield name, crashed._replace(disks=(one, other))


def _after_kill(disk: Disk, current: Record | None) -> tuple[Disk, ...]:
    """A write under way is applied or not; what is applied is not synced."""
    if current is None or (disk and disk[-1] == current):
        return (disk,)
    return (disk, (*disk, current))


def _after_power_loss(killed: tuple[Disk, ...]) -> tuple[Disk, ...]:
    """Of what was not synced, any may be what is left; where nothing was, there may be nothing."""
    left: tuple[Disk, ...] = tuple(dict.fromkeys((r,) for r in killed[-1]))
    return left if killed[0] else (MISSING, *left)
