"""What can stand in the way of a reset, one class each; the composition root lists them."""

from collections.abc import Sequence
from datetime import timedelta

from ess_server.core.controller import EmergencyStopController
from ess_server.core.errors import Refusal, ResetRefusedError
from ess_server.core.model import Action, FlattenStatus, Stop
from ess_server.core.monitor import Monitor, Tripwire
from ess_server.core.ports import MetricsRepository
from ess_server.core.release import Obstacle, ReleaseRequest
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.core.venue_ports import Flattener
from ess_server.core.work import touches

QUIET_WITHIN = timedelta(seconds=10)
"""How long a reset waits for orders in flight; the venue drops them after 2 s where it honours an expiry."""


class Flatness(Obstacle):
    """NOT_FLAT: a stop that cancels or closes is not done on every account that it touches."""

    def __init__(self, controller: EmergencyStopController, flattener: Flattener) -> None:
        self._controller = controller
        self._flattener = flattener

    async def refusals(self, stops: Sequence[Stop]) -> Sequence[Refusal]:
        """Name every account that the venue has not shown flat."""
        # A stop of this very moment may not have been handed over yet, and older work must not be taken for flat.
        self._controller.carry_out()
        progress = self._flattener.progress()
        found = []
        for account in self._at_work(stops):
            seen = progress.get(account)
            status = seen.status if seen else FlattenStatus.UNKNOWN
            if not status.is_done:
                detail = f"account {account} is {status.name}" + (f" ({seen.detail})" if seen and seen.detail else "")
                found.append(
                    Refusal(reason="NOT_FLAT", detail=f"{detail}; watch it with: ess status", overridable=True)
                )
        return found

    async def override(self, stops: Sequence[Stop]) -> None:
        """Stop the work and wait out what is in flight: an order of ours must not land after the release."""
        accounts = self._at_work(stops)
        self._controller.pause(accounts)
        if not await self._flattener.quiesce(accounts, QUIET_WITHIN):
            detail = f"orders in flight on {', '.join(accounts)} could not be waited out; try again"
            raise ResetRefusedError([Refusal(reason="NOT_FLAT", detail=detail, overridable=False)])

    def released(self, stops: Sequence[Stop], request: ReleaseRequest) -> None:
        """Let later stops work again."""
        self._controller.pause(())

    def abandoned(self) -> None:
        """Go on with the work."""
        self._controller.pause(())

    def _at_work(self, stops: Sequence[Stop]) -> list[str]:
        working = [s for s in stops if s.action > Action.BLOCK]
        return [a.id for a in self._controller.accounts if any(touches(s, a) for s in working)]


class Conditions(Obstacle):
    """CONDITION_TRUE: an evaluator would trip again at once."""

    def __init__(self, monitor: Monitor, metrics: MetricsRepository, accounts: Sequence[str]) -> None:
        self._monitor = monitor
        self._metrics = metrics
        self._accounts = accounts
        self._passed: tuple[str, ...] = ()

    async def refusals(self, stops: Sequence[Stop]) -> Sequence[Refusal]:
        """Evaluate anew and name every breach."""
        return [
            Refusal(reason="CONDITION_TRUE", detail=f"{name}: {detail}", overridable=True)
            for name, detail in await self._monitor.assess(stops)
        ]

    async def override(self, stops: Sequence[Stop]) -> None:
        """Remember what was gone past: it is inhibited until it has read clear once."""
        self._passed = tuple(name for name, _ in await self._monitor.assess(stops))

    def released(self, stops: Sequence[Stop], request: ReleaseRequest) -> None:
        """Count anew, and start baselines anew if the person said so."""
        passed, self._passed = self._passed, ()
        self._monitor.released(stops, passed)
        if request.rebaseline:
            self._metrics.rebaseline(self._accounts_of(stops))

    def abandoned(self) -> None:
        """Forget what would have been gone past."""
        self._passed = ()

    def _accounts_of(self, stops: Sequence[Stop]) -> list[str]:
        named = {s.scope.id for s in stops}
        return [a for a in self._accounts if a in named] or list(self._accounts)


class Gates(Obstacle):
    """UNCONFIRMED_GATES: a gate is not known to deny."""

    def __init__(self, subscribers: SubscriberRegistry) -> None:
        self._subscribers = subscribers

    async def refusals(self, stops: Sequence[Stop]) -> Sequence[Refusal]:
        """Name the gates that are pending or were never seen."""
        seen = self._subscribers.enforcement()
        if seen.complete:
            return ()
        detail = f"not known to deny: {', '.join(seen.unconfirmed)}; look with: ess subscribers --unconfirmed"
        return [Refusal(reason="UNCONFIRMED_GATES", detail=detail, overridable=True)]


class TripwireStands(Obstacle):
    """TRIPWIRE_PRESENT: the file would stop everything again within a tick."""

    def __init__(self, tripwire: Tripwire) -> None:
        self._tripwire = tripwire

    async def refusals(self, stops: Sequence[Stop]) -> Sequence[Refusal]:
        """Look for the file."""
        if await self._tripwire.reason() is None:
            return ()
        detail = "the tripwire file exists; remove it by hand once it is safe: rm <data-dir>/tripwire"
        return [Refusal(reason="TRIPWIRE_PRESENT", detail=detail, overridable=False)]
