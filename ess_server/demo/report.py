"""The timeline as a table for people and as JSON for machines."""

import json

from rich.console import Console
from rich.table import Table

from ess_server.demo.timeline import Timeline


def as_table(timeline: Timeline) -> Table:
    """Return every observation in milliseconds since the price fell."""
    table = Table(title="From the fall of the price to trading again")
    table.add_column("ms", justify="right", no_wrap=True, min_width=len("12,345.6"))
    table.add_column("observed", no_wrap=True, min_width=max(len(name) for name in timeline.required))
    table.add_column("detail", overflow="fold")
    for step in timeline.steps():
        table.add_row(f"{step.since_fall_ms:,.1f}", step.name, step.note)
    return table


def as_json(timeline: Timeline, failure: str) -> str:
    """Return observations, what is missing, and whether the demo succeeded."""
    steps = [
        {"name": s.name, "since_fall_ms": round(s.since_fall_ms, 3), "time": s.time, "note": s.note}
        for s in timeline.steps()
    ]
    succeeded = not failure and not timeline.missing
    return json.dumps(
        {"succeeded": succeeded, "failure": failure, "missing": timeline.missing, "steps": steps}, indent=2
    )


def print_table(timeline: Timeline, failure: str) -> None:
    """Print the table and, in red, what was not seen."""
    console = Console()
    console.print(as_table(timeline))
    for line in filter(None, (failure, *(f"not observed: {name}" for name in timeline.missing))):
        console.print(line, style="red", markup=False)
    if not failure and not timeline.missing:
        console.print("Every step was observed: stopped, killed, resumed, flat, reset, trading again.", style="green")
