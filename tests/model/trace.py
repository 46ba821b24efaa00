"""Traces for people."""

from collections.abc import Iterator, Sequence

from .protocol import Step
from .state import AGAIN, FIRST_START, RECORDS, TRIPWIRE, WITNESS, Disk, Record, Server, State, Stops, Writer

ACTIONS = ("none", "BLOCK", "CANCEL", "FLATTEN")


def told(trace: Sequence[Step]) -> str:
    """Return a trace as text: what happened, and below it the state that it led to.

    The disks are left out where no crash is to come: the model does not follow them any further.
    """
    return "\n".join(line for number, step in enumerate(trace) for line in _lines(number, *step))


def _lines(number: int, label: str, state: State) -> Iterator[str]:
    gate = state.gate
    yield f"{number:3} {label}"
    yield f"      {_server(state.server)}"
    if state.left.crashes or not state.server.allocated:
        yield "      " + "; ".join(f"{name}: {_disk(d)}" for name, d in zip(RECORDS, state.disks, strict=True))
    yield (
        f"      gate {'allows' if gate.allows else 'denies'}, highest {gate.highest}"
        f"{'' if gate.connected else ', cut off'}{', saw ' + _causes(gate.saw) if gate.saw else ''}"
    )
    if state.broken:
        yield f"      PROMISE {state.broken.promise} IS BROKEN: {state.broken.what}"


def _server(server: Server) -> str:
    if not server.allocated:
        return "no server"
    shown = f"server {_stops(server.stops)}@{server.revision}"
    waits = [f"{n} <- {_writer(w)}" for n, w in zip(RECORDS, server.writers, strict=True) if w.current]
    reset = server.reset
    if reset:
        waits.append("stopping again" if reset.step == AGAIN else f"reset {reset.number} at the {RECORDS[reset.step]}")
    return ", ".join([shown if server.listening else f"{shown} (starting)", *waits])


def _writer(writer: Writer) -> str:
    return " then ".join(_record(r) for r in writer if r)


def _disk(disk: Disk) -> str:
    return " or, not synced, ".join(map(_record, disk)) or "missing"


def _record(record: Record) -> str:
    return f"{_stops(record.stops)}@{record.revision} (floor {record.floor})"


def _stops(stops: Stops) -> str:
    return " ".join(f"{ACTIONS[s.action]}[scope {s.scope}: {_causes(s.causes)}]" for s in stops) or "INACTIVE"


def _causes(mask: int) -> str:
    names = {1: "trigger 1", 2: "trigger 2", TRIPWIRE: "tripwire", WITNESS: "witness"}
    names |= {FIRST_START << n: f"start {n}" for n in range(4)}
    return " + ".join(name for bit, name in names.items() if mask & bit)
