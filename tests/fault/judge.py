"""What a start may believe, judged apart from the code that is judged.

What was asked and answered is judged by ``tests.e2e.test_kill.History``: the same promises, whatever fault came.
"""

from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.test_kill import History
from tests.fault.hand import both_say_inactive
from tests.fault.installation import start


def told(lines: list[str]) -> History:
    """Return what a life asked and was answered, by the lines that it left."""
    history = History()
    for line in lines:
        word, *facts = line.split()
        if word == "DURABLE":
            history.acknowledged.add((facts[0], int(facts[1])))
        elif word == "RESETTING":
            history.resets.add((facts[0], int(facts[1])))
        elif word == "REFUSED":
            history.resets.discard((facts[0], int(facts[1])))
    return history


def judged_start(data: Path, history: History) -> str:
    """Start on ``data`` and return what is wrong with what it believes; empty if nothing is."""
    may_be_inactive = both_say_inactive(data)
    try:
        state = start(data)
        history.check_state(state)
        if state.status == pb.STOP_STATUS_INACTIVE and not may_be_inactive:
            return "started INACTIVE, and not both records said so"
        again = start(data)
        if {s.scope for s in again.stops} != {s.scope for s in state.stops}:
            return f"the next start believes something else: {list(again.stops)}, before {list(state.stops)}"
    except Exception as error:  # noqa: BLE001 - whatever a start raises is the finding
        return f"{type(error).__name__}: {error}"
    return ""
