"""The contract of ``ExchangeClient``: snapshots, the witness, and equity."""

from decimal import Decimal

import pytest

from ess_server.core.errors import EssError
from ess_server.core.venue_snapshot import Position
from tests.contract.exchange_client.bench import Bench


async def test_a_snapshot_shows_everything(bench: Bench) -> None:
    """Plain and conditional orders of every market are there, and every position with its side and mode."""
    bench.rest(bench.btc)
    bench.rest(bench.eth, conditional=True)
    bench.hold(bench.btc, 2)
    bench.hold(bench.eth, 3, long=bench.long_only)
    shown = await bench.client.snapshot()

    assert {(o.symbol, o.conditional, o.reduce_only) for o in shown.orders} == {
        (bench.btc, False, False),
        (bench.eth, True, False),
    }
    assert set(shown.positions) == {
        Position(symbol=bench.btc, long=True, quantity=Decimal(2), hedged=bench.hedged),
        Position(symbol=bench.eth, long=bench.long_only, quantity=Decimal(3), hedged=bench.hedged),
    }
    assert shown.time.tzinfo is not None


async def test_an_empty_account_is_shown_as_empty(bench: Bench) -> None:
    """No order and no position is a snapshot of nothing, not an error."""
    shown = await bench.client.snapshot()

    assert (shown.orders, shown.positions) == ((), ())


async def test_a_partial_reading_raises(bench: Bench) -> None:
    """A snapshot of which one part could not be read is no snapshot."""
    bench.break_reads()
    with pytest.raises(EssError):
        await bench.client.snapshot()

    assert (await bench.client.snapshot()).orders == ()


async def test_the_witness_sees_what_is_held_and_when_nothing_is(bench: Bench) -> None:
    """It does not deny an empty account, and positions and orders that open something are no secret to it."""
    empty = await bench.client.witness()
    bench.rest(bench.eth)
    ordered = await bench.client.witness()
    bench.hold(bench.btc, 2)
    held = await bench.client.witness()

    assert (empty.positions, empty.orders) == (False, False)
    assert (ordered.positions, ordered.orders) == (False, True)
    assert (held.positions, held.orders) == (True, True)
    assert held.evidence


async def test_equity_is_a_decimal_with_its_currency(bench: Bench) -> None:
    """Equity is a finite Decimal above zero on an account with money."""
    amount, currency = await bench.client.equity()

    assert isinstance(amount, Decimal)
    assert amount > 0
    assert currency == "USDT"


async def test_prepare_and_close_may_be_repeated(bench: Bench) -> None:
    """Preparing twice and closing twice is no error."""
    await bench.client.prepare()
    await bench.client.aclose()
    await bench.client.aclose()
