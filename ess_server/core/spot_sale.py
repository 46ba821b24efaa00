"""What a stop sells of a spot account: only what is named, and never what is to be kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotSale:
    """The assets that FLATTEN sells, and the asset ``into`` which it sells them.

    ``keep`` is how much of an asset stays; of one that is not named there nothing does. Without ``sell`` a stop
    cancels orders and sells nothing.
    """

    sell: tuple[str, ...] = ()
    into: str = "USDT"
    keep: tuple[tuple[str, Decimal], ...] = ()

    def kept(self, asset: str) -> Decimal:
        """Return how much of an asset stays."""
        return dict(self.keep).get(asset, ZERO)

    def symbol_of(self, asset: str) -> str:
        """Return the unified symbol of the pair in which an asset is sold."""
        return f"{asset}/{self.into}"


def sale_entry(sale: SpotSale) -> dict[str, Any]:
    """Return it as JSON, for the venue process."""
    return {
        "sell": list(sale.sell),
        "into": sale.into,
        "keep": {asset: str(amount) for asset, amount in sale.keep},
    }


def read_sale(entry: Mapping[str, Any]) -> SpotSale:
    """Read what ``sale_entry`` wrote. Raises KeyError, TypeError, ValueError or ArithmeticError."""
    return SpotSale(
        sell=tuple(str(asset) for asset in entry["sell"]),
        into=str(entry["into"]),
        keep=tuple((str(asset), Decimal(amount)) for asset, amount in entry["keep"].items()),
    )
