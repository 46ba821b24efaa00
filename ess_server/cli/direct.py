"""The run of ``ess flatten --direct``: started, shown, interrupted, and told how it ended."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ess_server.adapters.evidence_file import EvidenceFile
from ess_server.app.direct import DirectFlatten, DirectOrder, DirectOutcome
from ess_server.cli.exits import Exit
from ess_server.cli.output import plain, print_json, say
from ess_server.cli.screen import Lines, Screen, Terminal, counts_text
from ess_server.config.settings import Settings
from ess_server.core.clock import SystemClock
from ess_server.core.model import AccountProgress, Action, FlattenStatus
from ess_server.core.venue_look import snapshot_entry
from ess_server.core.venue_snapshot import VenueSnapshot

TOLD_WITHIN = timedelta(seconds=1)
WRITTEN_WITHIN = timedelta(seconds=5)
MOST_SHOWN = 20
"""Orders and positions of an account that are named one by one at the end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line, and confirmed."""

    settings: Settings
    data_dir: Path
    accounts: tuple[str, ...]
    symbols: tuple[str, ...]
    action: Action
    requested_by: str


class _LogLines(logging.Handler):
    """Keeps what this process logs with the evidence, where it does not disturb the screen."""

    def __init__(self, evidence: EvidenceFile) -> None:
        super().__init__(logging.INFO)
        self._evidence = evidence

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one record."""
        self._evidence.note("log", level=record.levelname.lower(), logger=record.name, message=self.format(record))


class _Onlooker:
    """Shows progress and events on a screen."""

    def __init__(self, screen: Screen, wanted: Wanted) -> None:
        self._screen = screen
        self._wanted = wanted
        self._progress: dict[str, AccountProgress] = {}

    def progress(self, progress: AccountProgress) -> None:
        """See ``Onlooker.progress``."""
        self._progress[progress.account] = progress
        words = {id_: known.status.name for id_, known in self._progress.items()}
        self._screen.show(self._progress, words)

    def event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        """See ``Onlooker.event``."""
        what = details.get("detail") or details.get("error") or ""
        self._screen.say(f"{datetime.now(UTC):%H:%M:%S}  {kind}  {account or 'venue process'}  {what}".rstrip())


def warning(data_dir: Path) -> tuple[str, ...]:
    """Say what this does not do."""
    return (
        "ENGINES MAY STILL TRADE. This closes what the venues show; it tells no gate and latches nothing.",
        "  a server that answers stops them: ess trigger",
        f"  one that is started later is stopped from its first moment by: touch {data_dir / 'tripwire'}",
        "  gates deny by themselves 2 s after they last heard from a server; end an engine without a gate by hand",
    )


async def carry_out(wanted: Wanted, *, as_json: bool) -> Exit:
    """Flatten, and say how it ended."""
    screen: Screen = Terminal() if sys.stderr.isatty() else Lines()
    clock = SystemClock()
    path = _evidence_path(wanted.data_dir)
    evidence = EvidenceFile(path, clock, screen.say)
    logging.basicConfig(level=logging.INFO, handlers=[_LogLines(evidence)], force=True)
    log = _open_log(path.with_suffix(".log"))
    for line in warning(wanted.data_dir):
        screen.say(line)
    order = DirectOrder(
        accounts=wanted.accounts,
        symbols=wanted.symbols,
        action=wanted.action,
        requested_by=wanted.requested_by,
    )
    run = DirectFlatten(
        wanted.settings,
        wanted.data_dir / "venue.lock",
        order,
        clock=clock,
        evidence=evidence,
        onlooker=_Onlooker(screen, wanted),
        log=log,
    )
    outcome = await run.run(*_interrupts(screen))
    evidence.close(WRITTEN_WITHIN)
    screen.close(TOLD_WITHIN)
    _report(outcome, wanted, evidence, as_json=as_json)
    return Exit.OK if outcome.flat else Exit.INTERRUPTED


def _interrupts(screen: Screen) -> tuple[asyncio.Event, asyncio.Event]:
    """Return what the first and what the second Ctrl-C sets."""
    first, second = asyncio.Event(), asyncio.Event()

    def pressed() -> None:
        if first.is_set():
            second.set()
        else:
            first.set()
            screen.say("interrupted: waiting until nothing that was sent can act; once more to leave at once")

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, pressed)
    return first, second


def _evidence_path(data_dir: Path) -> Path:
    now = datetime.now(UTC)
    return data_dir / "evidence" / f"flatten-{now:%Y%m%dT%H%M%S}.{now.microsecond:06}Z.jsonl"


def _open_log(path: Path) -> int | None:
    """Return a file for what the venue process logs; without one that goes to stderr."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _report(outcome: DirectOutcome, wanted: Wanted, evidence: EvidenceFile, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(outcome, wanted, evidence))
        return
    for line in _account_lines(outcome, wanted):
        say(plain(line), colour="green" if outcome.flat else "red")
    if not outcome.quiet:
        say("NOT WAITED FOR: what was sent may still act for some seconds", colour="red")
    if evidence.problem:
        say(plain(f"evidence: not on disk ({evidence.problem}); it stands above, on stderr"), colour="red")
    else:
        say(plain(f"evidence: {evidence.path}"))
    for line in warning(wanted.data_dir):
        say(plain(line), colour="yellow")


def _account_lines(outcome: DirectOutcome, wanted: Wanted) -> Iterator[str]:
    """Say of each account how far it came, and what the last reading shows."""
    for account in wanted.accounts:
        known = outcome.progress.get(account)
        word = known.status.name if known else FlattenStatus.UNKNOWN.name
        if not outcome.flat and known and known.status.is_done:
            word = f"{word} before the end"
        of = f" of {', '.join(wanted.symbols)}" if wanted.symbols else ""
        found = outcome.shown.get(account, "nobody waited for a last reading")
        if isinstance(found, str):
            last = counts_text(known) if known else "nothing was ever read"
            yield f"{account}: {word}{of}; {last}; no last reading: {found}"
            continue
        count = f"{len(found.orders)} orders, {len(found.positions)} positions"
        yield f"{account}: {word}{of}; {count} at {found.time:%Y-%m-%d %H:%M:%S} UTC"
        yield from _open_lines(found)


def _open_lines(found: VenueSnapshot) -> Iterator[str]:
    rows = [f"{'long' if p.long else 'short'} {p.quantity} {p.symbol}" for p in found.positions]
    rows += [f"{'conditional ' if o.conditional else ''}order {o.id} {o.symbol}" for o in found.orders]
    yield from (f"  {row}" for row in rows[:MOST_SHOWN])
    if len(rows) > MOST_SHOWN:
        yield f"  and {len(rows) - MOST_SHOWN} more, all in the evidence"


def _document(outcome: DirectOutcome, wanted: Wanted, evidence: EvidenceFile) -> dict[str, Any]:
    accounts = []
    for account in wanted.accounts:
        known, found = outcome.progress.get(account), outcome.shown.get(account, "not read")
        status = known.status.name if known else FlattenStatus.UNKNOWN.name
        read = {"error": found} if isinstance(found, str) else {"shown": snapshot_entry(found)}
        accounts.append({"account": account, "status": status, "detail": known.detail if known else "", **read})
    return {
        "flat": outcome.flat,
        "quiet": outcome.quiet,
        "action": wanted.action.name,
        "symbols": list(wanted.symbols),
        "accounts": accounts,
        "evidence": str(evidence.path),
        "evidence_problem": evidence.problem,
        "engines_stopped": False,
    }
