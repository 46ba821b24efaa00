"""The gate and its stream.

A message that lingers in its stream meets the gate as it was when the message was sent: nothing else changes
a gate, and a new stream drops it. So it is delivered when sent, at any time, and only Bounds.late keeps it
apart, to show that this leaves nothing out.
"""

from .latching import activate
from .rules import Bounds, Rules
from .startup import shows
from .state import BLOCK, GLOBAL, WITNESS, Gate, Message, Server, State, causes


def message(server: Server) -> Message:
    """Return what the server would send now."""
    return Message(server.store_id, server.revision, bool(server.stops), causes(server.stops))


def heard(state: State, news: Message, rules: Rules) -> State:
    """The gate applies a message."""
    gate = state.gate
    if news.store_id != gate.store_id and rules.gate_refuses_other_store:
        return state._replace(gate=gate._replace(allows=False))
    if news.revision < gate.highest and rules.gate_ignores_lower:
        return state
    if news.active:
        saw = gate.saw | news.causes
        highest = max(news.revision, gate.highest)
        shut = gate._replace(highest=highest, stop_seen=True, allows=False, saw=saw)
        return _noted(state._replace(gate=shut))
    if gate.stop_seen and news.revision == gate.highest and rules.gate_remembers_stop:
        return state._replace(gate=gate._replace(allows=False))
    return _opened(state, news)


def _opened(state: State, news: Message) -> State:
    gate = state.gate
    highest = max(news.revision, gate.highest)
    opened = _noted(state._replace(gate=gate._replace(highest=highest, stop_seen=False, allows=True)))
    if news.revision < gate.highest:
        return opened.breaks(4, f"the gate opened at {news.revision} after it had seen {gate.highest}")
    if news.store_id != gate.store_id:
        return opened.breaks(4, "the gate opened for another store")
    if gate.saw:
        return opened.breaks(4, "the gate opened over a stop that it saw and no reset has covered")
    return opened


def _noted(state: State) -> State:
    """Forget an older revision that the gate cannot name any more."""
    server = state.server
    if server.known and server.known != state.gate.highest:
        return state._replace(server=server._replace(known=0))
    return state


def send(state: State, rules: Rules, bounds: Bounds) -> State | None:
    """The present state goes out on the stream; None if that could not matter."""
    gate, server = state.gate, state.server
    if not gate.connected or gate.transit or not shows(server, rules):
        return None
    news = message(server)
    if bounds.late:
        return state._replace(gate=gate._replace(transit=news)) if _matters(gate, news) else None
    after = heard(state, news, rules)
    return after if after != state else None


def _matters(gate: Gate, news: Message) -> bool:
    return news.revision != gate.highest or news.active != gate.stop_seen or bool(news.causes & ~gate.saw)


def receive(state: State, rules: Rules) -> State | None:
    """A message that lingered arrives."""
    if state.gate.transit is None:
        return None
    after = heard(state, state.gate.transit, rules)
    return after._replace(gate=after.gate._replace(transit=None))


def receive_stale(state: State, rules: Rules) -> State | None:
    """A message arrives on a stream that the gate should have left."""
    if state.gate.stale is None:
        return None
    after = heard(state, state.gate.stale, rules)
    return after._replace(gate=after.gate._replace(stale=None))


def connect(state: State, rules: Rules, bounds: Bounds) -> State | None:
    """The gate opens a new stream, naming its store and the highest revision it saw, and hears the state."""
    gate, server = state.gate, state.server
    if gate.connected or not shows(server, rules):
        return None
    named = gate.highest
    known = named == server.known or server.floor <= named <= server.allocated
    stale = None if rules.gate_drops_old_stream else gate.transit
    gate = gate._replace(connected=True, transit=None, stale=stale)
    if rules.witness and server.store_id == gate.store_id and not known:
        server = activate(server, rules, GLOBAL, BLOCK, WITNESS)
        # From here on that stop stands for whatever the gate saw.
        gate = gate._replace(saw=WITNESS)
    state = state._replace(server=server, gate=gate)
    if bounds.late:
        return state._replace(gate=gate._replace(transit=message(server)))
    return heard(state, message(server), rules)
