"""Refusals, request security, limits and faults of the OKX dialect."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import ccxt
import pytest

from ess_server.venue.paper import Fault, FaultKind, Operation, PaperVenue
from ess_server.venue.paper.credentials import ApiKey

BTC = "BTC/USDT:USDT"
CLOSE = {"reduceOnly": True}


@pytest.mark.parametrize(
    ("order", "kind", "code"),
    [
        (("limit", "buy", 1, 70000), ccxt.InvalidOrder, "51006"),
        (("market", "buy", 13000, None), ccxt.InvalidOrder, "51202"),
        (("market", "buy", 0.1, None), ccxt.InvalidOrder, "51020"),
        (("market", "sell", 1, None, CLOSE), ccxt.ExchangeError, "51169"),
        (("market", "buy", 12000, None, {"clientOrderId": "a-b"}), ccxt.BadRequest, "clOrdId"),
        (("limit", "buy", 1, 59000, {"clientOrderId": "taken1"}), ccxt.InvalidOrder, "51016"),
        (("limit", "buy", 1, 59000, {"tdMode": "spot"}), ccxt.BadRequest, "tdMode"),
        (("limit", "buy", 1, 59000, {"stopLoss": {"triggerPrice": 58000}}), ccxt.BadRequest, "attachAlgoOrds"),
    ],
)
async def test_refusals_are_ccxts_own_classes(okx: Any, order: tuple[Any, ...], kind: type, code: str) -> None:
    """Property: the codes become the exceptions that ccxt raises on the production URL; nothing is placed."""
    await okx.create_order(BTC, "limit", "buy", 1, 58000, {"clientOrderId": "taken1"})
    with pytest.raises(kind, match=code):
        await okx.create_order(BTC, *order)
    assert len(await okx.fetch_open_orders()) == 1


async def test_margin_and_unknown_names_are_refused(venue: PaperVenue, okx: Any) -> None:
    """Property: an order beyond the margin, an unknown contract and an unknown order have their own codes."""
    venue.books.transfer("a", "USDT", -(venue.books.account("a").wallets["USDT"] - 100))
    with pytest.raises(ccxt.InsufficientFunds, match="51008"):
        await okx.create_order(BTC, "market", "buy", 10)
    with pytest.raises(ccxt.OrderNotFound, match="51603"):
        await okx.fetch_order("1", BTC)
    with pytest.raises(ccxt.BadSymbol, match="51001"):
        await okx.privateGetTradeOrder({"instId": "X-USDT-SWAP", "ordId": "1"})
    with pytest.raises(ccxt.BadRequest, match="50014"):
        await okx.privateGetTradeOrdersAlgoPending({})


async def test_cancelling_what_is_gone_tells_why(okx: Any) -> None:
    """Property: cancelled, filled and unknown orders are three codes, all of them OrderNotFound."""
    rest = (await okx.create_order(BTC, "limit", "buy", 1, 59000))["id"]
    filled = (await okx.create_order(BTC, "market", "buy", 1))["id"]
    await okx.cancel_order(rest, BTC)
    for id_, code in ((rest, "51401"), (filled, "51402"), ("1", "51400")):
        with pytest.raises(ccxt.OrderNotFound, match=code):
            await okx.cancel_order(id_, BTC)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"apiKey": "other"}, "50111"),
        ({"secret": "other"}, "50113"),
        ({"password": "other"}, "50105"),
    ],
)
async def test_wrong_credentials_are_refused(
    venue: PaperVenue, client: Callable[..., Any], config: dict[str, str], code: str
) -> None:
    """Property: key, secret and passphrase must each be right."""
    with pytest.raises(ccxt.AuthenticationError, match=code):
        await client(venue, **config).fetch_positions()


async def test_a_read_only_key_reads_and_cannot_trade(venue: PaperVenue, client: Callable[..., Any]) -> None:
    """Property: without the right to trade reads go on; a withdrawal right is told."""
    key = ApiKey(key="r", secret="s", passphrase="p", account="r", can_trade=False, can_withdraw=True)
    venue.open_account(key, {})
    okx = client(venue, apiKey="r", secret="s", password="p")
    assert await okx.fetch_positions() == []
    assert (await okx.fetch_position_mode())["info"]["perm"] == "read_only,withdraw"
    with pytest.raises(ccxt.ExchangeError, match="50120"):
        await okx.create_order(BTC, "market", "buy", 1)


async def test_a_clock_that_is_off_is_refused_until_it_is_set(venue: PaperVenue, okx: Any) -> None:
    """Property: half a minute of skew is InvalidNonce; after asking the venue's time the same call works."""
    await okx.load_markets()
    venue.clock.skew = timedelta(seconds=40)
    with pytest.raises(ccxt.InvalidNonce, match="50102"):
        await okx.fetch_positions()
    await okx.load_time_difference()
    assert await okx.fetch_positions() == []


