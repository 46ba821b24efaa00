"""What the books accept, refuse and fill."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.venue.paper.margin import asset_figures
from ess_server.venue.paper.model import OrderRef, OrderStatus
from ess_server.venue.paper.refusal import Reason, Refused


def refused(step: Callable[[], object]) -> Reason:
    """Return the reason for which a step is refused."""
    with pytest.raises(Refused) as caught:
        step()
    return caught.value.reason


def test_a_market_order_fills_at_once_at_mark_and_slippage(desk: Callable[..., object]) -> None:
    """Property: a market buy is FILLED when placed, at the mark plus slippage rounded up to the tick."""
    d = desk(slippage=Decimal("0.001"))
    order = d.order("BUY", "0.5")
    assert (order.status, order.average, d.held()) == (OrderStatus.FILLED, Decimal(60060), Decimal("0.5"))


def test_a_limit_order_rests_and_fills_when_the_mark_crosses(desk: Callable[..., object]) -> None:
    """Property: a limit buy below the mark rests, stays while the mark is above and fills at its price below."""
    d = desk()
    order = d.order("BUY", "0.5", "59000")
    d.mark("59000.1")
    assert order.status is OrderStatus.NEW
    d.mark("58000")
    assert (order.status, order.average) == (OrderStatus.FILLED, Decimal(59000))


def test_one_way_orders_flip_but_reduce_only_ones_never_do(desk: Callable[..., object]) -> None:
    """Property: beyond the position a plain order flips it and a reduce-only market order stops at zero."""
    d = desk()
    d.order("BUY", "0.5")
    d.order("SELL", "0.8")
    assert d.held() == Decimal("-0.3")
    closing = d.order("BUY", "9", reduce=True)
    assert (d.held(), closing.filled) == (Decimal(0), Decimal("0.3"))


def test_reduce_only_is_refused_without_an_opposite_position(desk: Callable[..., object]) -> None:
    """Property: reduce-only is rejected when flat, in the position's own direction, and as a limit beyond it."""
    d = desk()
    assert refused(lambda: d.order("SELL", "0.1", reduce=True)) is Reason.REDUCE_ONLY_REJECTED
    d.order("BUY", "0.5")
    assert refused(lambda: d.order("BUY", "0.1", reduce=True)) is Reason.REDUCE_ONLY_REJECTED
    assert refused(lambda: d.order("SELL", "0.6", "61000", reduce=True)) is Reason.REDUCE_ONLY_REJECTED
    assert d.held() == Decimal("0.5")


def test_resting_reduce_only_orders_reserve_the_position(desk: Callable[..., object]) -> None:
    """Property: while a full-size reduce-only order rests a second close is refused; cancelling it frees the close."""
    d = desk()
    d.order("BUY", "0.5")
    resting = d.order("SELL", "0.5", "61000", reduce=True)
    assert refused(lambda: d.order("SELL", "0.5", reduce=True)) is Reason.REDUCE_ONLY_RESERVED
    d.books.cancel("a", "BTCUSDT", OrderRef(resting.id))
    assert d.order("SELL", "0.5", reduce=True).status is OrderStatus.FILLED


def test_a_resting_reduce_only_order_expires_instead_of_opening(desk: Callable[..., object]) -> None:
    """Property: once its position is gone a resting reduce-only order that the mark reaches expires unfilled."""
    d = desk()
    d.order("BUY", "0.5")
    resting = d.order("SELL", "0.5", "61000", reduce=True)
    d.order("SELL", "0.5")
    d.mark("62000")
    assert (resting.status, resting.filled, d.held()) == (OrderStatus.EXPIRED, Decimal(0), Decimal(0))


def test_a_resting_reduce_only_order_fills_only_what_is_left(desk: Callable[..., object]) -> None:
    """Property: a resting reduce-only order larger than what is left closes that and expires."""
    d = desk()
    d.order("BUY", "0.5")
    resting = d.order("SELL", "0.5", "61000", reduce=True)
    d.order("SELL", "0.3")
    d.mark("61000")
    assert (resting.status, resting.filled, d.held()) == (OrderStatus.EXPIRED, Decimal("0.2"), Decimal(0))


def test_hedge_legs_are_separate_and_never_overclosed(desk: Callable[..., object]) -> None:
    """Property: in hedge mode both legs stand side by side and an order larger than its leg is rejected."""
    d = desk(hedged=True)
    d.order("BUY", "0.5", leg="LONG")
    d.order("SELL", "0.3", leg="SHORT")
    assert (d.held("LONG"), d.held("SHORT")) == (Decimal("0.5"), Decimal("-0.3"))
    assert refused(lambda: d.order("SELL", "0.6", leg="LONG")) is Reason.REDUCE_ONLY_REJECTED
    d.order("SELL", "0.5", leg="LONG")
    assert (d.held("LONG"), d.held("SHORT")) == (Decimal(0), Decimal("-0.3"))


