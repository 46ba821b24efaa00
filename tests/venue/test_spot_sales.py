"""Sales that must not be made twice, over a venue that says what the test wants."""

import asyncio
from typing import Any

import pytest

from ess_server.core.clock import SystemClock
from ess_server.core.errors import VenueUnknownError
from ess_server.venue.spot_rows import Holdings
from ess_server.venue.spot_sales import EXPIRY_S, SpotSales
from ess_server.venue.strict import VenueError

SYMBOL, ID = "BTC/USDT", "ess-12345678-1-1-0"
DONE = {"status": "FILLED", "executedQty": "1", "updateTime": 1000, "clientOrderId": ID}
WORKING = {**DONE, "status": "PARTIALLY_FILLED"}


class Venue:
    """What the venue answers to lookups, in turn, and how often it was asked."""

    def __init__(self, *looks: object, recent: object = ()) -> None:
        self.looks = list(looks)
        self.recent_rows = list(recent) if isinstance(recent, tuple) else recent
        self.asked: list[str] = []
        self.sales = SpotSales(SystemClock(), self._look, self._recent, expiry=0.05)

    async def turn(self) -> None:
        """Take a turn and do nothing with it."""
        async with self.sales.turn(SYMBOL):
            pass

    async def sell(self, answer: object) -> None:
        """Sell in a turn; an answer that is an exception is raised."""

        async def order() -> object:
            if isinstance(answer, BaseException):
                raise answer
            return answer

        async with self.sales.turn(SYMBOL):
            await self.sales.sell(SYMBOL, ID, order())

    async def _look(self, symbol: str, client_order_id: str) -> object:
        assert (symbol, client_order_id) == (SYMBOL, ID)
        self.asked.append(client_order_id)
        return self.looks.pop(0)

    async def _recent(self, symbol: str) -> object:
        assert symbol == SYMBOL
        return self.recent_rows


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (VenueError("InvalidOrder: -1013 Filter failure: LOT_SIZE", -1013), True),
        (VenueError("InvalidNonce: -1021", -1021), True),
        (VenueError("InsufficientFunds: -2010 insufficient balance", -2010), True),
        (VenueError("InvalidOrder: -2010 Duplicate order sent.", -2010), False),
        (VenueError("RequestTimeout: -1007 Timeout", -1007), False),
        (VenueError("OperationFailed: -1008 overloaded", -1008), False),
        (VenueError("ExchangeNotAvailable: 502", None), False),
        (VenueUnknownError("the venue's reply is not JSON"), False),
        (asyncio.CancelledError(), False),
        ({}, False),
        (WORKING, False),
        (DONE, True),
    ],
)
async def test_only_a_plain_answer_settles_a_sale(answer: Any, known: bool) -> None:  # noqa: FBT001 - a table
    """A refusal by number and an end are answers; whatever else comes back is looked up before the next turn."""
    venue = Venue(DONE)
    try:
        await venue.sell(answer)
    except (VenueError, VenueUnknownError, asyncio.CancelledError):
        assert answer not in (DONE, WORKING)
    assert venue.asked == []
    await venue.turn()
    await venue.turn()

    assert venue.asked == ([] if known else [ID])


async def test_what_does_not_exist_is_asked_for_again_when_it_can_no_longer_come() -> None:
    """The first "no such order" may be said too early; the second, after the expiry, is the answer."""
    venue = Venue(None, DONE)
    await venue.turn()
    with pytest.raises(VenueUnknownError):
        await venue.sell(VenueUnknownError("lost"))
    began = asyncio.get_running_loop().time()
    await venue.turn()

    assert len(venue.asked) == 2
    assert asyncio.get_running_loop().time() - began >= 0.05
    with pytest.raises(VenueUnknownError, match="older than the last sale"):
        venue.sales.believe(Holdings({}, 999))
    assert venue.sales.believe(Holdings({}, 1000)).updated == 1000


async def test_an_order_that_still_works_lets_nobody_sell() -> None:
    """No turn is given while the lookup shows it working, or fails, or cannot be read."""
    venue = Venue(WORKING, {}, None, None)
    with pytest.raises(VenueUnknownError):
        await venue.sell(VenueUnknownError("lost"))
    for _ in range(2):
        with pytest.raises(VenueUnknownError, match=r"still working|missing"):
            await venue.turn()
    await venue.turn()

    assert len(venue.asked) == 4


@pytest.mark.parametrize("recent", [None, {}, (WORKING,), ({**DONE, "status": "?"},)])
async def test_a_beginner_looks_at_the_newest_orders_first(recent: object) -> None:
    """No turn before they are read and those of a stop have ended; the orders of others are none of its business."""
    venue = Venue(recent=recent)
    with pytest.raises(VenueUnknownError):
        await venue.turn()
    venue.recent_rows = [DONE, {"clientOrderId": "engine-1", "status": "NEW"}]
    await venue.turn()
    with pytest.raises(VenueUnknownError, match="older than the last sale"):
        venue.sales.believe(Holdings({}, 1))
    venue.recent_rows = None
    await venue.turn()


async def test_balances_are_doubted_for_a_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue whose balances never catch up with its orders does not block for ever."""
    monkeypatch.setattr("ess_server.venue.spot_sales.LAG_S", 0.05)
    venue = Venue()
    await venue.sell(DONE)
    with pytest.raises(VenueUnknownError):
        venue.sales.believe(Holdings({}, 1))
    await asyncio.sleep(0.06)

    assert venue.sales.believe(Holdings({}, 1)).updated == 1


async def test_turns_of_a_symbol_follow_each_other() -> None:
    """Two closes of one symbol never overlap."""
    venue, inside = Venue(), 0

    async def take() -> None:
        nonlocal inside
        async with venue.sales.turn(SYMBOL):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(take() for _ in range(3)))


def test_nothing_can_be_accepted_after_the_expiry() -> None:
    """The window of a send and what the exchange tolerates of clocks ahead are both in it."""
    assert EXPIRY_S == 1.75 + 1.0
