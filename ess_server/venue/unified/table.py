"""The venues of the one client: a plan each."""

from collections.abc import Mapping
from types import MappingProxyType

from ess_server.venue.unified import (
    binance_coinm,
    bitget,
    coinbase,
    deribit,
    gate,
    hyperliquid,
    kraken,
    kraken_futures,
    kucoin_futures,
)
from ess_server.venue.unified.plan import UnifiedPlan

UNIFIED: Mapping[str, UnifiedPlan] = MappingProxyType(
    {
        plan.exchange: plan
        for plan in (
            binance_coinm.PLAN,
            kraken.PLAN,
            kraken_futures.PLAN,
            coinbase.PLAN,
            bitget.PLAN,
            gate.PLAN,
            kucoin_futures.PLAN,
            deribit.PLAN,
            hyperliquid.PLAN,
        )
    }
)
