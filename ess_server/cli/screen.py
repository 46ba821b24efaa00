"""Where a command that must never wait shows what it does: a terminal in place, or lines on stderr."""

import queue
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from ess_server.cli.output import plain
from ess_server.core.log_queue import LogQueue
from ess_server.core.model import AccountProgress

PERIOD = 0.2
"""Seconds between two pictures."""
COLUMNS = ("account", "venue", "status", "orders", "positions", "read (UTC)", "detail")


class Screen(Protocol):
    """Shows lines and progress. Nothing here waits or raises, whatever has become of the terminal."""

    def say(self, line: str) -> None:
        """Show a line."""

    def show(self, progress: Mapping[str, AccountProgress], words: Mapping[str, str]) -> None:
        """Show where every account stands, in ``words``, in place of what was shown before."""

    def close(self, within: timedelta) -> None:
        """Show what is left."""


class Lines:
    """Lines on stderr, one for every change."""

    def __init__(self) -> None:
        self._lines = LogQueue()
        self._said: dict[str, str] = {}

    def say(self, line: str) -> None:
        """See ``Screen.say``."""
        self._lines.say(plain(line))

    def show(self, progress: Mapping[str, AccountProgress], words: Mapping[str, str]) -> None:
        """See ``Screen.show``."""
        for account, known in progress.items():
            line = f"{account} {words[account]}: {counts_text(known)}" + (f"; {known.detail}" if known.detail else "")
            if self._said.get(account) != line:
                self._said[account] = line
                self.say(line)

    def close(self, within: timedelta) -> None:
        """See ``Screen.close``."""
        self._lines.drain(within)


class Terminal:
    """A table that changes in place, with lines above it, drawn by a thread of its own."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._rows: tuple[tuple[str, ...], ...] = ()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ess-screen", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """See ``Screen.say``."""
        self._lines.put(plain(line))

    def show(self, progress: Mapping[str, AccountProgress], words: Mapping[str, str]) -> None:
        """See ``Screen.show``."""
        self._rows = tuple(_row(known, words[account]) for account, known in progress.items())

    def close(self, within: timedelta) -> None:
        """See ``Screen.close``."""
        self._closing.set()
        self._thread.join(within.total_seconds())

    def _run(self) -> None:
        from rich.live import Live  # noqa: PLC0415 - rich is only loaded where something is shown
        from rich.text import Text  # noqa: PLC0415 - as above

        from ess_server.cli.tables import console, table  # noqa: PLC0415 - as above

        screen = console(err=True)
        # A terminal that was closed takes nothing any more.
        with suppress(OSError), Live(console=screen, transient=True, auto_refresh=False) as display:
            closing = False
            while not closing:
                closing = self._closing.wait(PERIOD)
                with suppress(queue.Empty):
                    while True:
                        screen.print(Text(self._lines.get_nowait()))
                display.update(table("", COLUMNS, self._rows) if self._rows else "", refresh=True)


def counts_text(known: AccountProgress) -> str:
    """Say what was open when the account was last read."""
    return f"{_number(known.open_orders)} orders, {_number(known.open_positions)} positions"


def _row(known: AccountProgress, word: str) -> tuple[str, ...]:
    time = f"{known.read_time:%Y-%m-%d %H:%M:%S}" if known.read_time else ""
    return (
        known.account,
        known.venue,
        word,
        _number(known.open_orders),
        _number(known.open_positions),
        time,
        known.detail,
    )


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)
