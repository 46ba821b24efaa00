"""What was observed, when; the demo is a success only if all of it was."""

from dataclasses import dataclass, field

PRICE_FALLS = "the price falls"
BREACH_READ = "breach read"
LATCHED = "latched"
BROADCAST = "broadcast received"
FIRST_CANCEL = "first cancel sent"
KILLED = "server killed (SIGKILL) in the middle"
RESTARTED = "server back, still ACTIVE"
CLEAN_READS = "two clean reads"
FLAT = "FLAT"
VENUE_EMPTY = "venue's own books are empty"
STALE_REFUSED = "stale reset refused"
RELEASED = "right reset accepted"


def denied(engine: str) -> str:
    """Name the step at which an engine's gate denies."""
    return f"{engine} denied"


def trades_again(engine: str) -> str:
    """Name the step at which an engine's orders pass again."""
    return f"{engine} trades again"


@dataclass(frozen=True, slots=True)
class Step:
    """One observation: wall-clock seconds, and milliseconds since the price fell."""

    name: str
    time: float
    since_fall_ms: float
    note: str


@dataclass(slots=True)
class Timeline:
    """Observations in the order of their time."""

    engines: tuple[str, ...]
    _seen: dict[str, tuple[float, str]] = field(default_factory=dict)

    def saw(self, name: str, time: float, note: str = "") -> None:
        """Note the first time that something was seen."""
        self._seen.setdefault(name, (time, note))

    def has(self, name: str) -> bool:
        """Whether it was seen."""
        return name in self._seen

    @property
    def required(self) -> tuple[str, ...]:
        """Everything that must be seen."""
        denials, resumptions = (tuple(f(e) for e in self.engines) for f in (denied, trades_again))
        before = (PRICE_FALLS, BREACH_READ, LATCHED, BROADCAST, *denials, FIRST_CANCEL, KILLED, RESTARTED)
        return (*before, CLEAN_READS, FLAT, VENUE_EMPTY, STALE_REFUSED, RELEASED, *resumptions)

    @property
    def missing(self) -> tuple[str, ...]:
        """What was required and not seen."""
        return tuple(name for name in self.required if name not in self._seen)

    def steps(self) -> list[Step]:
        """Return what was seen, earliest first."""
        start = self._seen.get(PRICE_FALLS, (0.0, ""))[0]
        rows = [Step(n, t, (t - start) * 1000, note) for n, (t, note) in self._seen.items()]
        return sorted(rows, key=lambda r: r.time)
