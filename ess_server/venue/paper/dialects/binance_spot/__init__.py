"""Binance spot: REST on the production paths."""
