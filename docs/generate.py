"""Writes what is made from the code: docs/configuration.md, docs/venues.md, the table of settings in the README.

``--check`` writes nothing, and fails if something would change.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from ess_server.config.reference import TABLES, Table, about, rows
from ess_server.core.examination import CheckedBy
from ess_server.venue.facts import VenueFacts, all_facts

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


VENUES = """# Venues

Made from the code by `make docs`. `exchange` is what an account names in the configuration, an id of ccxt; what is
said here holds for the ccxt of the lock file. `ess doctor` says the same of your accounts, and what the venue tells.

**How it was checked.** {checked}

**Expiry**: orders of a stop are refused by the venue when they arrive later than 2 s; elsewhere one that hangs in the
network may act later. **Timer**: the venue's own dead man's switch, which cancels orders when this host is lost
(`dead_man_seconds`); of false safety is one that is set with success and never fires. **Witness**: figures of the
account that are held against empty lists before anything is called flat. **Equity**: one sum with open positions, for
`drawdown`. **Rights**: the venue tells whether the key may withdraw. **Executions** are read from the venue.

Whatever a list of the venue answers has to have the shape that its plan names; an empty, HTML, cut off or foreign body
is UNKNOWN, never flat. Orders that close contracts only reduce, everywhere.

| venue | `exchange` | checked by | expiry | timer | witness | equity | rights | executions |
|---|---|---|---|---|---|---|---|---|
"""
CHECKED = {
    CheckedBy.PAPER_DIALECT: "a paper venue speaks the exchange's protocol, with books of its own, to unmodified ccxt"
    " and to the exchange's own client library; stops run against it under faults.",
    CheckedBy.REQUEST_SHAPE: "every request that ccxt's real class makes is compared with one written down from the"
    " exchange's documentation as ccxt reads it, and every list is answered with bodies without sense; no exchange has"
    " ever answered. Drill with small orders of every kind that your engines use before you rely on it.",
    CheckedBy.GENERIC: "nobody has looked at this exchange. It does what ccxt offers for any, and refuses where ccxt"
    " cannot list orders or positions without a symbol, or cannot send orders that only reduce.",
}


def venues() -> str:
    """Return docs/venues.md."""
    facts = list(all_facts())
    checked = " ".join(f"*{how.value}*: {words}" for how, words in CHECKED.items())
    table = "".join(_row(one) for one in facts)
    return VENUES.format(checked=checked) + table + "".join(f"\n{_venue(one)}" for one in facts)


def _row(one: VenueFacts) -> str:
    exchange = f"`{one.exchange}`" if one.exchange else "its id"
    marks = [_mark(told) for told in (one.witness, one.equity, one.rights, one.executions)]
    cells = [one.name, exchange, one.coverage.checked_by.value, _mark(one.expires), one.timer, *marks]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |\n"


def _mark(told: bool) -> str:  # noqa: FBT001 - a cell of a table
    return "yes" if told else "no"


def _venue(one: VenueFacts) -> str:
    exchange = f" (`{one.exchange}`)" if one.exchange else ""
    covered, left = "; ".join(one.coverage.covered), "; ".join(one.coverage.not_covered)
    remark = f"\n{one.remark}\n" if one.remark else ""
    return f"## {one.name}{exchange}\n\n**Covered**: {covered}.\n\n**Not covered**: {left}.\n{remark}"


def _heading(text: str) -> str:
    return text if text == "top level" else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write, or check; return 1 if a file is not what the code makes."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    made = {
        readme: before + table() + rest.partition(END)[2],
        ROOT / "docs" / "configuration.md": reference(),
        ROOT / "docs" / "venues.md": venues(),
    }
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