async def test_an_expired_order_is_not_placed(okx: Any) -> None:
    """Property: an order that comes after its expTime is refused, one before it is placed; cancels know none."""
    await okx.load_markets()
    for ahead, placed in ((-1, 0), (60_000, 1)):
        okx.headers = {"expTime": str(await okx.fetch_time() + ahead), "x-simulated-trading": "1"}
        if placed:
            await okx.create_order(BTC, "limit", "buy", 1, 59000)
        else:
            with pytest.raises(ccxt.ExchangeError, match="50036"):
                await okx.create_order(BTC, "limit", "buy", 1, 59000)
        assert len(await okx.fetch_open_orders()) == placed


async def test_each_endpoint_has_a_limit_of_its_own(venue: PaperVenue, okx: Any) -> None:
    """Property: beyond its limit an endpoint answers 50011 with HTTP 429, others go on; it can be lifted."""
    await okx.load_markets()
    venue.set_limits(endpoint_percent=20)
    refused = [e for e in await asyncio.gather(*(okx.fetch_positions() for _ in range(7)), return_exceptions=True) if e]
    assert len(refused) >= 3
    assert {type(e) for e in refused} == {ccxt.RateLimitExceeded}
    assert "50011" in str(refused[0])
    await okx.fetch_balance()
    venue.set_limits(endpoint_percent=None)
    assert await asyncio.gather(*(okx.fetch_positions() for _ in range(20))) == [[]] * 20


async def test_orders_are_counted_by_contract(venue: PaperVenue, okx: Any) -> None:
    """Property: orders of one contract use up nothing of another's limit, and each item of a batch counts."""
    await okx.load_markets()
    venue.set_limits(endpoint_percent=1)
    rows = [{"symbol": BTC, "type": "limit", "side": "buy", "amount": 1, "price": 59000}] * 4
    with pytest.raises(ccxt.RateLimitExceeded):
        await okx.create_orders(rows)
    await okx.create_orders(rows[:3])
    await okx.create_order("ETH/USDT:USDT", "limit", "buy", 10, 2900)


async def test_scripted_faults_look_like_the_real_thing(venue: PaperVenue, client: Callable[..., Any]) -> None:
    """Property: each fault hits the requests it names as ccxt would see the exchange fail, and is gone afterwards."""
    okx = client(venue, timeout=300)
    order = await okx.create_order(BTC, "limit", "buy", 1, 59000)
    for fault, kind in (
        (Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL), ccxt.OnMaintenance),
        (Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL, code=50013), ccxt.ExchangeNotAvailable),
        (Fault(kind=FaultKind.REJECT, operation=Operation.CANCEL, code=51410), ccxt.CancelPending),
        (Fault(kind=FaultKind.STATUS, status=502), ccxt.ExchangeNotAvailable),
        (Fault(kind=FaultKind.HANG, path="cancel-order"), ccxt.RequestTimeout),
        (Fault(kind=FaultKind.DROP, applied=False), ccxt.ExchangeNotAvailable),
    ):
        venue.faults.add(fault)
        with pytest.raises(kind):
            await okx.cancel_order(order["id"], BTC)
        assert venue.faults.pending() == ()
    assert len(await okx.fetch_open_orders()) == 1


async def test_an_order_may_be_placed_although_the_connection_drops(venue: PaperVenue, okx: Any) -> None:
    """Property: a cut connection tells nothing; the client id does."""
    await okx.load_markets()
    venue.faults.add(Fault(kind=FaultKind.DROP, operation=Operation.ORDER))
    with pytest.raises(ccxt.NetworkError):
        await okx.create_order(BTC, "market", "buy", 1, None, {"clientOrderId": "mine1"})
    assert (await okx.fetch_order("", BTC, {"clientOrderId": "mine1"}))["status"] == "closed"


async def test_an_empty_body_can_look_flat(venue: PaperVenue, okx: Any) -> None:
    """Property: the empty 200 reply that ccxt takes for "no positions" can be scripted."""
    await okx.create_order(BTC, "market", "buy", 1)
    venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS))
    assert [len(await okx.fetch_positions()) for _ in range(2)] == [0, 1]
