"""The exchanges this version can flatten: one row each."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import aiohttp

from ess_server.core.errors import EssError
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_link import VenueAccount
from ess_server.core.venue_wire import PaperEndpoint
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_spot, ccxt_usdm
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.credentials import Credentials, read_credentials
from ess_server.venue.deferred import DeferredClient, VenueClient
from ess_server.venue.listed_executions import ListedHistory
from ess_server.venue.paper.pin import open_session
from ess_server.venue.usdm_executions import ExecutionHistory

SWEEP_SHARE = 0.8
"""Share of the request budget's steady income that sweeps of flat accounts may take."""


class UnknownExchangeError(EssError):
    """The configuration names an exchange that has no row here."""


class Connect(Protocol):
    """Makes a client for one account of an exchange."""

    def __call__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None,
        history: Any,  # noqa: ANN401 - that of the plan
    ) -> VenueClient:
        """Return the client; ``session`` leads to a paper venue, None to the exchange."""


@dataclass(frozen=True, slots=True)
class VenuePlan:
    """How to work with one exchange.

    ``history`` makes what has been read of an account's executions, from a time of the exchange in milliseconds on.
    ``paces_feeds`` tells that the limits count market data in the same unit. Where accounts hold assets, ``selling``
    makes what connects one of which a stop sells something.
    """

    connect: Connect
    limits: BudgetLimits
    snapshot_weight: float
    history: Callable[[int], Any] = ExecutionHistory
    paces_feeds: bool = False
    selling: Callable[[SpotSale], Connect] | None = None


PLANS: Mapping[str, VenuePlan] = MappingProxyType(
    {
        "binanceusdm": VenuePlan(
            ccxt_usdm.BinanceUsdmClient, ccxt_usdm.BUDGET, ccxt_usdm.SNAPSHOT_WEIGHT, paces_feeds=True
        ),
        "binance": VenuePlan(
            ccxt_spot.selling(SpotSale()),
            ccxt_spot.BUDGET,
            ccxt_spot.SNAPSHOT_WEIGHT,
            paces_feeds=True,
            selling=ccxt_spot.selling,
        ),
        "okx": VenuePlan(ccxt_okx.OkxClient, ccxt_okx.BUDGET, ccxt_okx.SNAPSHOT_WEIGHT, ListedHistory),
        "bybit": VenuePlan(ccxt_bybit.BybitClient, ccxt_bybit.BUDGET, ccxt_bybit.SNAPSHOT_WEIGHT, ListedHistory),
    }
)


class Budgets:
    """The request budgets of each exchange as it is reached from here.

    One is shared by its accounts and feeds, unless the exchange counts each account apart.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: dict[tuple[str, PaperEndpoint | None, str], RequestBudget] = {}

    def of(self, exchange: str, paper: PaperEndpoint | None, account: str = "") -> RequestBudget:
        """Return the budget of an account, or of no account; of an exchange without a row here, the first row's."""
        limits = PLANS[exchange].limits if exchange in PLANS else ccxt_usdm.BUDGET
        who = account if limits.per_account else ""
        return self._budgets.setdefault((exchange, paper, who), RequestBudget(self._clock.uptime, limits))


def open_clients(accounts: tuple[VenueAccount, ...], clock: Clock, budgets: Budgets) -> list[DeferredClient]:
    """Return a client for every account; those on the same exchange share its request budget.

    Nothing is read or connected yet: what is wrong with one account shows in its calls and stops no other.
    """
    clients: list[DeferredClient] = []
    for account in accounts:
        plan = PLANS.get(account.exchange, VenuePlan(_unknown(account.exchange), ccxt_usdm.BUDGET, 0))
        budget = budgets.of(account.exchange, account.paper, account.id)
        sources = [account.key, account.secret, *([account.passphrase] if account.passphrase else [])]
        files = [f for f in (*(s.file for s in sources), account.paper and account.paper.ca_file) if f]
        since = account.executions_since
        history = plan.history(int(since.timestamp() * 1000) if since else 0)
        client = plan.selling(account.spot) if plan.selling and account.spot else plan.connect
        connect = partial(_connect, client, account, clock, budget, history)
        clients.append(DeferredClient(Account(id=account.id, venue=account.venue), connect, files))
    return clients


def paced(settings: FlattenSettings, accounts: tuple[VenueAccount, ...]) -> FlattenSettings:
    """Return settings whose sweeps slow down to what the request budget of the most crowded exchange sustains."""
    crowds = Counter((account.exchange, account.paper) for account in accounts if account.exchange in PLANS)
    sustained = [
        (1 if plan.limits.per_account else count) * plan.snapshot_weight / plan.limits.per_second / SWEEP_SHARE
        for plan, count in ((PLANS[exchange], count) for (exchange, _), count in crowds.items())
    ]
    slowest = timedelta(seconds=max(sustained, default=0))
    return replace(settings, sweep_interval_max=max(settings.sweep_interval_max, slowest))


def _connect(
    connect: Connect, account: VenueAccount, clock: Clock, budget: RequestBudget, history: object
) -> VenueClient:
    credentials = read_credentials(account.key, account.secret, account.passphrase)
    paper = account.paper
    session = None if paper is None else open_session(Path(paper.ca_file), paper.host, paper.port)
    named = Account(id=account.id, venue=account.venue)
    return connect(named, credentials, clock=clock, budget=budget, session=session, history=history)


def _unknown(exchange: str) -> Connect:
    def refuse(*_: object, **__: object) -> VenueClient:
        raise UnknownExchangeError(f"exchange {exchange!r} is not one of {', '.join(PLANS)}")

    return refuse
