"""Orders that appear after a stop are named, each once, at a bounded rate."""

from ess_server.core.late_entries import NAMED, TOLD_EVERY, LateEntries
from ess_server.core.venue_snapshot import OpenOrder


def order(id_: str, *, reduce_only: bool = False, conditional: bool = False) -> OpenOrder:
    """Return an order."""
    return OpenOrder(
        id=id_,
        symbol="BTC/USDT:USDT",
        conditional=conditional,
        reduce_only=reduce_only,
        client_order_id=f"engine-{id_}",
    )


def test_what_was_there_when_the_work_began_is_not_late() -> None:
    """The first reading is what the stop found."""
    late = LateEntries()
    late.see([order("1")], [order("1")])
    late.see([order("1")], [order("1")])

    assert late.tell(0) is None


def test_a_new_order_is_named_with_its_own_id_and_exits_are_not() -> None:
    """The event names symbol, id and client order id; an order that only reduces is nobody's fault."""
    late = LateEntries()
    late.see([], [])
    new = [order("2"), order("3", reduce_only=True), order("2", conditional=True)]
    late.see(new, new)

    assert late.tell(0) == {
        "count": "2",
        "orders": "BTC/USDT:USDT 2 (client order id engine-2), BTC/USDT:USDT 2 (client order id engine-2)",
    }
    for _ in range(2):
        late.see([*new, order("4")], [*new, order("4")])
    told = late.tell(100)
    assert told is not None
    assert told["count"] == "1"


def test_orders_that_the_stop_does_not_cancel_are_left_out() -> None:
    """What is of another symbol, or spared, is not late for this stop."""
    late = LateEntries()
    late.see([], [])
    late.see([order("2")], [])

    assert late.tell(0) is None


def test_a_flood_is_told_at_a_bounded_rate_and_counted_whole() -> None:
    """One event per interval, with so many names and the number of all."""
    late = LateEntries()
    late.see([], [])
    late.see([order("0")], [order("0")])
    assert late.tell(10) is not None
    many = [order(str(n)) for n in range(1, 61)]
    late.see(many, many)

    assert late.tell(10 + TOLD_EVERY - 0.1) is None
    told = late.tell(10 + TOLD_EVERY)
    assert told is not None
    assert told["count"] == "60"
    assert told["orders"].count("client order id") == NAMED
