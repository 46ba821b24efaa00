"""What every measurement returns: rows; and how they are shown and kept."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path("build/bench.json")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``n`` is what it was measured with or over: subscribers, accounts, rounds, calls.

    ``ratios`` are this figure divided by that of each named peer, side by side in the same run; ``at_most`` is the
    target, of the figure or of the ratio to ``target_peer``.
    """

    name: str
    n: int
    value: float
    unit: str
    ratios: Mapping[str, float] = field(default_factory=dict)
    at_most: float | None = None
    target_peer: str = ""

    @property
    def target(self) -> str:
        """The target in words, and whether it was missed."""
        if self.at_most is None:
            return ""
        value = self.ratios.get(self.target_peer) if self.target_peer else self.value
        if value is None:
            return ""
        words = f"{self.at_most:g} x {self.target_peer}" if self.target_peer else f"{self.at_most:g} {self.unit}"
        return f"{'MISSED' if value > self.at_most else 'met'}: at most {words}"


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile, ``share`` from 0 to 100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share / 100 * len(ordered)) - 1))]


def middle(values: Sequence[float]) -> float:
    """The median, an element of ``values``."""
    return percentile(values, 50)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as one table."""
    lines = [f"{'figure':36} {'n':>7} {'value':>12} unit  times as much as; target"]
    for row in rows:
        ratios = ", ".join(f"{ratio:.3g} x {peer}" for peer, ratio in row.ratios.items())
        notes = "; ".join(words for words in (ratios, row.target) if words)
        lines.append(f"{row.name:36} {row.n:7} {row.value:12.4g} {row.unit:5} {notes}".rstrip())
    return "\n".join(lines)


def keep(rows: Sequence[Row]) -> None:
    """Write ``build/bench.json``."""
    entries = [{"name": r.name, "n": r.n, "value": r.value, "unit": r.unit, "ratios": dict(r.ratios)} for r in rows]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(entries, indent=1) + "\n")
