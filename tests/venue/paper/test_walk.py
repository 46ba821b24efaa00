"""The seeded price walk."""

from collections.abc import Callable
from decimal import Decimal

from ess_server.venue.paper.walk import Walk


def test_the_same_seed_walks_the_same_way(desk: Callable[..., object]) -> None:
    """Property: marks depend on the seed alone, move, and never leave the tick or a band of three basis points."""
    one, two, other = desk(), desk(), desk()
    walks = ((one, Walk(1)), (two, Walk(1)), (other, Walk(2)))
    for _ in range(50):
        before = one.books.market.mark("BTCUSDT")
        for d, walk in walks:
            walk.step(d.books)
        after = one.books.market.mark("BTCUSDT")
        assert abs(after - before) <= before * Decimal("0.0003") + Decimal("0.1")
        assert after % Decimal("0.1") == 0
    marks = [{s: d.books.market.mark(s) for s in d.books.market.instruments} for d, _ in walks]
    assert marks[0] == marks[1] != marks[2]
    assert one.books.journal.read(kinds=["mark"]) == []
