"""The real clients through ccxt, with the hands of an engine on a paper venue."""

from decimal import Decimal

from ess_server.core.venue_ports import ExchangeClient
from ess_server.venue.paper import Fault, FaultKind, Operation, PaperVenue
from ess_server.venue.paper.model import ConditionalRequest, LegSide, OrderRequest, OrderType, Side, TriggerType
from ess_server.venue.paper.spot_model import SpotKind, SpotRequest
from tests.contract.exchange_client.bench import BTC, ETH


class PaperBench:
    """The real client through ccxt on a paper venue."""

    btc, eth, long_only = BTC, ETH, False

    def __init__(self, venue: PaperVenue, client: ExchangeClient, *, hedged: bool) -> None:
        self.client = client
        self._venue = venue
        self.hedged = hedged

    def rest(self, symbol: str, *, conditional: bool = False) -> None:
        """See Bench."""
        leg = LegSide.LONG if self.hedged else LegSide.BOTH
        if not conditional:
            self._place(symbol, Side.BUY, Decimal(1), leg, limit=True)
            return
        trigger = Decimal(int(self._venue.books.market.mark(_id(symbol)) * Decimal("1.1")))
        wanted = ConditionalRequest(
            symbol=_id(symbol), side=Side.BUY, trigger=TriggerType.STOP, trigger_price=trigger, quantity=Decimal(1),
            leg=leg,
        )  # fmt: skip
        self._venue.books.place_conditional("main", wanted)

    def hold(self, symbol: str, quantity: int, *, long: bool = True) -> None:
        """See Bench."""
        leg = (LegSide.LONG if long else LegSide.SHORT) if self.hedged else LegSide.BOTH
        self._place(symbol, Side.BUY if long else Side.SELL, Decimal(quantity), leg)

    def shrink(self, symbol: str, quantity: int) -> None:
        """See Bench."""
        self._place(symbol, Side.SELL, Decimal(quantity), LegSide.LONG if self.hedged else LegSide.BOTH)

    def price(self, symbol: str) -> Decimal:
        """See Bench."""
        return self._venue.books.market.mark(_id(symbol))

    def out_of_reach(self, symbol: str) -> None:
        """See Bench: on the venue nobody does."""

    def break_reads(self) -> None:
        """See Bench."""
        self._venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.POSITIONS))

    def books(self) -> tuple[int, dict[tuple[str, bool], Decimal]]:
        """See Bench."""
        account = self._venue.books.account("main")
        legs = {(f"{x.symbol[:-4]}/USDT:USDT", x.quantity > 0): abs(x.quantity) for x in account.positions()}
        return len(account.open_orders) + len(account.open_conditionals), legs

    def _place(self, symbol: str, side: Side, quantity: Decimal, leg: LegSide, *, limit: bool = False) -> None:
        price = Decimal(int(self._venue.books.market.mark(_id(symbol)) * Decimal("0.97"))) if limit else None
        self._venue.books.place(
            "main",
            OrderRequest(
                symbol=_id(symbol), side=side, type=OrderType.LIMIT if limit else OrderType.MARKET, quantity=quantity,
                price=price, leg=leg,
            ),
        )  # fmt: skip


class SpotBench:
    """The spot client through ccxt on a paper venue: assets instead of positions, and none that is owed."""

    btc, eth, long_only, hedged = "BTC/USDT", "ETH/USDT", True, False

    def __init__(self, venue: PaperVenue, client: ExchangeClient) -> None:
        self.client = client
        self._venue = venue
        self._account = venue.books.account("main")

    def rest(self, symbol: str, *, conditional: bool = False) -> None:
        """See Bench."""
        price = Decimal(int(self.price(symbol) * (Decimal("1.1") if conditional else Decimal("0.97"))))
        self._place(symbol, Side.BUY, Decimal(1), SpotKind.STOP_LOSS if conditional else SpotKind.LIMIT, price)

    def hold(self, symbol: str, quantity: int, *, long: bool = True) -> None:
        """See Bench."""
        assert long
        self._venue.books.spot.transfer(self._account, symbol[:3], Decimal(quantity))

    def shrink(self, symbol: str, quantity: int) -> None:
        """See Bench."""
        self._place(symbol, Side.SELL, Decimal(quantity), SpotKind.MARKET)

    def price(self, symbol: str) -> Decimal:
        """See Bench."""
        return self._venue.books.market.mark(_id(symbol))

    def out_of_reach(self, symbol: str) -> None:
        """See Bench: on the venue nobody does."""

    def break_reads(self) -> None:
        """See Bench."""
        self._venue.faults.add(Fault(kind=FaultKind.BODY, operation=Operation.BALANCE))

    def books(self) -> tuple[int, dict[tuple[str, bool], Decimal]]:
        """See Bench."""
        spot = self._account.spot
        held = {(f"{asset}/USDT", True): spot.held.get(asset, Decimal(0)) for asset in ("BTC", "ETH")}
        return len(spot.open), {key: amount for key, amount in held.items() if amount}

    def _place(self, symbol: str, side: Side, quantity: Decimal, kind: SpotKind, price: Decimal | None = None) -> None:
        wanted = SpotRequest(
            symbol=_id(symbol), side=side, kind=kind, quantity=quantity, price=None if kind.waits else price,
            stop_price=price if kind.waits else None,
        )  # fmt: skip
        self._venue.books.spot.place(self._account, wanted)


def _id(symbol: str) -> str:
    return symbol.split("/", maxsplit=1)[0] + "USDT"
