"""Addresses as ``host:port``."""

import ipaddress

MAX_PORT = 65535


def parse(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, ``[IPv6]:port`` included. Raises ValueError saying what is expected."""
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and not host.startswith("[")):
        raise ValueError(f'"{address[:80]}" is not host:port, such as 127.0.0.1:50051 or [::1]:50051')
    if not (port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT)) and int(port) <= MAX_PORT):
        raise ValueError(f'"{port[:20]}" is not a port from 0 to {MAX_PORT}')
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine and reached by nobody else; a name other than localhost may be anything."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