def test_orders_must_match_the_position_mode(desk: Callable[..., object]) -> None:
    """Property: a leg of the other mode is refused, and so is the reduce-only flag in hedge mode."""
    d, h = desk(), desk(hedged=True)
    assert refused(lambda: d.order("BUY", "0.5", leg="LONG")) is Reason.LEG_MISMATCH
    assert refused(lambda: h.order("BUY", "0.5")) is Reason.LEG_MISMATCH
    assert refused(lambda: h.order("SELL", "0.5", leg="LONG", reduce=True)) is Reason.REDUCE_ONLY_NOT_REQUIRED


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("0", None, Reason.QUANTITY_NOT_POSITIVE),
        ("0.0005", None, Reason.QUANTITY_PRECISION),
        ("121", None, Reason.QUANTITY_TOO_LARGE),
        ("1001", "59000", Reason.QUANTITY_TOO_LARGE),
        ("0.001", None, Reason.NOTIONAL_TOO_SMALL),
        ("0.5", "59000.05", Reason.PRICE_TICK),
        ("0.5", "63000.1", Reason.PRICE_TOO_HIGH),
        ("20", None, Reason.MARGIN_INSUFFICIENT),
    ],
)
def test_limits_of_the_contract_are_kept(
    desk: Callable[..., object], quantity: str, price: str | None, reason: Reason
) -> None:
    """Property: each limit of the contract refuses with its own reason and leaves no trace in the books."""
    d = desk(cash="50000")
    assert refused(lambda: d.order("BUY", quantity, price)) is reason
    assert not d.account.open_orders
    assert not d.account.done_orders


def test_sells_may_not_be_priced_far_below_the_mark(desk: Callable[..., object]) -> None:
    """Property: a limit sell more than the band below the mark is refused."""
    d = desk()
    assert refused(lambda: d.order("SELL", "0.5", "56999.9")) is Reason.PRICE_TOO_LOW


def test_reducing_orders_need_neither_notional_nor_margin(desk: Callable[..., object]) -> None:
    """Property: dust closes, and with no margin left a position closes, by plain opposite orders too."""
    d = desk(cash="3000")
    d.order("BUY", "0.9")
    d.mark("57000")
    assert asset_figures(d.account, d.books.market, "USDT").available == 0
    assert d.order("SELL", "0.001", reduce=True).status is OrderStatus.FILLED
    assert d.order("SELL", "0.5").status is OrderStatus.FILLED
    assert d.order("SELL", "0.399", reduce=True).status is OrderStatus.FILLED


def test_a_client_id_is_used_once(desk: Callable[..., object]) -> None:
    """Property: an id is refused after its order filled, unless the books are told to let done ids come back."""
    d, reusing = desk(), desk(reuse_client_ids=True)
    for each in (d, reusing):
        each.order("BUY", "0.5", client_id="one")
    assert refused(lambda: d.order("BUY", "0.5", client_id="one")) is Reason.DUPLICATE_CLIENT_ID
    assert reusing.order("BUY", "0.5", client_id="one").status is OrderStatus.FILLED
    reusing.order("BUY", "0.5", "59000", client_id="two")
    assert refused(lambda: reusing.order("BUY", "0.5", client_id="two")) is Reason.DUPLICATE_CLIENT_ID


def test_a_client_id_of_other_characters_is_refused(desk: Callable[..., object]) -> None:
    """Property: ids have 1 to 36 characters of the venue's alphabet."""
    d = desk()
    for bad in ("a b", "x" * 37):
        assert refused(lambda bad=bad: d.order("BUY", "0.5", client_id=bad)) is Reason.BAD_CLIENT_ID


def test_liquidity_gives_partial_fills_and_comes_back_each_tick(desk: Callable[..., object]) -> None:
    """Property: one tick fills its liquidity, a market order's rest expires, and the next tick fills more."""
    d = desk(liquidity=Decimal(12000))
    first = d.order("BUY", "0.5")
    assert (first.status, first.filled) == (OrderStatus.EXPIRED, Decimal("0.2"))
    assert d.order("BUY", "0.5").filled == 0
    d.books.tick()
    assert d.order("BUY", "0.5").filled == Decimal("0.2")


def test_a_resting_order_goes_on_filling_with_each_tick(desk: Callable[..., object]) -> None:
    """Property: a marketable limit order larger than the liquidity fills over several ticks."""
    d = desk(liquidity=Decimal(12000))
    order = d.order("BUY", "0.5", "60100")
    assert order.status is OrderStatus.PARTIALLY_FILLED
    d.books.tick()
    d.books.tick()
    assert order.status is OrderStatus.FILLED


def test_time_in_force_is_kept(desk: Callable[..., object]) -> None:
    """Property: IOC expires its rest, FOK and post-only are refused rather than half done."""
    d = desk(liquidity=Decimal(12000))
    assert d.order("BUY", "0.5", "59000", tif="IOC").status is OrderStatus.EXPIRED
    assert refused(lambda: d.order("BUY", "0.5", "60100", tif="FOK")) is Reason.CANNOT_FILL
    assert refused(lambda: d.order("BUY", "0.5", "60100", tif="GTX")) is Reason.WOULD_TAKE
    assert d.order("BUY", "0.5", "59000", tif="GTX").status is OrderStatus.NEW


