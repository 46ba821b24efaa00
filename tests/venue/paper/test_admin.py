"""The admin API."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ess_server.venue.paper import PaperVenue

BTC = "BTC/USDT:USDT"


async def test_a_demo_can_be_driven_from_another_process(
    venue: PaperVenue, admin: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: accounts, marks, transfers and mode set by JSON are what the books then hold."""
    account = {"name": "b", "key": "b-key", "secret": "hush", "balances": {"USDT": "5000"}}
    status, shown = await admin(venue, "POST", "accounts", account)
    assert (status, shown["equity"]) == (200, {"USDT": "5000.00000000"})
    assert "hush" not in str(shown)
    await admin(venue, "POST", "mode", {"account": "b", "hedged": True})
    await admin(venue, "POST", "transfer", {"account": "b", "amount": "-1000"})
    ex = exchange(venue, apiKey="b-key", secret="hush")
    await ex.create_order(BTC, "market", "buy", 0.1, None, {"hedged": True})
    await admin(venue, "POST", "marks", {"BTCUSDT": "59000"})
    await admin(venue, "POST", "shift", {"percent": "-10", "symbols": ["BTCUSDT"]})
    _, books = await admin(venue, "GET", "books?account=b")
    [seen] = books["accounts"]
    assert (seen["positions"][0]["quantity"], seen["positions"][0]["mark"]) == ("0.1", "53100.0")
    assert Decimal(seen["equity"]["USDT"]) == 4000 - Decimal("3.0015") + Decimal("0.1") * (53100 - 60030)


async def test_the_journal_is_paged_and_filtered(
    venue: PaperVenue, admin: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: entries come in order with the venue's time, from any number on, by kind and account."""
    ex = exchange(venue)
    await ex.create_order(BTC, "market", "buy", 0.5)
    await ex.create_order(BTC, "limit", "sell", 0.5, 61000)
    await ex.cancel_all_orders(BTC)
    _, page = await admin(venue, "GET", "journal?kind=order,fill,cancel&account=a")
    assert [entry["kind"] for entry in page["entries"]] == ["order", "fill", "order", "cancel"]
    assert page["entries"] == sorted(page["entries"], key=lambda entry: (entry["seq"], entry["at"]))
    assert page["entries"][1]["details"]["after"] == "0.5"
    _, rest = await admin(venue, "GET", f"journal?after={page['entries'][2]['seq']}&limit=1")
    assert [entry["kind"] for entry in rest["entries"]] == ["cancel"]


async def test_faults_limits_market_and_clock_are_scripted(
    venue: PaperVenue, admin: Callable[..., Any], exchange: Callable[..., Any]
) -> None:
    """Property: what is scripted by JSON happens, and can be taken back."""
    ex = exchange(venue)
    await ex.load_markets()
    _, shown = await admin(
        venue, "POST", "faults", {"kind": "reject", "operation": "cancel", "times": 2, "code": -2011}
    )
    assert shown["faults"][0]["times"] == 2
    with pytest.raises(Exception, match="-2011"):
        await ex.cancel_all_orders(BTC)
    await admin(venue, "DELETE", "faults")
    await ex.cancel_all_orders(BTC)
    await admin(venue, "POST", "market", {"slippage": "0", "liquidity": "6000"})
    assert (await ex.create_order(BTC, "market", "buy", 0.5))["filled"] == 0.1
    _, limits = await admin(venue, "POST", "limits", {"weight_per_minute": 1, "ban_ms": 1000})
    assert (limits["weight_per_minute"], limits["ban"]) == (1, 1.0)
    _, now = await admin(venue, "POST", "clock", {"skew_ms": -3_600_000})
    assert now["time"] < (await admin(venue, "POST", "clock", {"skew_ms": 0}))[1]["time"]


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("accounts", {"name": "c", "key": "k"}, "secret"),
        ("accounts", {"name": "c", "key": "k", "secret": "s", "balances": {"USDT": "NaN"}}, "balances.USDT"),
        ("accounts", {"name": "c", "key": "k", "secret": "s", "colour": 1}, "colour"),
        ("accounts", {"name": "a", "key": "k", "secret": "s"}, "taken"),
        ("marks", {"BTCUSDT": "0"}, "PRICE_NOT_POSITIVE"),
        ("marks", {"NOUSDT": "1"}, "UNKNOWN_SYMBOL"),
        ("shift", {"percent": "-100"}, "percent"),
        ("transfer", {"account": "nobody", "amount": "1"}, "UNKNOWN_ACCOUNT"),
        ("faults", {"kind": "meteor"}, "meteor"),
        ("faults", {"kind": "delay", "delay_ms": 10**9}, "delay"),
        ("faults", {"kind": "drop", "times": 0}, "times"),
        ("limits", {"weight": 1}, "weight"),
        ("clock", {"skew_ms": "soon"}, "skew_ms"),
        ("market", {"slippage": "1"}, "slippage"),
        ("mode", {"account": "a", "hedged": "yes"}, "hedged"),
    ],
)
async def test_bad_input_is_one_sentence_that_names_the_field(
    venue: PaperVenue, admin: Callable[..., Any], path: str, body: object, word: str
) -> None:
    """Property: bad input is 400, names what is wrong and changes nothing."""
    before = venue.journal.last_seq
    status, answer = await admin(venue, "POST", path, body)
    assert (status, word in answer["error"]) == (400, True)
    assert venue.journal.last_seq == before
    assert venue.faults.pending() == ()


async def test_only_local_programs_are_answered(venue: PaperVenue, admin: Callable[..., Any]) -> None:
    """Property: a browser's cross-site call and an unknown path are turned away, the latter with what is known."""
    assert (await admin(venue, "GET", "books", Origin="https://evil.example"))[0] == 403
    status, answer = await admin(venue, "GET", "everything")
    assert (status, "GET /paper/books" in answer["error"]) == (404, True)
