"""Bybit v5, linear contracts of a unified account."""
