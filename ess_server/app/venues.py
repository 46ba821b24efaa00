"""Connects the venue process: what it is told, and where its news go."""

import logging
import math
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from ess_server.adapters.venue_process import VenueProcess
from ess_server.config.settings import AccountSettings, FeedSettings, Settings, SpotSettings
from ess_server.config.settings import PaperEndpoint as PaperSettings
from ess_server.core.assembly import note_venue_event
from ess_server.core.closing import ClosingRules
from ess_server.core.controller import EmergencyStopController
from ess_server.core.dead_man import DeadMan
from ess_server.core.errors import CapacityError, EssError
from ess_server.core.evaluators.execution_errors import ExecutionErrorsSettings
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.intake import Intake
from ess_server.core.model import AccountProgress
from ess_server.core.ports import Clock
from ess_server.core.readings import EquityReading, ExecutionReport, FeedUpdate
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_feeds import VenueFeed
from ess_server.core.venue_link import KeySource, VenueAccount, VenueSettings
from ess_server.core.venue_wire import PaperEndpoint

_REPEAT_AFTER = 60.0
DISARM_WITHIN = timedelta(seconds=10)
"""How long the end of a server may wait for dead man's switches: a renewal in flight, its validity, and the stop."""

_log = logging.getLogger("ess.app")

OnExit = Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], Awaitable[None]]


class VenueNews:
    """Takes what the venues report to the parts that it concerns. ``connect`` comes before the first news."""

    def __init__(self) -> None:
        self._controller: EmergencyStopController | None = None
        self._intake: Intake | None = None
        self._full_at: dict[str, float] = {}

    def connect(self, controller: EmergencyStopController, intake: Intake) -> None:
        """Name the parts that are built after the venue's side."""
        self._controller, self._intake = controller, intake

    def equity(self, reading: EquityReading) -> None:
        """Take a polled equity."""
        if self._intake:
            self._intake.equity(reading)

    def execution(self, report: ExecutionReport) -> None:
        """Take a report that was read from the venue."""
        if self._intake:
            self._intake.execution(report)

    def feed(self, update: FeedUpdate) -> None:
        """Take an update of a configured feed; what there is no room for is told once a minute."""
        if self._intake is None:
            return
        try:
            self._intake.feed(update)
        except CapacityError as full:
            if update.received - self._full_at.get(update.feed, -math.inf) > _REPEAT_AFTER:
                self._full_at[update.feed] = update.received
                self.event("venue.fault", "", {"detail": f"feed {update.feed}: {full}"})

    def progress(self, progress: AccountProgress) -> None:
        """Nothing to do: progress is read where it is shown."""

    def event(self, kind: str, account: str, details: Mapping[str, str]) -> None:
        """Log what happened on a venue."""
        if self._controller:
            note_venue_event(self._controller, kind, account, details)


def build_flattener(
    settings: Settings, clock: Clock, news: VenueNews, stack: AsyncExitStack
) -> VenueProcess | LocalFlattener:
    """Return what carries out stops: a venue process, which reads feeds too; or nothing where there is neither."""
    if not settings.accounts and not settings.feeds:
        return LocalFlattener(
            (), clock=clock, settings=FlattenSettings(), on_progress=news.progress, on_event=news.event
        )
    if settings.server.data_dir:
        lock_file = settings.server.data_dir / "venue.lock"
    else:
        lock_file = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ess-"))) / "venue.lock"
    return VenueProcess(
        venue_settings(settings, lock_file),
        clock=clock,
        on_equity=news.equity,
        on_execution=news.execution,
        on_feed=news.feed,
        on_event=news.event,
        on_progress=news.progress,
    )


def ending(flattener: VenueProcess | LocalFlattener) -> OnExit:
    """Return what ends it.

    A server that ends as it was told to, or refuses to start, stops the dead man's switches: an upgrade must not cancel
    orders. One that fails leaves them to run out, unless the next start comes before.
    """

    async def end(failed: type[BaseException] | None, *_: object) -> None:
        meant = failed is None or issubclass(failed, EssError)
        if isinstance(flattener, VenueProcess) and meant and not await flattener.disarm(DISARM_WITHIN):
            _log.warning("not every dead man's switch could be stopped: the venue may cancel orders soon")
        await flattener.stop()

    return end


def venue_settings(settings: Settings, lock_file: Path) -> VenueSettings:
    """Return what a venue process is told of these settings."""
    return VenueSettings(
        accounts=tuple(_account(a, settings) for a in settings.accounts),
        feeds=tuple(_feed(f) for f in settings.feeds),
        lock_file=str(lock_file),
        flatten=FlattenSettings(quiet_window=settings.server.quiet_window),
    )


def _account(account: AccountSettings, settings: Settings) -> VenueAccount:
    return VenueAccount(
        id=account.id,
        venue=account.venue,
        exchange=account.exchange,
        key=KeySource(file=str(account.api_key_file or ""), env=account.api_key_env),
        secret=KeySource(file=str(account.secret_file or ""), env=account.secret_env),
        passphrase=_passphrase(account),
        paper=_endpoint(account.paper),
        equity_interval=account.equity_poll,
        executions_interval=account.executions_poll if _wants_executions(account, settings) else None,
        closing=_closing(account),
        dead_man=DeadMan(after=account.dead_man) if account.dead_man else None,
        spot=_sale(account.spot),
    )


def _sale(spot: SpotSettings | None) -> SpotSale | None:
    if spot is None:
        return None
    return SpotSale(sell=spot.sell, into=spot.into, keep=tuple(spot.keep.items()))


def _closing(account: AccountSettings) -> ClosingRules:
    rules = ClosingRules(cancel_protective=account.cancel_protective)
    if account.closing is None:
        return rules
    collar = account.closing.collar_percent
    return replace(
        rules,
        collar=None if collar is None else collar / 100,
        slices=account.closing.slices,
        slice_interval=account.closing.slice_interval,
        market_after=account.closing.market_after,
    )


def _passphrase(account: AccountSettings) -> KeySource | None:
    if account.passphrase_file is None and not account.passphrase_env:
        return None
    return KeySource(file=str(account.passphrase_file or ""), env=account.passphrase_env)


def _feed(feed: FeedSettings) -> VenueFeed:
    return VenueFeed(
        name=feed.name,
        exchange=feed.exchange,
        symbols=feed.symbols,
        kind=feed.kind,
        source=feed.source,
        poll=feed.poll,
        paper=_endpoint(feed.paper),
    )


def _endpoint(paper: PaperSettings | None) -> PaperEndpoint | None:
    return PaperEndpoint(host=paper.host, port=paper.port, ca_file=str(paper.ca_file)) if paper else None


def _wants_executions(account: AccountSettings, settings: Settings) -> bool:
    """Whether somebody evaluates executions of the account: reading them takes from the venue's request budget."""
    wanting = {
        getattr(evaluator, "account", None)
        for evaluator in settings.evaluators
        if isinstance(evaluator, ExecutionErrorsSettings) or ":" in evaluator.kind
    }
    return bool(account.executions_poll) and account.id in wanting
