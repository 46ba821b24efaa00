"""A class of ccxt for a plan: strict, and asking only for what the flatten needs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import ccxt.async_support as ccxt

from ess_server.venue.budget import RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.strict import Strict, exchange_config
from ess_server.venue.unified.plan import Exchange, UnifiedPlan


def open_unified(
    plan: UnifiedPlan, credentials: Credentials, budget: RequestBudget, session: aiohttp.ClientSession | None
) -> Exchange:
    """Return an exchange that limits nothing by itself."""
    config = exchange_config(credentials, session) | {"options": dict(plan.options)}
    if plan.keys is not None:
        config |= {"apiKey": "", "secret": "", **plan.keys(credentials.key, credentials.secret)}
    return opened(plan.exchange, config, budget, methods=plan.methods)


def opened(
    name: str,
    config: dict[str, Any],
    budget: RequestBudget,
    *,
    base: type[Strict] = Strict,
    methods: Mapping[str, Any] = MappingProxyType({}),
) -> Exchange:
    """Return an exchange of ccxt's class ``name``, strict, with these methods in place of its own."""
    strict = type(f"Strict_{name}", (base, getattr(ccxt, name)), dict(methods))
    exchange: Any = strict(config)
    exchange.has = {**exchange.has, "fetchCurrencies": False}
    exchange.budget = budget
    return exchange
