"""Positions and balances as Bybit prints them."""

from decimal import Decimal

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.bybit.render import LEG_NUMBERS, TRAILING, fixed, plain
from ess_server.venue.paper.dialects.bybit.request import Json
from ess_server.venue.paper.margin import AssetFigures, asset_figures, leg_figures, liquidation_price
from ess_server.venue.paper.model import ZERO, Conditional, Leg, TriggerType

_CASH = 8


def isolated(account: Account, books: Books) -> bool:
    """Whether the account is in isolated margin mode, which a unified account sets for all symbols at once."""
    return all(account.symbol_settings(symbol).isolated for symbol in books.market.instruments)


def figures_of(account: Account, books: Books) -> list[AssetFigures]:
    """Figures of every wallet; the quote assets of the venue are always there."""
    quotes = {item.quote for item in books.market.instruments.values()}
    return [asset_figures(account, books.market, asset) for asset in sorted(quotes | set(account.wallets))]


def position(account: Account, books: Books, leg: Leg, wallet: AssetFigures) -> Json:
    """One row of position/list; ``wallet`` is what the leg is margined in."""
    instrument, mark = books.market.instrument(leg.symbol), books.market.mark(leg.symbol)
    figures = leg_figures(account, books.market, leg)
    stops = [item for item in account.conditionals_of(leg.symbol) if item.request.leg is leg.side]
    side = "Buy" if leg.quantity > 0 else "Sell"
    updated = str(milliseconds(leg.updated)) if leg.updated else "0"
    liquidation = liquidation_price(leg, figures, mark, wallet) if leg.quantity else ZERO
    return {
        "positionIdx": LEG_NUMBERS[leg.side],
        "symbol": leg.symbol,
        "side": side if leg.quantity else "",
        "size": fixed(abs(leg.quantity), instrument.quantity_digits),
        "avgPrice": fixed(leg.entry, instrument.price_digits + 4) if leg.quantity else "0",
        "positionValue": plain(abs(leg.quantity) * leg.entry),
        "markPrice": fixed(mark, instrument.price_digits),
        "liqPrice": fixed(liquidation, instrument.price_digits) if liquidation else "",
        "positionIM": fixed(figures.initial, _CASH),
        "positionMM": fixed(figures.maintenance, _CASH),
        "positionIMByMp": fixed(figures.initial, _CASH),
        "positionMMByMp": fixed(figures.maintenance, _CASH),
        "unrealisedPnl": fixed(figures.unrealized, _CASH),
        "leverage": str(account.symbol_settings(leg.symbol).leverage),
        "takeProfit": _trigger(stops, TriggerType.TAKE_PROFIT, instrument.price_digits),
        "stopLoss": _trigger(stops, TriggerType.STOP, instrument.price_digits),
        "trailingStop": fixed(_trailing(stops, mark), instrument.price_digits),
        "createdTime": updated,
        "updatedTime": updated,
    } | _constants()


def _trigger(stops: list[Conditional], kind: TriggerType, digits: int) -> str:
    """Price of the take profit or stop loss of the whole position; empty if it has none."""
    for item in stops:
        if item.request.close_position and item.request.trigger is kind and item.request.trigger_price is not None:
            return fixed(item.request.trigger_price, digits)
    return ""


def _trailing(stops: list[Conditional], mark: Decimal) -> Decimal:
    """Distance of the trailing stop at the price that it follows; zero if there is none."""
    for item in stops:
        if item.request.kind == TRAILING and item.request.callback_percent is not None:
            return (item.extreme or mark) * item.request.callback_percent / 100
    return ZERO


def _constants() -> Json:
    return {
        "riskId": 1,
        "riskLimitValue": "10000000000",
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "positionBalance": "0",
        "bustPrice": "",
        "tpslMode": "Full",
        "adlRankIndicator": 0,
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "sessionAvgPrice": "",
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "seq": -1,
    }


def wallet(account: Account, books: Books, coins: frozenset[str]) -> Json:
    """The row of wallet-balance; ``coins`` names those that are told, empty for all that are not zero."""
    every = figures_of(account, books)
    quotes = {item.quote for item in books.market.instruments.values()}
    margined = [item for item in every if item.asset in quotes]
    told = [item for item in every if (item.asset in coins if coins else item.wallet or item.unrealized)]
    return {
        "accountType": "UNIFIED",
        "accountLTV": "",
        "totalEquity": _sum([item.equity for item in margined]),
        **_totals(margined, known=not isolated(account, books)),
        "coin": [_coin(item) for item in told],
    }


def _totals(figures: list[AssetFigures], *, known: bool) -> Json:
    """Sums of the account, each asset at one dollar; isolated margin has none."""
    equity = sum((item.equity for item in figures), start=ZERO)
    initial = sum((item.initial_margin for item in figures), start=ZERO)
    kept = sum((item.maintenance for item in figures), start=ZERO)
    shown = {
        "totalWalletBalance": _sum([item.wallet for item in figures]),
        "totalMarginBalance": fixed(equity, _CASH),
        "totalPerpUPL": _sum([item.unrealized for item in figures]),
        "totalAvailableBalance": _sum([item.available for item in figures]),
        "totalInitialMargin": fixed(initial, _CASH),
        "totalMaintenanceMargin": fixed(kept, _CASH),
        "accountIMRate": fixed(initial / equity if equity else ZERO, 4),
        "accountMMRate": fixed(kept / equity if equity else ZERO, 4),
    }
    return {name: value if known else "" for name, value in shown.items()}


def _coin(item: AssetFigures) -> Json:
    return {
        "coin": item.asset,
        "equity": fixed(item.equity, _CASH),
        "usdValue": fixed(item.equity, _CASH),
        "walletBalance": fixed(item.wallet, _CASH),
        "unrealisedPnl": fixed(item.unrealized, _CASH),
        "totalOrderIM": fixed(item.order_margin, _CASH),
        "totalPositionIM": fixed(item.position_margin, _CASH),
        "totalPositionMM": fixed(item.maintenance, _CASH),
        "availableToWithdraw": "",
        "availableToBorrow": "",
        "locked": "0",
        "borrowAmount": "0",
        "spotBorrow": "0",
        "accruedInterest": "0",
        "cumRealisedPnl": "0",
        "bonus": "0",
        "spotHedgingQty": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
    }


def _sum(values: list[Decimal]) -> str:
    return fixed(sum(values, start=ZERO), _CASH)
