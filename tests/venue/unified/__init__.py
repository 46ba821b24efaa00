"""Requests of the one client for many venues, through ccxt's real classes on a stubbed wire."""
