"""Writes what is made from the code: docs/configuration.md, and the table of settings in the README.

``--check`` writes nothing, and fails if something would change.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from ess_server.config.reference import TABLES, Table, about, rows

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- settings: written by make docs -->", "<!-- end of settings -->"
INTRODUCTION = """# Configuration

Made from the code by `make docs`; `ess config check FILE` names every mistake with line and key, `ess config show FILE`
prints what is in force, and [examples/ess.toml](../examples/ess.toml) has every table ready to be put in force. A
relative path starts at the directory of the file. The key of a duration ends in its unit. What a running server takes
on by reload says the [runbook](runbook.md).
"""


def reference() -> str:
    """Return docs/configuration.md."""
    return INTRODUCTION + "".join(part for table in TABLES for part in ("\n", *_section(table)))


def _section(part: Table) -> Iterator[str]:
    found = rows(part)
    yield f"## {_heading(part.heading)}\n\n{about(part)}\n"
    if found:
        yield "\n| key | value | default | | why this default |\n|---|---|---|---|---|\n"
    for row in found:
        yield f"| `{row.key}` | {row.kind} | {row.default} | {_cell(row.meaning)} | {_cell(row.reason)} |\n"


def table() -> str:
    """Return the table of the README, with its markers."""
    lines = [BEGIN, "", "| | default | why |", "|---|---|---|"]
    for part in TABLES:
        found = rows(part)
        if found:
            lines.append(f"| **{_heading(part.heading)}** | | |")
        lines += [f"| `{row.key}` | {row.default} | {_cell(row.reason or row.meaning)} |" for row in found]
    return "\n".join([*lines, "", END])


def _heading(text: str) -> str:
    return text if text == "top level" else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write, or check; return 1 if a file is not what the code makes."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    made = {readme: before + table() + rest.partition(END)[2], ROOT / "docs" / "configuration.md": reference()}
    drifted = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in drifted:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what the code makes: run make docs and commit\n")
        return 1 if drifted else 0
    for path in drifted:
        path.write_text(made[path])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
