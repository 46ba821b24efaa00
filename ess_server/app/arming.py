"""Examines the accounts when a server starts, and refuses the start of one that may not run with an unsafe account."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from ess_server.app.doctor import diagnose
from ess_server.config.settings import Settings
from ess_server.core.assembly import note_venue_event
from ess_server.core.doctor import in_a_sentence
from ess_server.core.errors import EssError
from ess_server.core.examination import Topic
from ess_server.core.findings import Finding, Grade, OnUnsafe
from ess_server.core.flatten_plan import wants_work
from ess_server.core.latch import cut
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.work import work_for

FIRST_AFTER = timedelta(seconds=10)
"""From listening to the examination that nothing waits for: the venue process is to start undisturbed."""
AGAIN_AFTER = timedelta(minutes=10)
"""Until what was unsafe or unknown is looked at once more."""

MAX_DETAIL_BYTES = 1000

_log = logging.getLogger("ess.app")

Diagnose = Callable[[], Awaitable[tuple[Finding, ...]]]


class UnsafeError(EssError):
    """An account's stop cannot work, and the configuration refuses to start with such an account."""


class EndedError(EssError):
    """The server was told to end before it listened."""


class Arming:
    """Decides whether a server may listen, and keeps ``EmergencyStopSystem.unsafe`` up to date.

    ``before_listening`` is called first, once.

    A start that finds a stop is neither refused nor delayed, and a stop that is latched meanwhile ends the waiting.
    Nothing is examined while the venues are worked on, for that needs their request limits.
    """

    def __init__(
        self,
        settings: Settings,
        stopping: asyncio.Event,
        look: Diagnose | None = None,
        *,
        first: timedelta = FIRST_AFTER,
        again: timedelta = AGAIN_AFTER,
    ) -> None:
        """``stopping`` is set when the server is to end; ``look`` returns the findings."""
        self._settings = settings
        self._stopping = stopping
        self._look = look or (lambda: diagnose(settings, within=settings.server.examine_within))
        self._first, self._again = first, again
        self._told: frozenset[Finding] = frozenset()
        self._latched = asyncio.Event()
        self._ready = False

    async def before_listening(self, system: EmergencyStopSystem) -> None:
        """Return once the server may listen. Raises UnsafeError, and EndedError if it is to end instead."""
        system.controller.on_latch(lambda _: self._latched.set())
        if self._settings.server.on_unsafe is OnUnsafe.WARN or not self._settings.accounts:
            return
        if system.controller.state.active:
            return
        findings = await self._unless_stopped()
        if system.controller.state.active:
            return
        if findings is None:
            raise EndedError("ended before it listened")
        self._tell(system, findings)
        refused = Grade.UNKNOWN if self._settings.server.on_unsafe is OnUnsafe.REFUSE_UNKNOWN else Grade.UNSAFE
        if any(f.grade >= refused for f in findings):
            raise UnsafeError(f"on_unsafe = {self._settings.server.on_unsafe.value!r}: {in_a_sentence(findings)}")

    async def keep_watch(self, system: EmergencyStopSystem) -> None:
        """Examine, unless it was done, and again for as long as something is unsafe or unknown; for ever."""
        if not self._settings.accounts:
            return
        delay = self._again if self._ready else self._first
        while True:
            await asyncio.sleep(delay.total_seconds())
            delay = self._again
            if (system.unsafe or not self._ready) and not _at_work(system):
                self._latched.clear()
                findings = await self._unless_stopped()
                if findings is not None:
                    self._tell(system, findings)

    async def _unless_stopped(self) -> tuple[Finding, ...] | None:
        """Return the findings; None if a stop was latched before there were any, or the server is to end."""
        looking = asyncio.create_task(self._findings())
        others = (asyncio.create_task(self._latched.wait()), asyncio.create_task(self._stopping.wait()))
        try:
            await asyncio.wait({looking, *others}, return_when=asyncio.FIRST_COMPLETED)
            return looking.result() if looking.done() else None
        finally:
            for task in (looking, *others):
                task.cancel()
            await asyncio.gather(looking, *others, return_exceptions=True)

    async def _findings(self) -> tuple[Finding, ...]:
        try:
            return await self._look()
        except Exception as error:  # noqa: BLE001 - an examination is optional: that it failed is what is known
            _log.exception("the examination failed")
            words = f"the examination failed: {type(error).__name__}"
            remedy = "look at the server's log, then: ess doctor"
            return (Finding(account="", topic=Topic.OPENING, grade=Grade.UNKNOWN, words=words, remedy=remedy),)

    def _tell(self, system: EmergencyStopSystem, findings: Sequence[Finding]) -> None:
        """Show what is serious, and put into the audit log what was not there before."""
        self._ready = True
        serious = frozenset(f for f in findings if f.grade >= Grade.UNKNOWN)
        before, system.unsafe = system.unsafe, in_a_sentence(findings)
        new, self._told = serious - self._told, serious
        for finding in (f for f in findings if f in new and f.grade is Grade.UNSAFE):
            _note(system, "doctor.unsafe", finding.account, f"{finding.topic.value}: {finding.words}")
        for account, words in _unknown(f for f in findings if f in new).items():
            _note(system, "doctor.unknown", account, words)
        if before and not system.unsafe:
            _note(system, "doctor.safe", "", "nothing is unsafe or unknown any more")
        if new or before:
            system.controller.tell()


def _at_work(system: EmergencyStopSystem) -> bool:
    return any(wants_work(work) for work in work_for(system.controller.state, system.controller.accounts).values())


def _unknown(findings: Iterable[Finding]) -> Mapping[str, str]:
    """Return what is unknown of each account, in one sentence: a venue that is away makes one event."""
    words = defaultdict(list)
    for finding in findings:
        if finding.grade is Grade.UNKNOWN:
            words[finding.account].append(f"{finding.topic.value}: {finding.words}")
    return {account: "; ".join(found) for account, found in words.items()}


def _note(system: EmergencyStopSystem, kind: str, account: str, detail: str) -> None:
    note_venue_event(system.controller, kind, account, {"detail": cut(detail, MAX_DETAIL_BYTES)})
