"""One account on the exchange in memory, with its flattener running and everything that it tells."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from ess_server.core.closing import ClosingRules
from ess_server.core.flatten import AccountFlattener, FlattenSettings
from ess_server.core.model import Account, AccountProgress, Action, FlattenStatus, Work
from ess_server.testing.exchange import FakeExchangeClient
from ess_server.testing.waiting import eventually

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


QUICK = FlattenSettings(
    call_timeout=timedelta(milliseconds=40),
    close_after=timedelta(milliseconds=60),
    verify_gap=timedelta(milliseconds=8),
    quiet_window=timedelta(milliseconds=8),
    sweep_interval=timedelta(milliseconds=10),
    sweep_interval_max=timedelta(milliseconds=15),
    backoff_min=timedelta(milliseconds=1),
    backoff_max=timedelta(milliseconds=8),
    request_expiry=timedelta(milliseconds=30),
    reopen_quiet=timedelta(milliseconds=300),
)


class RunningClock:
    """A clock that runs with the event loop."""

    def now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Return seconds."""
        return monotonic()


class Rig:
    """One account with its flattener, and everything that was told."""

    def __init__(
        self,
        settings: FlattenSettings = QUICK,
        client: FakeExchangeClient | None = None,
        rules: ClosingRules = ClosingRules(),  # noqa: B008 - frozen
    ) -> None:
        self.client = client or FakeExchangeClient(Account(id="main", venue="paper"))
        self.told: list[tuple[str, Mapping[str, str]]] = []
        self.history: list[AccountProgress] = []
        self._passed = 0
        self.watch: Callable[[AccountProgress], None] = lambda _: None
        self.flattener = AccountFlattener(
            self.client,
            RunningClock(),
            settings,
            on_progress=self._progress,
            on_event=self._event,
            rules=rules,
            rng=random.Random(7),
        )

    def _progress(self, progress: AccountProgress) -> None:
        self.history.append(progress)
        self.watch(progress)

    def _event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        assert account == "main"
        self.told.append((kind.removeprefix("flatten."), details))

    @property
    def kinds(self) -> list[str]:
        """Events told so far, without their family."""
        return [kind for kind, _ in self.told]

    @property
    def status(self) -> FlattenStatus:
        """Status as shown."""
        return self.flattener.progress.status

    async def passes(self, *statuses: FlattenStatus) -> None:
        """Wait until these statuses have been shown in this order, however briefly, since the last call."""
        for status in statuses:
            await eventually(lambda s=status: any(p.status is s for p in self.history[self._passed :]))
            self._passed = next(i for i, p in enumerate(self.history) if i >= self._passed and p.status is status)

    async def reaches(self, status: FlattenStatus, within: float = 5.0) -> None:
        """Wait for a status."""
        await eventually(lambda: self.status is status, within=within)


class running:  # noqa: N801 - reads as a statement
    """Runs the flattener of a rig for the length of a block."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def __aenter__(self) -> Rig:
        self._task = asyncio.create_task(self._rig.flattener.run())
        return self._rig

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.sleep(0.01)


def work(action: Action = Action.FLATTEN, **changes: object) -> Work:
    """Work on the whole account."""
    return replace(Work(account="main", stop_id="stop-1", action=action), **changes)
