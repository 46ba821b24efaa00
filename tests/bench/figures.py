"""How every benchmark reports: a line for people, and an entry in build/bench.json."""

import json
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path("build/bench.json")


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile, ``share`` from 0 to 100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share / 100 * len(ordered) + 0.5) - 1))]


def report(name: str, n: int, value: float, unit: str, *, limit: float | None = None, **ratios: float) -> None:
    """Print one figure and keep it; ``ratios`` are against named peers of the same run."""
    against = "".join(f"  {r:.2f} x {peer}" for peer, r in ratios.items())
    bound = f"  (target: under {limit:g} {unit})" if limit is not None else ""
    print(f"{name:45} {value:12.3f} {unit:4} n={n}{against}{bound}")  # noqa: T201 - the report
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [entry for entry in known if entry["name"] != name]
    RESULTS.parent.mkdir(exist_ok=True)
    entry = {"name": name, "n": n, "value": value, "unit": unit, "ratios": ratios}
    RESULTS.write_text(json.dumps([*kept, entry], indent=1) + "\n")