def test_cancelling_what_is_not_open_is_refused(desk: Callable[..., object]) -> None:
    """Property: an unknown, a filled, a cancelled order and one of another symbol are all unknown to a cancel."""
    d = desk()
    filled, resting = d.order("BUY", "0.5"), d.order("BUY", "0.5", "59000", client_id="mine")
    for ref in (OrderRef(1), OrderRef(filled.id), OrderRef(client_id="other")):
        assert refused(lambda ref=ref: d.books.cancel("a", "BTCUSDT", ref)) is Reason.CANCEL_UNKNOWN_ORDER
    assert refused(lambda: d.books.cancel("a", "ETHUSDT", OrderRef(resting.id))) is Reason.CANCEL_UNKNOWN_ORDER
    assert d.books.cancel("a", "BTCUSDT", OrderRef(client_id="mine")).status is OrderStatus.CANCELED
    assert refused(lambda: d.books.cancel("a", "BTCUSDT", OrderRef(resting.id))) is Reason.CANCEL_UNKNOWN_ORDER


def test_an_order_is_amended_in_place(desk: Callable[..., object]) -> None:
    """Property: an amended order keeps its number, fills at its new price, and is refused where nothing changes."""
    d = desk()
    order = d.order("BUY", "0.5", "59000")
    ref = OrderRef(order.id)
    assert refused(lambda: d.books.amend("a", "BTCUSDT", ref, price=Decimal(59000))) is Reason.NOTHING_TO_CHANGE
    changed = d.books.amend("a", "BTCUSDT", ref, quantity=Decimal("0.4"), price=Decimal(58000))
    assert (changed.id, changed.quantity, changed.price) == (order.id, Decimal("0.4"), Decimal(58000))
    d.mark("58500")
    assert changed.status is OrderStatus.NEW
    d.mark("58000")
    assert changed.average == Decimal(58000)


def test_margin_follows_positions_orders_and_leverage(desk: Callable[..., object]) -> None:
    """Property: equity is wallet plus unrealized; margin is notional over leverage, for opening orders too."""
    d = desk(slippage=Decimal(0), taker_fee=Decimal(0))
    d.books.set_leverage("a", "BTCUSDT", 10)
    d.order("BUY", "1")
    d.order("BUY", "1", "50000")
    d.mark("66000")
    figures = asset_figures(d.account, d.books.market, "USDT")
    assert (figures.equity, figures.position_margin) == (Decimal(1_006_000), Decimal(6600))
    assert figures.order_margin == Decimal(5000)
    assert figures.available == Decimal(1_006_000 - 6600 - 5000)


def test_a_countdown_cancels_orders_and_no_position(desk: Callable[..., object]) -> None:
    """Property: an armed countdown cancels the symbol's orders when it runs out, not before, and never a position."""
    d = desk()
    d.order("BUY", "0.5")
    mine, other = d.order("BUY", "0.5", "59000"), d.order("BUY", "0.5", "2900", symbol="ETHUSDT")
    d.books.count_down("a", "BTCUSDT", timedelta(seconds=5))
    d.clock.advance(seconds=4.9)
    d.books.tick()
    assert mine.status is OrderStatus.NEW
    d.clock.advance(seconds=0.1)
    d.books.tick()
    assert (mine.status, other.status, d.held()) == (OrderStatus.CANCELED, OrderStatus.NEW, Decimal("0.5"))


def test_a_disarmed_countdown_never_fires(desk: Callable[..., object]) -> None:
    """Property: zero disarms."""
    d = desk()
    order = d.order("BUY", "0.5", "59000")
    d.books.count_down("a", "BTCUSDT", timedelta(seconds=5))
    d.books.count_down("a", "BTCUSDT", timedelta())
    d.clock.advance(hours=1)
    d.books.tick()
    assert order.status is OrderStatus.NEW


def test_the_mode_changes_only_when_nothing_is_open(desk: Callable[..., object]) -> None:
    """Property: neither an order, nor a position, nor an unchanged wish lets the position mode change."""
    d = desk()
    assert refused(lambda: d.books.set_hedged("a", hedged=False)) is Reason.MODE_UNCHANGED
    order = d.order("BUY", "0.5", "59000")
    assert refused(lambda: d.books.set_hedged("a", hedged=True)) is Reason.MODE_HAS_ORDERS
    d.books.cancel("a", "BTCUSDT", OrderRef(order.id))
    d.order("BUY", "0.5")
    assert refused(lambda: d.books.set_hedged("a", hedged=True)) is Reason.MODE_HAS_POSITIONS
    d.order("SELL", "0.5", reduce=True)
    d.books.set_hedged("a", hedged=True)
    assert d.account.hedged


def test_history_is_bounded(desk: Callable[..., object]) -> None:
    """Property: finished orders beyond the history are forgotten together with their client ids."""
    d = desk(history=3)
    for number in range(5):
        d.order("BUY", "0.1", client_id=f"id-{number}")
    assert len(d.account.done_orders) == 3
    assert d.account.find_order(OrderRef(client_id="id-1")) is None
    assert d.account.find_order(OrderRef(client_id="id-4")) is not None
