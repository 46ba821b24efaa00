"""What counts as opening risk, over everything that ccxt has."""

import ccxt
import ccxt.pro
import pytest

from ess_client._guard_rules import endpoint_opens_risk, opens_risk


def test_every_capability_of_ccxt_is_on_the_right_side() -> None:
    """Of all that ccxt's exchanges list as their abilities, exactly those that open risk are gated."""
    abilities = {name for each in ccxt.exchanges for name in getattr(ccxt, each)().has}
    expected = {
        name
        for name in abilities
        if name.startswith(("create", "edit", "borrow", "withdraw")) and name != "createDepositAddress"
    }

    assert {name for name in abilities if opens_risk(name)} == expected | {"reduceMargin"}
    assert len(expected) > 50


def test_no_method_of_any_exchange_slips_by() -> None:
    """Every method whose name makes, edits or sends orders is gated; whatever reads or cancels is not."""
    names = {
        name
        for package in (ccxt, ccxt.pro)
        for each in package.exchanges
        for name in dir(getattr(package, each))
        if not name.startswith("_") and name == name.lower()
    }
    sending = {n for n in names if n.startswith(("create_", "edit_")) and "order" in n.split("_")}
    sending |= {n for n in names if n.startswith(("create_", "edit_")) and "orders" in n.split("_")}
    reading = {n for n in names if n.split("_")[0] in ("fetch", "watch", "cancel", "parse", "safe", "load")}

    assert len(sending) > 60
    assert {n for n in sending if not opens_risk(n)} == set()
    assert {n for n in reading if opens_risk(n)} == set()


@pytest.mark.parametrize(
    ("method", "path", "gated"),
    [
        ("POST", "order", True),
        ("post", "trade/order", True),
        ("PUT", "order", True),
        ("PATCH", "orders/{id}", True),
        ("POST", "order/cancelReplace", True),
        ("POST", "trade/amend-order", True),
        ("POST", "unheard/of", True),
        ("GET", "buy", True),
        ("GET", "edit", True),
        ("GET", "https://www.deribit.com/api/v2/private/buy?amount=1", True),
        ("GET", "order", False),
        ("GET", "prices/{symbol}/buy", False),
        ("GET", "giftcard/buyCode/token-limit", False),
        ("DELETE", "order", False),
        ("POST", "trade/cancel-order", False),
        ("POST", "v1/order/orders/batchcancel", False),
        ("POST", "CancelAll", False),
        ("POST", "trade/closePosition", False),
        ("POST", "https://fapi.binance.com/fapi/v1/order?x=cancel", True),
    ],
)
def test_endpoints(method: str, path: str, gated: bool) -> None:  # noqa: FBT001 - a column of the table
    """Raw endpoints: what writes is gated, but cancelling and closing; what reads is not."""
    assert endpoint_opens_risk(method, path) is gated
