"""Errors as Binance answers them, whichever of its APIs is asked."""


class BinanceError(Exception):
    """An answer ``{"code": ..., "msg": ...}`` with its HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def missing(name: str) -> BinanceError:
    """A mandatory parameter is not there or cannot be read."""
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
