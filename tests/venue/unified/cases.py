"""Every case."""

from tests.venue.unified import binance_coinm, bitget, coinbase, kraken, kraken_futures

CASES = (binance_coinm.CASE, kraken_futures.CASE, kraken.CASE, coinbase.CASE, bitget.CASE)
