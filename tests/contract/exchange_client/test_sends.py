"""The contract of ``ExchangeClient``: cancels and closes."""

from contextlib import suppress
from decimal import Decimal

import pytest

from ess_server.core.errors import EssError
from tests.contract.exchange_client.bench import Bench


async def test_cancel_takes_the_orders_it_is_given(bench: Bench) -> None:
    """What is named goes, plain or conditional; the orders of another symbol stay."""
    bench.rest(bench.btc)
    bench.rest(bench.btc, conditional=True)
    bench.rest(bench.eth)
    shown = await bench.client.snapshot()
    await bench.client.cancel([o for o in shown.orders if o.symbol == bench.btc])

    assert [o.symbol for o in (await bench.client.snapshot()).orders] == [bench.eth]


async def test_cancelling_what_is_gone_is_a_success(bench: Bench) -> None:
    """The same cancel again raises nothing, and an empty cancel does nothing."""
    bench.rest(bench.btc)
    bench.rest(bench.btc, conditional=True)
    orders = (await bench.client.snapshot()).orders
    await bench.client.cancel(orders)
    await bench.client.cancel(orders)
    await bench.client.cancel([])

    assert bench.books() == (0, {})


async def test_close_ends_the_position_and_only_it(bench: Bench) -> None:
    """Closing a long and a short leaves neither, and no order behind."""
    bench.hold(bench.btc, 2)
    bench.hold(bench.eth, 3, long=bench.long_only)
    for number, position in enumerate((await bench.client.snapshot()).positions):
        await bench.client.close_position(position, f"ess-{number}")

    assert bench.books() == (0, {})


async def test_close_never_flips(bench: Bench) -> None:
    """A close that is larger than what is left by now closes that or is refused; it opens nothing."""
    bench.hold(bench.btc, 3)
    position = (await bench.client.snapshot()).positions[0]
    bench.shrink(bench.btc, 2)
    try:
        await bench.client.close_position(position, "ess-1")
    except EssError:
        assert bench.books() == (0, {(bench.btc, True): Decimal(1)})
    else:
        assert bench.books() == (0, {})


async def test_close_of_nothing_opens_nothing(bench: Bench) -> None:
    """A close that comes too late is refused."""
    bench.hold(bench.btc, 1)
    position = (await bench.client.snapshot()).positions[0]
    await bench.client.close_position(position, "ess-1")
    with pytest.raises(EssError):
        await bench.client.close_position(position, "ess-2")

    assert bench.books() == (0, {})


@pytest.mark.parametrize("long", [True, False])
async def test_close_beyond_its_limit_closes_nothing_and_leaves_no_order(bench: Bench, *, long: bool) -> None:
    """Where the market is worse than the limit nothing is closed, and nothing rests."""
    long = long or bench.long_only
    price = bench.price(bench.btc)
    beyond = price * (Decimal("1.01") if long else Decimal("0.99")) + Decimal("0.0123")
    bench.hold(bench.btc, 2, long=long)
    shown = (await bench.client.snapshot()).positions[0]
    assert shown.price == price
    bench.out_of_reach(bench.btc)
    with suppress(EssError):
        await bench.client.close_position(shown, "ess-1", limit=beyond)
    assert bench.books() == (0, {(bench.btc, long): Decimal(2)})


@pytest.mark.parametrize("long", [True, False])
async def test_close_with_room_for_the_spread_closes(bench: Bench, *, long: bool) -> None:
    """A limit that the market is better than closes all of it, whatever digits it has."""
    long = long or bench.long_only
    price = bench.price(bench.btc) * (Decimal("0.99") if long else Decimal("1.01")) + Decimal("0.0123")
    bench.hold(bench.btc, 2, long=long)
    await bench.client.close_position((await bench.client.snapshot()).positions[0], "ess-1", limit=price)

    assert bench.books() == (0, {})
