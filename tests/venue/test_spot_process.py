"""A venue process that is killed in the middle of a sale: the next one sells what is left, and nothing twice."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ess_server.adapters.venue_process import LinkTimes
from ess_server.core.flatten import FlattenSettings
from ess_server.core.model import FlattenStatus
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_link import VenueSettings
from ess_server.testing.waiting import eventually
from ess_server.venue.paper import Fault, FaultKind, Operation
from tests.venue.office import FLATTEN, Office


async def test_a_process_killed_in_a_sale_leaves_nothing_to_be_sold_twice(
    open_stall: Callable[..., Awaitable[Any]], settings_for: Callable[..., VenueSettings], tmp_path: Path
) -> None:
    """One order is accepted after its sender is dead, another before: what is kept is still there at the end."""
    stall = await open_stall({"BTC": "3", "ETH": "10", "USDT": "100"})
    late = Fault(kind=FaultKind.DELAY, operation=Operation.ORDER, delay=timedelta(milliseconds=1500), applied=False)
    stall.venue.faults.add(late)
    stall.venue.faults.add(replace(late, kind=FaultKind.HANG, applied=True, delay=timedelta()))
    plain = settings_for(stall)
    sale = SpotSale(sell=("BTC", "ETH"), keep=(("BTC", Decimal(2)), ("ETH", Decimal(9))))
    account = replace(plain.accounts[0], exchange="binance", spot=sale)
    flatten = FlattenSettings(quiet_window=timedelta(milliseconds=50))
    office = Office(tmp_path)
    settings = replace(plain, accounts=(account,), flatten=flatten)
    office.open(settings, (sys.executable, "-m", "ess_server.venue"), LinkTimes())
    await office.process.start()
    try:
        office.want(FLATTEN)
        await eventually(lambda: not stall.venue.faults.pending(), within=30)
        os.kill(int((tmp_path / "venue.lock").read_text()), signal.SIGKILL)
        await office.reaches(FlattenStatus.FLAT, within=30)
    finally:
        await office.process.stop()

    assert (stall.sold("BTC"), stall.sold("ETH")) == (1, 1)
    assert len(stall.venue.journal.read(kinds=("order",))) == 2
