"""States with stops that were latched one after the other."""

from ess_server.core import latch
from ess_server.core.latch import Activation
from ess_server.core.model import EmergencyState, Stop

NOTHING = EmergencyState(store_id="store", revision=10)


def stopped(*activations: Activation, at: EmergencyState = NOTHING) -> EmergencyState:
    """Latch one after the other; each takes the next revision."""
    for one in activations:
        at = latch.activate(at, one, revision=at.revision + 1, stop_id=f"stop-{at.revision + 1}")
    return at


def only(state: EmergencyState) -> Stop:
    """Return the one stop that stands."""
    (stop,) = state.stops
    return stop
