"""What the model knows: records, writers, server, gate, and what is remembered only to judge them.

Causes are bits, so that a lost stop stays known by what it was where a revision alone would not tell.
Everything is a tuple: a state is its own key.
"""

from typing import NamedTuple

STORE, LATCH = 0, 1
RECORDS = ("store", "latch file")
"""In the order in which a release is written."""

GLOBAL = 0
"""Releasing it releases every scope; other scopes are numbered from 1."""

BLOCK, FLATTEN = 1, 3

TRIPWIRE = 1 << 5
WITNESS = 1 << 6
FIRST_START = 1 << 7
"""Causes below are triggers, in order; causes from here up are starts without proof, in order."""


class Stop(NamedTuple):
    """One latched scope."""

    scope: int
    revision: int
    action: int
    causes: int


Stops = tuple[Stop, ...]


class Record(NamedTuple):
    """A durable record. Of the log only what can still be asked for: ``floor`` to ``revision``, and ``known``.

    ``known`` is the one older revision that the gate may still name, 0 if the log does not have it.
    """

    store_id: int
    revision: int
    floor: int
    stops: Stops
    known: int

    def logs(self, revision: int) -> bool:
        """Whether the event log beside this record carries ``revision``."""
        return revision == self.known or self.floor <= revision <= max(self.floor, self.revision)


Disk = tuple[Record, ...]
"""One record on disk: the durable one, then those that a loss of power may still lose; the last is read."""


class Writer(NamedTuple):
    """The write under way on a record's thread, and the newest state that waits behind it."""

    current: Record | None = None
    waiting: Record | None = None


class Reset(NamedTuple):
    """A reset under way. ``step`` is the record to write next, or AGAIN while a stop is written again."""

    scope: int
    number: int
    seen: int
    base: Stops
    target: Stops
    step: int
    begun: bool


AGAIN = 2


class Server(NamedTuple):
    """A process. ``revision`` is the one it shows; ``floored`` has a bit for each record with its floor."""

    listening: bool
    store_id: int
    floor: int
    floored: int
    revision: int
    allocated: int
    stops: Stops
    known: int
    writers: tuple[Writer, Writer]
    reset: Reset | None


class Message(NamedTuple):
    """What a stream carries."""

    store_id: int
    revision: int
    active: bool
    causes: int


class Gate(NamedTuple):
    """``saw``: causes of stops that it saw and no reset has covered. ``stale``: from a stream left open."""

    store_id: int
    highest: int
    stop_seen: bool
    allows: bool
    connected: bool
    saw: int
    transit: Message | None
    stale: Message | None


class Unanswered(NamedTuple):
    """The newest reset that a crash may still carry out; ``failed`` once it was answered so."""

    number: int = 0
    seen: int = 0
    failed: bool = False


NOTHING = Unanswered()


class Note(NamedTuple):
    """What the operator has read: the revision, and the causes that were shown with it."""

    revision: int = 0
    causes: int = 0


class Left(NamedTuple):
    """What may still happen, as in Bounds."""

    triggers: int
    crashes: int
    notes: int
    losses: int
    rollbacks: int
    tripwires: int


class Spare(NamedTuple):
    """As Left, but more of it never leads to less: a state with less of both is not explored again."""

    resets: int
    errors: int


class Broken(NamedTuple):
    """A promise that does not hold."""

    promise: int
    what: str


class State(NamedTuple):
    """``acknowledged``: causes answered durable and not released. ``spare`` must stay last, see explore."""

    server: Server
    disks: tuple[Disk, Disk]
    gate: Gate
    acknowledged: int
    unanswered: Unanswered
    note: Note
    tripwire: bool
    left: Left
    broken: Broken | None
    spare: Spare

    def breaks(self, promise: int, what: str) -> "State":
        """Return the state as a counterexample."""
        return self._replace(broken=self.broken or Broken(promise, what))


def causes(stops: Stops) -> int:
    """Return all causes of ``stops``."""
    mask = 0
    for stop in stops:
        mask |= stop.causes
    return mask


def covered_by(scope: int, stops: Stops) -> Stops:
    """Return the stops that a release of ``scope`` would take away."""
    return tuple(s for s in stops if scope in (GLOBAL, s.scope))
