"""Numbers as Binance prints them."""

from decimal import Decimal

Json = dict[str, object]


def fixed(value: Decimal | None, digits: int) -> str:
    """Print with a fixed number of decimals; None as zero."""
    return f"{value if value is not None else Decimal(0):.{digits}f}"


def plain(value: Decimal) -> str:
    """Print exactly, without an exponent."""
    return f"{value:f}"
