"""What one account shows on its venue."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order that rests on the venue; conditional ones (stop, take profit, trailing) included.

    ``client_order_id`` is what its sender called it, empty where that is not told.
    """

    id: str
    symbol: str
    conditional: bool
    reduce_only: bool
    client_order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position. ``quantity`` is above zero; ``long`` tells the side; a hedge-mode leg is one position.

    ``price`` is the venue's mark price, None where it is not told. It changes by itself, so it is no part of what
    makes two positions the same.
    """

    symbol: str
    long: bool
    quantity: Decimal
    hedged: bool
    price: Decimal | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSnapshot:
    """Everything one account shows at one time, by a complete and validated reading of every scope.

    ``partial`` means that what is costly to read was left out because there was work to do anyway: such a one can ask
    for work and prove nothing. No client returns two of them in a row without a send between.
    ``unnamed`` are the markets among them whose unified symbol is not known; they stand under the venue's own id.
    ``untouched`` says what the account may hold that FLATTEN leaves alone because it is configured so.
    """

    time: datetime
    orders: tuple[OpenOrder, ...] = ()
    positions: tuple[Position, ...] = ()
    unnamed: tuple[str, ...] = ()
    untouched: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Whether anything is held, by a reading that does not come from the lists of orders and positions.

    ``positions`` and ``orders`` are True if the venue's account shows something reserved for them, False if it shows
    that nothing is, None where it does not tell. ``evidence`` are its figures in a few words, for the audit log.
    """

    positions: bool | None = None
    orders: bool | None = None
    evidence: str = ""
