"""The exchanges this version can flatten: one row each."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

import aiohttp

from ess_server.core.errors import EssError
from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_link import VenueAccount
from ess_server.core.venue_wire import PaperEndpoint
from ess_server.venue import ccxt_bybit, ccxt_okx, ccxt_spot, ccxt_usdm, okx_reading
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.credentials import Credentials, read_credentials
from ess_server.venue.deferred import DeferredClient, VenueClient
from ess_server.venue.listed_executions import ListedHistory
from ess_server.venue.paper.pin import lent_session
from ess_server.venue.unified import generic
from ess_server.venue.unified.connect import connect_generic, connect_unified, is_of_ccxt
from ess_server.venue.unified.table import UNIFIED
from ess_server.venue.usdm_executions import ExecutionHistory

SWEEP_SHARE = 0.8
"""Share of the request budget's steady income that sweeps of flat accounts may take."""
_FEEDS = "\0feeds"
"""No account can have this id."""


class UnknownExchangeError(EssError):
    """The configuration names an exchange that nothing here knows."""


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
    makes what connects one of which a stop sells something. ``feeds_apart`` tells that the limits are too narrow to
    read feeds by as well: these have a budget of their own.
    """

    connect: Connect
    limits: BudgetLimits
    snapshot_weight: float
    history: Callable[[int], Any] = ExecutionHistory
    paces_feeds: bool = False
    selling: Callable[[SpotSale], Connect] | None = None
    feeds_apart: bool = False


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
        "okx": VenuePlan(ccxt_okx.OkxClient, ccxt_okx.BUDGET, okx_reading.SNAPSHOT_WEIGHT, ListedHistory),
        "bybit": VenuePlan(ccxt_bybit.BybitClient, ccxt_bybit.BUDGET, ccxt_bybit.SNAPSHOT_WEIGHT, ListedHistory),
        **{
            exchange: VenuePlan(connect_unified(plan), plan.limits, plan.snapshot_weight, feeds_apart=True)
            for exchange, plan in UNIFIED.items()
        },
    }
)


def plan_of(exchange: str) -> VenuePlan:
    """Return the plan; for an exchange of ccxt without a row here the generic one, for any other one that refuses."""
    if exchange in PLANS:
        return PLANS[exchange]
    if is_of_ccxt(exchange):
        return VenuePlan(connect_generic(exchange), generic.LIMITS, generic.SNAPSHOT_WEIGHT, feeds_apart=True)
    return VenuePlan(_unknown(exchange), ccxt_usdm.BUDGET, 0)


class Budgets:
    """The request budgets of each exchange as it is reached from here.

    One is shared by its accounts and feeds, unless the exchange counts each account apart.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: dict[tuple[str, PaperEndpoint | None, str], RequestBudget] = {}

    def of(self, exchange: str, paper: PaperEndpoint | None, account: str = "") -> RequestBudget:
        """Return the budget of an account; without one, that of feeds."""
        plan = plan_of(exchange)
        apart = plan.feeds_apart and not account
        limits = ccxt_usdm.BUDGET if apart else plan.limits
        who = _FEEDS if apart else account if limits.per_account else ""
        return self._budgets.setdefault((exchange, paper, who), RequestBudget(self._clock.uptime, limits))


def open_clients(accounts: tuple[VenueAccount, ...], clock: Clock, budgets: Budgets) -> list[DeferredClient]:
    """Return a client for every account; those on the same exchange share its request budget.

    Nothing is read or connected yet: what is wrong with one account shows in its calls and stops no other.
    """
    clients: list[DeferredClient] = []
    for account in accounts:
        plan = plan_of(account.exchange)
        budget = budgets.of(account.exchange, account.paper, account.id)
        sources = [account.key, account.secret, *([account.passphrase] if account.passphrase else [])]
        files = [f for f in (*(s.file for s in sources), account.paper and account.paper.ca_file) if f]
        since = account.executions_since
        history = plan.history(int(since.timestamp() * 1000) if since else 0)
        client = plan.selling(account.spot) if plan.selling and account.spot else plan.connect
        connect = partial(_connect, client, account, clock, budget, history)
        clients.append(DeferredClient(Account(id=account.id, venue=account.venue), connect, files))
    return clients


def sweep_intervals(accounts: tuple[VenueAccount, ...], shortest: timedelta) -> dict[str, timedelta]:
    """Return, by account id, the time between looks at it once it is flat, no less than ``shortest``.

    It is what the request budget sustains that the account draws on, with all others on it being looked at as well.
    """
    crowds = Counter((account.exchange, account.paper) for account in accounts)
    intervals = {}
    for account in accounts:
        plan = plan_of(account.exchange)
        sharing = 1 if plan.limits.per_account else crowds[account.exchange, account.paper]
        sustained = sharing * plan.snapshot_weight / plan.limits.per_second / SWEEP_SHARE
        intervals[account.id] = max(shortest, timedelta(seconds=sustained))
    return intervals


def _connect(
    connect: Connect, account: VenueAccount, clock: Clock, budget: RequestBudget, history: object
) -> VenueClient:
    credentials = read_credentials(account.key, account.secret, account.passphrase)
    named = Account(id=account.id, venue=account.venue)
    with lent_session(account.paper) as session:
        return connect(named, credentials, clock=clock, budget=budget, session=session, history=history)


def _unknown(exchange: str) -> Connect:
    def refuse(*_: object, **__: object) -> VenueClient:
        close = get_close_matches(exchange, PLANS, 1)
        hint = f"did you mean {close[0]}?" if close else "docs/venues.md has those with a plan of their own"
        raise UnknownExchangeError(f"ccxt knows no exchange {exchange!r}; {hint}")

    return refuse
