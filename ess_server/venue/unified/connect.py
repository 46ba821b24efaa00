"""How clients of venues with a plan, and of any other exchange of ccxt, are made from what every client is given."""

from typing import Any, Protocol

import aiohttp
import ccxt.async_support as ccxt

from ess_server.core.model import Account
from ess_server.core.ports import Clock
from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.unified.client import UnifiedClient
from ess_server.venue.unified.generic import GenericClient
from ess_server.venue.unified.plan import UnifiedPlan


class ConnectUnified(Protocol):
    """Makes a client; ``history`` is not used, because these read no executions."""

    def __call__(
        self,
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None,
        history: Any,  # noqa: ANN401 - of whatever kind
    ) -> UnifiedClient | GenericClient:
        """Return the client."""


def connect_unified(plan: UnifiedPlan) -> ConnectUnified:
    """Return what makes clients of one plan."""

    def connect(
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None,
        history: object,  # noqa: ARG001 - as above
    ) -> UnifiedClient:
        return UnifiedClient(account, credentials, plan=plan, clock=clock, budget=budget, session=session)

    return connect


def connect_generic(exchange: str) -> ConnectUnified:
    """Return what makes clients of one exchange without a plan."""

    def connect(
        account: Account,
        credentials: Credentials,
        *,
        clock: Clock,
        budget: RequestBudget,
        session: aiohttp.ClientSession | None,
        history: object,  # noqa: ARG001 - as above
    ) -> GenericClient:
        return GenericClient(account, credentials, exchange=exchange, clock=clock, budget=budget, session=session)

    return connect


def is_of_ccxt(exchange: str) -> bool:
    """Whether ccxt has a class for it."""
    return exchange in ccxt.exchanges
