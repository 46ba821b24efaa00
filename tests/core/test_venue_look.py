"""What a look at an account says crosses the pipe whole, and nothing else is believed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ess_server.core.venue_look import looked_message, read_looked, unread_message
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot
from ess_server.core.venue_wire import LinkError, decode, encode

SHOWN = VenueSnapshot(
    time=datetime(2026, 1, 5, 12, tzinfo=UTC),
    orders=(OpenOrder(id="7", symbol="BTC/USDT:USDT", conditional=True, reduce_only=False, client_order_id="é"),),
    positions=(
        Position(symbol="BTC/USDT:USDT", long=True, quantity=Decimal("0.10"), hedged=False, price=Decimal("50000.5")),
        Position(symbol="X", long=False, quantity=Decimal(1), hedged=True),
    ),
    unnamed=("X",),
)


def test_what_an_account_shows_arrives_as_it_was_read() -> None:
    """Every field of every row survives the line, the mark price too."""
    read = read_looked(decode(encode(looked_message(3, SHOWN))))

    assert isinstance(read, VenueSnapshot)
    assert read == SHOWN
    assert [p.price for p in read.positions] == [Decimal("50000.5"), None]
    assert [str(p.quantity) for p in read.positions] == ["0.10", "1"]


def test_why_it_could_not_be_read_arrives_in_words() -> None:
    """A failed look is never an empty account."""
    assert read_looked(decode(encode(unread_message(3, "the venue hangs")))) == "the venue hangs"


@pytest.mark.parametrize(
    "snapshot",
    [
        None,
        [],
        {},
        {"time": "now"},
        {"time": "2026-01-05T12:00:00+00:00", "orders": [{}], "positions": [], "unnamed": []},
    ],
)
def test_what_is_no_snapshot_breaks_the_protocol(snapshot: object) -> None:
    """Anything else than a whole snapshot raises, and is not taken for an account without orders."""
    with pytest.raises(LinkError):
        read_looked({"type": "looked", "id": 1, "snapshot": snapshot})
