"""What has been seen of one store: its highest revision and the stops at it."""

from dataclasses import replace

from ess_client._model import INACTIVE, LimitWarning, Proof, Stop
from ess_client._scopes import GLOBAL

GATE_LEVEL = 1
"""Contract level that this gate implements."""


class History:
    """One store as the gate has seen it. Stops only add up within a revision: a release takes a new one."""

    __slots__ = ("installation", "revision", "stops", "too_old", "warnings")

    def __init__(self) -> None:
        self.revision = -1
        self.stops: dict[str, Stop] = {}
        self.too_old = False
        self.installation = ""
        self.warnings: tuple[LimitWarning, ...] = ()

    @property
    def standing(self) -> dict[str, Stop]:
        """All that denies orders: the stops, and a level that this gate does not understand as a global one."""
        if not self.too_old:
            return self.stops
        return {GLOBAL: Stop(scope=GLOBAL, reason="a restriction this gate does not understand"), **self.stops}

    def learn(self, proof: Proof) -> bool:
        """Take in a message. True if it changed what is denied, or the revision; older ones are ignored."""
        if proof.revision < self.revision:
            return False
        stops, too_old = stops_of(proof), proof.gate_level > GATE_LEVEL
        self.installation, self.warnings = proof.installation, proof.warnings
        if proof.revision > self.revision:
            self.revision, self.stops, self.too_old = proof.revision, stops, too_old
            return True
        grown = not self.stops.keys() >= stops.keys() or too_old > self.too_old
        self.stops, self.too_old = {**self.stops, **stops}, self.too_old or too_old
        return grown

    def is_borne_out_by(self, proof: Proof) -> bool:
        """Whether the message is current and shows every stop that was seen at its revision."""
        return proof.revision == self.revision and self.stops.keys() <= stops_of(proof).keys()


def stops_of(proof: Proof) -> dict[str, Stop]:
    """The stops a message shows, by scope. What cannot be read as INACTIVE is a stop, in doubt a global one."""
    stops = {stop.scope: stop for stop in (replace(each, scope=each.scope or GLOBAL) for each in proof.stops)}
    contradictory = bool(stops) == (proof.status == INACTIVE)
    if contradictory and GLOBAL not in stops:
        reason = f"status {proof.status} with {len(stops)} stops reads as stopped"
        stops[GLOBAL] = Stop(scope=GLOBAL, revision=proof.revision, reason=reason)
    return stops


def denies(proof: Proof) -> bool:
    """Whether the message itself keeps some order from being sent."""
    return bool(stops_of(proof)) or proof.gate_level > GATE_LEVEL
