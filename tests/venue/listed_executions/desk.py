"""An account on which an engine trades, and a reader of its executions."""

from collections.abc import Callable

from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.venue.ccxt_bybit import BybitClient
from ess_server.venue.ccxt_okx import OkxClient
from ess_server.venue.listed_executions import ListedHistory
from tests.venue.floor import Floor

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
NEW, TRADE, CANCELED, REJECTED = (
    ExecutionType.NEW,
    ExecutionType.TRADE,
    ExecutionType.CANCELED,
    ExecutionType.REJECTED,
)


class Desk:
    """A floor, and a reader of its account with what it has told."""

    def __init__(self, floor: Floor, connect: Callable[[ListedHistory], OkxClient | BybitClient]) -> None:
        self.floor = floor
        self.told: list[ExecutionReport] = []
        self.history = ListedHistory()
        self._connect = connect
        self.client = connect(self.history)

    async def look(self) -> list[ExecutionReport]:
        """Look; returns what is new."""
        before = len(self.told)
        await self.client.executions(self.told.extend)
        return self.told[before:]

    def reopen(self) -> None:
        """Go on with another client, as after a change of keys."""
        self.client = self._connect(self.history)
