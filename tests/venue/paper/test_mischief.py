"""Faults inside the books, and answers cut short, as the books and unmodified ccxt see them on each exchange."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import Fault, FaultKind, Operation, PaperVenue
from ess_server.venue.paper.model import ConditionalRequest, OrderRef, OrderStatus, Side, TriggerType

BTC = "BTC/USDT:USDT"
EXCHANGES = ("binanceusdm", "okx", "bybit")


@pytest.fixture
def trader(venue: PaperVenue, exchange: Callable[..., Any]) -> Callable[[str], Any]:
    """Unmodified ccxt for one of the exchanges, on the account ``a``."""

    def make(kind: str) -> Any:
        if kind == "okx":
            venue.add_account("o", key="o", secret="o", passphrase="o", balances={"USDT": Decimal(10**7)})
            return exchange(venue, kind=kind, apiKey="o", secret="o", password="o", timeout_on_exit=0)
        return exchange(venue, kind=kind, options={"defaultType": "swap"}, timeout_on_exit=0)

    return make


async def held(ex: Any) -> list[float]:
    """Return the contracts of each position that is not zero."""
    return [row["contracts"] for row in await ex.fetch_positions([BTC]) if row["contracts"]]


@pytest.mark.parametrize("kind", EXCHANGES)
async def test_an_order_that_stays_is_still_listed_after_its_cancel(
    venue: PaperVenue, trader: Callable[[str], Any], kind: str
) -> None:
    """Property: the cancel is answered as done, the list tells the truth, and the next cancel works."""
    ex = trader(kind)
    placed = await ex.create_order(BTC, "limit", "buy", 1, 59000)
    venue.faults.add(Fault(kind=FaultKind.KEEP))
    await ex.cancel_order(placed["id"], BTC)
    assert [order["id"] for order in await ex.fetch_open_orders(BTC)] == [placed["id"]]
    await ex.cancel_order(placed["id"], BTC)
    assert await ex.fetch_open_orders(BTC) == []
    assert len(venue.journal.read(kinds=["kept"])) == 1


@pytest.mark.parametrize("kind", EXCHANGES)
async def test_a_fill_comes_after_the_cancel(venue: PaperVenue, trader: Callable[[str], Any], kind: str) -> None:
    """Property: the order is gone and nothing is held; when the time has come the position is there."""
    ex = trader(kind)
    placed = await ex.create_order(BTC, "limit", "buy", 1, 59000)
    venue.faults.add(Fault(kind=FaultKind.LATE_FILL, delay=timedelta(minutes=1)))
    await ex.cancel_order(placed["id"], BTC)
    venue.books.tick()
    assert (await ex.fetch_open_orders(BTC), await held(ex)) == ([], [])
    venue.clock.skew += timedelta(minutes=2)
    venue.books.tick()
    venue.clock.skew -= timedelta(minutes=2)
    assert await held(ex) == [1]


@pytest.mark.parametrize("kind", EXCHANGES)
async def test_somebody_else_trades_on(venue: PaperVenue, trader: Callable[[str], Any], kind: str) -> None:
    """Property: what a close takes off somebody else puts back, as often as the script says."""
    ex = trader(kind)
    await ex.create_order(BTC, "market", "buy", 1)
    venue.faults.add(Fault(kind=FaultKind.GROW))
    await ex.create_order(BTC, "market", "sell", 1, None, {"reduceOnly": True})
    assert await held(ex) == [1]
    await ex.create_order(BTC, "market", "sell", 1, None, {"reduceOnly": True})
    assert await held(ex) == []


@pytest.mark.parametrize("kind", EXCHANGES)
async def test_an_answer_cut_short_is_no_answer(venue: PaperVenue, trader: Callable[[str], Any], kind: str) -> None:
    """Property: the order is carried out, its answer cannot be read, and the same goes for a list."""
    ex = trader(kind)
    await ex.load_markets()
    for operation, step in (
        (Operation.ORDER, lambda: ex.create_order(BTC, "limit", "buy", 1, 59000)),
        (Operation.ORDERS, lambda: ex.fetch_open_orders(BTC)),
    ):
        venue.faults.add(Fault(kind=FaultKind.TRUNCATE, operation=operation, times=3))
        with pytest.raises(ccxt.BaseError):
            await step()
        venue.faults.clear()
    assert len(await ex.fetch_open_orders(BTC)) == 1


async def test_the_books_faults_name_an_account_and_pass_requests_by(
    venue: PaperVenue, trader: Callable[[str], Any]
) -> None:
    """Property: a fault of the books is used up by what it is about and by its own account only."""
    ex = trader("binanceusdm")
    kinds = (FaultKind.KEEP, FaultKind.LATE_FILL, FaultKind.GROW)
    for kind in kinds:
        venue.faults.add(Fault(kind=kind, account="b"))
    placed = await ex.create_order(BTC, "limit", "buy", 1, 59000)
    await ex.cancel_order(placed["id"], BTC)
    assert [fault.kind for fault in venue.faults.pending()] == list(kinds)


def test_conditional_orders_stay_and_reducing_fills_never_overshoot(venue: PaperVenue) -> None:
    """Property: a stop outlives its cancel; a late fill of a reducing order ends at zero; one without room is none."""
    books, account = venue.books, venue.books.account("a")
    stop = books.place_conditional(
        "a",
        ConditionalRequest(
            symbol="BTCUSDT",
            side=Side.SELL,
            trigger=TriggerType.STOP,
            quantity=Decimal(1),
            trigger_price=Decimal(50000),
        ),
    )
    venue.faults.add(Fault(kind=FaultKind.KEEP, times=1))
    books.cancel_conditional("a", OrderRef(id=stop.id))
    assert list(account.open_conditionals) == [stop.id]
    assert books.cancel_all_conditionals("a", "BTCUSDT") == [stop]
    assert not account.open_conditionals


def test_a_late_fill_of_a_reducing_order_ends_at_zero(desk: Callable[..., Any]) -> None:
    """Property: it fills what is still there, and nothing where nothing is."""
    d = desk()
    d.order("BUY", "1")
    exits = [d.order("SELL", amount, "61000", reduce=True) for amount in ("0.6", "0.4")]
    mischief = d.books._mischief
    mischief._faults.add(Fault(kind=FaultKind.LATE_FILL, times=2))
    d.books.cancel_all("a", "BTCUSDT")
    d.order("SELL", "0.5", reduce=True)
    d.books.tick()
    assert d.held() == 0
    assert [order.status for order in exits] == [OrderStatus.CANCELED, OrderStatus.CANCELED]
    assert [order.filled for order in exits] == [Decimal("0.5"), Decimal(0)]
