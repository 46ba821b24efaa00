"""SIGUSR1 stops: for whoever has a shell on this machine and nothing else that answers."""

import asyncio
import logging
import signal
import threading
from contextlib import suppress
from dataclasses import replace

from ess_server.core.evaluators import ManualEvaluator, ManualSettings
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, SERVER, Action, Cause, CauseSource
from ess_server.core.system import EmergencyStopSystem
from ess_server.core.watched import Watched

NUMBERS = frozenset({signal.SIGUSR1})

_log = logging.getLogger("ess.signal")


class SignalTrigger:
    """Latches a stop for each SIGUSR1, as every live manual evaluator is configured; without one, a global stop.

    It goes to the controller at once and waits for no evaluator: not for those that hang, and not for the manual one,
    which rests while its scope is stopped or held. One that comes before there is a system is latched as soon as there
    is one, before the port opens. A daemon thread waits for the signal, because a waiting thread learns who sent it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._system: EmergencyStopSystem | None = None
        self._early: list[str] = []
        self._settled = False
        self._over = False

    def listen(self) -> None:
        """Begin to wait for signals, those included that were held back until now.

        To be called before other threads start: a signal that finds one which does not block it kills the process.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
        threading.Thread(target=self._wait, name="sigusr1", daemon=True).start()

    def connect(self, system: EmergencyStopSystem) -> None:
        """Latch what came before, and from now on what comes."""
        self._system = system
        early, self._early = self._early, []
        for sender in early:
            self._latch(system, sender)

    async def settle(self) -> None:
        """Wait until everything that came so far is on disk. What comes later is too late for this process."""
        while self._system and not self._settled:
            self._settled = True
            await self._system.controller.settle()
        self._over = True

    def _wait(self) -> None:
        # A loop that is closed belongs to a process that has ended.
        with suppress(RuntimeError):
            while True:
                sent = signal.sigwaitinfo(NUMBERS)
                sender = f"SIGUSR1 from process {sent.si_pid} of user {sent.si_uid}"
                self._loop.call_soon_threadsafe(self._asked, sender)

    def _asked(self, sender: str) -> None:
        if self._over:
            _log.critical(
                "%s came too late, the server has ended; make the file tripwire in its data directory", sender
            )
        elif self._system is None:
            _log.warning("%s is latched once the records are read", sender)
            self._early.append(sender)
        else:
            self._latch(self._system, sender)

    def _latch(self, system: EmergencyStopSystem, sender: str) -> None:
        self._settled = False
        manual = [w for w in system.monitor.watched if isinstance(w.evaluator, ManualEvaluator)]
        wanted = [_activation(system, sender, one) for one in manual] if manual else [_activation(system, sender, None)]
        for activation in filter(None, wanted):
            system.controller.activate(activation)


def _activation(system: EmergencyStopSystem, sender: str, manual: Watched | None) -> Activation | None:
    """Return what a manual evaluator is configured to do; of one in shadow mode it is only recorded."""
    cause = Cause(source=CauseSource.MANUAL, reason=sender, actor=SERVER, time=system.clock.now())
    if manual is None:
        return Activation(scope=GLOBAL, action=system.settings.default_action, cause=cause)
    settings = manual.settings
    reason = f"{settings.reason} ({sender})" if isinstance(settings, ManualSettings) and settings.reason else sender
    if manual.shadow:
        words = f"would have stopped {settings.scope} ({settings.action.name}): {reason}"
        facts = {"evaluator": settings.name}
        note = system.controller.draft("evaluator.would_trip", words, scope=str(settings.scope), facts=facts)
        system.controller.note(note)
        return None
    delay = settings.delay_of(settings.action)
    return Activation(
        scope=settings.scope,
        action=Action.CANCEL if delay else settings.action,
        cause=replace(cause, evaluator=settings.name, reason=reason),
        flatten_delay=delay,
    )
