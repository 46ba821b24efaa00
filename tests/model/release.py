"""Resets: the order of a release, and what ends one."""

from .latching import record, replaced, unsynced, wanting, with_writer, written
from .rules import Rules
from .startup import forget
from .state import AGAIN, LATCH, NOTHING, STORE, Note, Reset, Server, State, Unanswered, Writer, causes, covered_by


def accept(state: State, scope: int, note: Note, rules: Rules) -> State | None:
    """Begin a reset that names ``note``; None if it is refused, which changes nothing."""
    server = state.server
    stops = covered_by(scope, server.stops)
    if server.reset or not stops or note.revision > server.revision:
        return None
    if rules.reset_checks_revision and max(s.revision for s in stops) > note.revision:
        return None
    if state.tripwire and rules.tripwire_refuses_reset:
        return None
    if not _durable(server, rules):
        return None
    target = tuple(s for s in server.stops if s not in stops)
    number = server.allocated + 1
    reset = Reset(scope, number, note.causes, server.stops, target, STORE, begun=False)
    return begin(
        state._replace(
            server=server._replace(allocated=number, reset=reset),
            unanswered=Unanswered(number, note.causes) if state.left.crashes else NOTHING,
            spare=state.spare._replace(resets=state.spare.resets - 1),
        ),
        rules,
    )


def _durable(server: Server, rules: Rules) -> bool:
    if not rules.reset_waits_for_durable:
        return True
    idle = [w.current is None for w in server.writers]
    return all(idle) if rules.durable_means_both else any(idle)


def _overtaken(server: Server, reset: Reset, rules: Rules) -> bool:
    if rules.looks_at_every_scope:
        return server.stops != reset.base
    return covered_by(reset.scope, server.stops) != covered_by(reset.scope, reset.base)


def begin(state: State, rules: Rules) -> State:
    """Start the next write of a reset as soon as the record's thread is free and nothing newer has come."""
    server = state.server
    reset = server.reset
    if reset is None or reset.begun or reset.step == AGAIN:
        return state
    if rules.looks_before_writes and _overtaken(server, reset, rules):
        return stop_again(state)
    if server.writers[reset.step].current:
        return state
    writer = Writer(record(server, reset.number, reset.target))
    writers = with_writer(server, reset.step, writer)
    return state._replace(server=server._replace(writers=writers, reset=reset._replace(begun=True)))


def stop_again(state: State) -> State:
    """Write the present stops at a higher revision; the caller hears of it once that is durable."""
    server = state.server
    assert server.reset is not None
    number = server.allocated + 1
    reset = server.reset._replace(step=AGAIN, number=number, begun=False)
    writers = wanting(server, record(server, number, server.stops))
    return state._replace(server=server._replace(allocated=number, revision=number, reset=reset, writers=writers))


def released_write(state: State, which: int) -> bool:
    """Whether the write under way on this record is that of a release."""
    reset = state.server.reset
    return reset is not None and reset.begun and reset.step == which


def after_write(state: State, which: int, rules: Rules) -> State:
    """A write succeeds, and what waits for it goes on in the same step of the event loop."""
    ours, current = released_write(state, which), state.server.writers[which].current
    state = written(state, which)
    reset = state.server.reset
    if reset is None or current is None:
        return state
    if reset.step == AGAIN:
        return failed(state) if current.revision >= reset.number else state
    if not ours:
        return begin(state, rules)
    if which == LATCH:
        return finish(state, rules)
    return begin(state._replace(server=state.server._replace(reset=reset._replace(step=LATCH, begun=False))), rules)


def after_failure(state: State, which: int, rules: Rules, *, applied: bool) -> State:
    """The write of a release reports an error, whatever it did; it is never tried again."""
    current, waiting = state.server.writers[which]
    assert current is not None
    disks = replaced(state, which, unsynced(state.disks[which], current)) if applied else state.disks
    state = state._replace(
        server=state.server._replace(writers=with_writer(state.server, which, Writer(waiting))),
        disks=disks,
        spare=state.spare._replace(errors=state.spare.errors - 1),
    )
    return stop_again(state) if rules.failed_write_rewrites else failed(state)


def failed(state: State) -> State:
    """Answer the reset as failed or overtaken. Only records that both still hold it could carry it out."""
    number, seen, _ = state.unanswered
    possible = all(any(r.revision == number for r in disk) for disk in state.disks)
    return state._replace(
        server=state.server._replace(reset=None),
        unanswered=Unanswered(number, seen, failed=True) if possible else NOTHING,
    )


def finish(state: State, rules: Rules) -> State:
    """Both records hold the release: memory follows, unless something newer has come."""
    server = state.server
    reset = server.reset
    assert reset is not None
    if rules.looks_in_memory_step and _overtaken(server, reset, rules):
        return stop_again(state)
    gone = causes(server.stops) & ~causes(reset.target)
    state = state._replace(
        server=server._replace(stops=reset.target, revision=reset.number, reset=None), unanswered=NOTHING
    )
    if gone & ~reset.seen:
        return state.breaks(7, "a reset released a stop that its revision does not cover")
    if state.tripwire:
        return state.breaks(7, "a reset released the stop of a tripwire that is still there")
    return forget(state, gone)
