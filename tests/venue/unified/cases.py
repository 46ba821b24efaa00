"""Every case."""

from tests.venue.unified import (
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

CASES = tuple(
    module.CASE
    for module in (
        binance_coinm,
        kraken,
        kraken_futures,
        coinbase,
        bitget,
        gate,
        kucoin_futures,
        deribit,
        hyperliquid,
    )
)
