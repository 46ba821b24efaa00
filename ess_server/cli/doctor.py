"""``ess doctor``."""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ess_server.cli.config import read
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import heed, plain, print_json, say
from ess_server.config.settings import Settings
from ess_server.core.findings import Finding, Grade

COLUMNS = ("account", "topic", "grade", "finding")
_COLOURS = {Grade.UNSAFE: "red", Grade.UNKNOWN: "red", Grade.WARN: "yellow"}


@click.command(epilog=exit_help(Exit.OK, Exit.USAGE, Exit.UNSAFE, Exit.UNEXAMINED))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="ESS_CONFIG",
    help="the server's configuration (ESS_CONFIG)",
)
@click.option("--account", "accounts", multiple=True, metavar="ID", help="only this account; may be repeated")
@click.option(
    "--within",
    type=click.FloatRange(1, 600),
    metavar="SECONDS",
    help="how long the venues may take to answer; examine_within_seconds unless given",
)
@click.option("--verbose", is_flag=True, help="print what the examining process logs as well")
@json_option
def doctor(
    *, config: Path | None, accounts: tuple[str, ...], within: float | None, verbose: bool, as_json: bool
) -> Exit:
    """Would the stop work? Look at the configuration and at every account on its venue, before it has to.

    Only reads: it changes nothing on a venue, and may run beside a server. Every finding that matters names the next
    step. While a server is cancelling and closing, it takes some of the same request limits.
    """
    if config is None:
        raise click.UsageError("name the server's configuration: --config FILE, or ESS_CONFIG")
    settings = read(config)
    _check_names(settings, accounts)
    from ess_server.app.doctor import diagnose  # noqa: PLC0415 - the whole server; the other commands start fast

    allowed = settings.server.examine_within if within is None else timedelta(seconds=within)
    if settings.accounts:
        heed(f"asking the venues, {allowed.total_seconds():g} s at most")
    log = None if verbose else os.open(os.devnull, os.O_WRONLY)
    findings = asyncio.run(diagnose(settings, within=allowed, accounts=accounts, stderr=log))
    if as_json:
        print_json({"verdict": _worst(findings).name, "findings": [_document(f) for f in findings]})
    else:
        _show(findings)
    return {Grade.UNSAFE: Exit.UNSAFE, Grade.UNKNOWN: Exit.UNEXAMINED}.get(_worst(findings), Exit.OK)


def _check_names(settings: Settings, named: Sequence[str]) -> None:
    known = [account.id for account in settings.accounts]
    for name in named:
        if name not in known:
            raise click.UsageError(f"there is no account {name!r}; there are {', '.join(known) or 'none'}")


def _worst(findings: Sequence[Finding]) -> Grade:
    return max((f.grade for f in findings), default=Grade.OK)


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "account": finding.account,
        "topic": finding.topic.value,
        "grade": finding.grade.name,
        "finding": finding.words,
        "next": finding.remedy,
    }


def _show(findings: Sequence[Finding]) -> None:
    from ess_server.cli.tables import print_table  # noqa: PLC0415 - rich is only loaded where a table is printed

    print_table("", COLUMNS, [(f.account or "-", f.topic.value, f.grade.name, f.words) for f in findings])
    matters = sorted((f for f in findings if f.grade >= Grade.WARN), key=lambda f: -f.grade)
    for finding in matters:
        where = f"{finding.account}: " if finding.account else ""
        say(
            plain(f"{finding.grade.name} {where}{finding.topic.value}: {finding.remedy}"),
            colour=_COLOURS[finding.grade],
        )
    counts = {grade: sum(f.grade is grade for f in findings) for grade in (Grade.UNSAFE, Grade.UNKNOWN, Grade.WARN)}
    words = ", ".join(f"{count} {grade.name}" for grade, count in counts.items() if count)
    say(words or "nothing stands in the way of a stop", colour=_COLOURS.get(_worst(findings), "green"), bold=True)
