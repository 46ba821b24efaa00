"""Every case."""

from tests.venue.unified import binance_coinm, kraken_futures

CASES = (binance_coinm.CASE, kraken_futures.CASE)
