"""Takes on the configuration file again while the server runs: all of it, or nothing."""

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from ess_server.config import kinds
from ess_server.config.changes import in_words, refusals
from ess_server.config.load import load
from ess_server.config.problems import ConfigError
from ess_server.config.settings import Settings
from ess_server.core.evaluators import EvaluatorSettings, ManualEvaluator
from ess_server.core.latch import cut
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.watched import Watched

T = TypeVar("T")

READ_WITHIN = timedelta(seconds=30)
"""How long reading may take; importing an evaluator may be slow, and one that hangs must not keep later files out."""
MOST_LINES = 100
"""Mistakes or changes that an event lists; a file that was mixed up must not fill the log."""
MAX_WORDS_BYTES = 1024
MAX_LINE_BYTES = 300

_LONG_VALUE = re.compile(r'"[^"\s]{12,}"')
"""May be a key that was pasted into the wrong place, which the audit log would keep for ever."""

_log = logging.getLogger("ess.reload")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file and what it said when it was last taken on."""

    path: Path
    settings: Settings


class Reloader:
    """Reads the file when asked to. One that is mistaken, or that changes what takes a restart, changes nothing.

    A reload is never a reset: stops, baselines, inhibitions and the counters of unchanged evaluators stay, and an
    evaluator that was changed counts anew.
    """

    def __init__(self, file: ConfigFile, system: EmergencyStopSystem) -> None:
        self._file = file
        self._system = system

    async def run(self, asked: asyncio.Event) -> None:
        """Reload whenever ``asked`` is set, until cancelled."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                await self._reload()
            except Exception as error:  # noqa: BLE001 - the next file may be better
                _log.exception("the reload failed")
                self._reject([f"{self._file.path}: the reload failed: {type(error).__name__}"])

    async def _reload(self) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN.total_seconds()):
                settings, watched = await _in_thread(partial(_read, self._file, self._system.monitor.watched))
        except ConfigError as error:
            self._reject([str(problem) for problem in error.problems])
            return
        except TimeoutError:
            self._reject([f"{self._file.path}: was not read within {READ_WITHIN.total_seconds():g} s"])
            return
        await self._system.monitor.replace(watched)
        changes = in_words(self._file.settings, settings)
        self._file = ConfigFile(self._file.path, settings)
        self._system.notice = ""
        self._note("config.reloaded", changes or ["nothing has changed"])
        self._system.monitor.observed()

    def _reject(self, mistakes: Sequence[str]) -> None:
        system = self._system
        time = system.clock.now()
        system.notice = (
            f"the rules in force are older than their file, which was rejected at {time:%Y-%m-%d %H:%M:%S} UTC: "
            f"{mistakes[0]}" + (f" (and {len(mistakes) - 1} more mistakes)" if len(mistakes) > 1 else "")
        )
        system.notice = cut(_without_values(system.notice), MAX_WORDS_BYTES)
        self._note("config.rejected", mistakes)

    def _note(self, kind: str, lines: Sequence[str]) -> None:
        lines = [cut(_without_values(line), MAX_LINE_BYTES) for line in lines]
        for line in lines:
            _log.warning("%s: %s", kind, line)
        more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
        listed = [*lines[:MOST_LINES], *more]
        words = cut("; ".join(listed), MAX_WORDS_BYTES)
        facts = {f"line_{number:03}": line for number, line in enumerate(listed, 1)}
        controller = self._system.controller
        controller.note(controller.draft(kind, words, facts=facts))
        controller.tell()


def _read(file: ConfigFile, standing: Sequence[Watched]) -> tuple[Settings, list[Watched]]:
    settings = load(file.path, partial(refusals, file.settings))
    before = {watched.name: watched for watched in standing}
    return settings, [_watch(one, before.get(one.name)) for one in settings.evaluators]


def _watch(settings: EvaluatorSettings, former: Watched | None) -> Watched:
    """Return the same one where nothing has changed, else one that stands in for it."""
    if former and former.settings == settings:
        return former
    # Requests by hand that wait in it are no setting.
    by_hand = former and isinstance(former.evaluator, ManualEvaluator) and former.settings.kind == settings.kind
    return Watched(former.evaluator if former and by_hand else kinds.build(settings), settings)


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work beside the loop, on a daemon: an import that never ends must not keep the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(set_outcome: Callable[[], None]) -> None:
        if not done.done():
            set_outcome()

    def run() -> None:
        try:
            outcome = partial(done.set_result, work())
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            outcome = partial(done.set_exception, error)
        # Closed means that the server has ended meanwhile, and nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, outcome)

    threading.Thread(target=run, name="reload", daemon=True).start()
    return await done


def _without_values(text: str) -> str:
    return _LONG_VALUE.sub('"..."', text)
