"""OKX replies row by row: what is not exactly as it should be is unknown, never empty."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import VenueUnknownError
from ess_server.venue import okx_rows
from ess_server.venue.markets import Markets
from ess_server.venue.okx_holdings import OkxHoldings

ROW = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "mgnMode": "cross", "posSide": "net", "pos": "1"}
ORDER = {"ordId": "1", "instId": "BTC-USDT-SWAP", "side": "sell", "posSide": "net", "reduceOnly": "false"}


def told(*rows: object, code: str = "0") -> dict[str, Any]:
    """A reply."""
    return {"code": code, "msg": "", "data": list(rows)}


def name(id_: str) -> str:
    """An id stands for itself."""
    return id_


@pytest.mark.parametrize(
    "change",
    [
        {"posSide": "both"},
        {"mgnMode": "cash"},
        {"posSide": "long", "pos": "-1"},
        {"instType": "MARGIN"},
        {"pos": ""},
        {"pos": "NaN"},
        {"instId": ""},
    ],
)
def test_a_position_that_makes_no_sense_is_unknown(change: dict[str, str]) -> None:
    """Unknown sides and modes, legs with a sign, and what is no contract, are refused as a whole."""
    with pytest.raises(VenueUnknownError):
        okx_rows.holdings(told(ROW, ROW | change), name)


def test_positions_are_read_by_sign_in_net_mode_and_by_leg_else() -> None:
    """A size of zero is no position; below zero is short in net mode; a short leg has a size above zero."""
    rows = (ROW | {"pos": "0"}, ROW | {"pos": "-2"}, ROW | {"posSide": "short"}, ROW | {"posSide": "long"})
    found = okx_rows.holdings(told(*rows), name)

    assert [(h.long, h.size, h.hedged) for h in found] == [(False, 2, False), (False, 1, True), (True, 1, True)]


@pytest.mark.parametrize("reply", [None, [], {}, {"code": "0"}, told(code="50001"), told("x"), told(ROW, code="1")])
def test_a_reply_that_did_not_succeed_is_unknown(reply: object) -> None:
    """Only code 0 with a list of objects is a list."""
    with pytest.raises(VenueUnknownError):
        okx_rows.holdings(reply, name)


@pytest.mark.parametrize(
    "reply", [None, {}, told(), told({}), told({"sCode": "x"}), told({"sCode": "0"}, code="50001")]
)
def test_a_send_without_a_word_on_each_order_is_unknown(reply: object) -> None:
    """An outcome names at least one order, each with its code."""
    with pytest.raises(VenueUnknownError):
        okx_rows.failures_of(reply, "close")


def test_outcomes_are_told_item_by_item() -> None:
    """What was accepted is left out; what was refused has its code."""
    reply = told({"sCode": "0", "sMsg": ""}, {"sCode": "51400", "sMsg": "gone"}, code="2")

    assert okx_rows.failures_of(reply, "cancel") == [(51400, "gone")]


@pytest.mark.parametrize(
    ("change", "reduces"),
    [
        ({}, False),
        ({"reduceOnly": "true"}, True),
        ({"posSide": "long"}, True),
        ({"posSide": "short"}, False),
        ({"posSide": "short", "side": "buy"}, True),
        ({"posSide": "long", "side": "buy"}, False),
    ],
)
def test_orders_that_only_reduce_are_known_by_flag_or_leg(change: dict[str, str], reduces: bool) -> None:  # noqa: FBT001 - a column
    """In long/short mode side and leg tell."""
    [order] = okx_rows.open_orders([ORDER | change], name, conditional=False)

    assert order.reduce_only is reduces


@pytest.mark.parametrize("change", [{"ctVal": "0"}, {"lotSz": "0"}, {"maxMktSz": "0"}, {"minSz": "x"}])
def test_sizes_that_make_no_sense_are_unknown(change: dict[str, str]) -> None:
    """A contract without a value or a lot is not calculated with."""
    info = {"ctVal": "0.01", "lotSz": "0.1", "minSz": "0.1", "maxMktSz": "100"}
    assert okx_rows.contract(info).sizes.maximum == 100
    with pytest.raises(VenueUnknownError):
        okx_rows.contract(info | change)


def test_equity_and_position_mode_are_there_or_unknown() -> None:
    """Neither is guessed."""
    balance = told({"details": [{"ccy": "BTC", "eq": "1"}, {"ccy": "USDT", "eq": "2.5"}]})
    assert str(okx_rows.equity(balance, "USDT")) == "2.5"
    assert okx_rows.hedge_mode(told({"posMode": "long_short_mode"}))
    assert not okx_rows.hedge_mode(told({"posMode": "net_mode"}))
    with pytest.raises(VenueUnknownError):
        okx_rows.equity(balance, "USDC")
    with pytest.raises(VenueUnknownError):
        okx_rows.hedge_mode(told({"posMode": "other"}))


def test_a_part_of_a_position_in_a_market_without_sizes_is_no_order_of_nothing() -> None:
    """What the first row holds is enough: the exchange would refuse the other, and the close would count as failed."""
    held = OkxHoldings(Markets(None, SystemClock(), dict))
    rows = okx_rows.holdings(told(ROW, ROW | {"mgnMode": "isolated"}), name)
    (position,) = held.positions(rows)

    assert held.parts(replace(position, quantity=Decimal(1))) == [(rows[0], Decimal(1))]
    assert held.parts(position) == [(rows[0], Decimal(1)), (rows[1], Decimal(1))]
