"""Stops, writers and the writes of stops."""

from .rules import Rules
from .state import LATCH, STORE, Disk, Record, Server, State, Stop, Stops, Writer, causes

IDLE = Writer()
DOWN = Server(
    listening=False,
    store_id=0,
    floor=0,
    floored=0,
    revision=0,
    allocated=0,
    stops=(),
    known=0,
    writers=(IDLE, IDLE),
    reset=None,
)
"""No process: between a crash and the next start."""
BOTH = 1 << STORE | 1 << LATCH


def joined(stops: Stops, new: Stop, *, rises: bool = True) -> Stops:
    """Latch ``new``, or let it join the stop of its scope."""
    others = []
    for stop in stops:
        if stop.scope == new.scope:
            action = max(stop.action, new.action) if rises else new.action
            new = Stop(new.scope, max(stop.revision, new.revision), action, stop.causes | new.causes)
        else:
            others.append(stop)
    return tuple(sorted([*others, new]))


def record(server: Server, revision: int, stops: Stops) -> Record:
    """Return what the records have to say of a transition to ``revision``."""
    return Record(server.store_id, revision, server.floor, stops, server.known)


def with_writer(server: Server, which: int, writer: Writer) -> tuple[Writer, Writer]:
    """Return the server's writers with one of them replaced."""
    store, latch = server.writers
    return (writer, latch) if which == STORE else (store, writer)


def wanting(server: Server, wanted: Record) -> tuple[Writer, Writer]:
    """Return the writers once ``wanted`` was submitted: a newer state takes the place of one that still waits."""
    store, latch = server.writers
    return (
        Writer(store.current, wanted) if store.current else Writer(wanted),
        Writer(latch.current, wanted) if latch.current else Writer(wanted),
    )


def activate(server: Server, rules: Rules, scope: int, action: int, cause: int, *, renew: bool = True) -> Server:
    """Latch in memory and queue both writes. ``renew`` False keeps the revision, which no rule allows."""
    revision = server.allocated + 1 if renew else server.revision
    stops = joined(server.stops, Stop(scope, revision, action, cause), rises=rules.action_only_rises)
    return server._replace(
        allocated=max(server.allocated, revision),
        revision=revision,
        stops=stops,
        writers=wanting(server, record(server, revision, stops)),
    )


def written(state: State, which: int) -> State:
    """A write of the present or a recent state succeeds: it is durable, and what it says is acknowledged."""
    server = state.server
    current, waiting = server.writers[which]
    assert current is not None
    floored = server.floored | 1 << which
    server = server._replace(
        writers=with_writer(server, which, Writer(waiting)),
        floored=floored,
        listening=server.listening or floored == BOTH,
    )
    if not state.left.crashes:
        return state._replace(server=server)
    return state._replace(
        server=server,
        disks=replaced(state, which, (current,)),
        acknowledged=state.acknowledged | causes(current.stops),
    )


def written_out_of_order(state: State, which: int) -> State:
    """The newer state lands first, the older one over it: what ``writes_in_order`` forbids."""
    server = state.server
    current, waiting = server.writers[which]
    assert current is not None
    assert waiting is not None
    return state._replace(
        server=server._replace(writers=with_writer(server, which, Writer(current))),
        disks=replaced(state, which, (waiting,)),
        acknowledged=state.acknowledged | causes(waiting.stops),
    )


def write_failed(state: State, which: int, *, applied: bool) -> State:
    """A write of a stop reports an error; it is tried again, with the newest state by then."""
    server = state.server
    current, waiting = server.writers[which]
    assert current is not None
    return state._replace(
        server=server._replace(writers=with_writer(server, which, Writer(waiting or current))),
        disks=replaced(state, which, unsynced(state.disks[which], current)) if applied else state.disks,
        spare=state.spare._replace(errors=state.spare.errors - 1),
    )


def unsynced(disk: Disk, new: Record) -> Disk:
    """Return ``disk`` with a write that may or may not survive a loss of power."""
    return disk if disk and disk[-1] == new else (*disk, new)


def replaced(state: State, which: int, disk: Disk) -> tuple[Disk, Disk]:
    """Return the disks with one of them replaced; without a crash to come nobody reads them again."""
    if not state.left.crashes:
        return state.disks
    return (disk, state.disks[LATCH]) if which == STORE else (state.disks[STORE], disk)
