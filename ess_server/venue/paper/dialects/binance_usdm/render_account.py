"""Positions, balances and the account as Binance prints them."""

from datetime import datetime
from decimal import Decimal

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.binance.text import Json, fixed
from ess_server.venue.paper.margin import (
    AssetFigures,
    LegFigures,
    asset_figures,
    leg_figures,
    liquidation_price,
    order_margin,
)
from ess_server.venue.paper.model import ZERO, Leg, Side

_MAX_NOTIONAL = "10000000000"
_CASH = 8


def shown_legs(account: Account, books: Books, symbol: str, *, every: bool) -> list[Leg]:
    """Legs to print: all of every symbol (version 2), or those with a position or an order (version 3)."""
    symbols = [symbol] if symbol else list(books.market.instruments)
    legs = [account.leg(name, side) for name in symbols for side in account.leg_sides()]
    if every:
        return legs
    busy = {(order.symbol, order.leg) for order in account.open_orders.values()}
    return [leg for leg in legs if leg.quantity or (leg.symbol, leg.side) in busy]


def position_risk(account: Account, books: Books, leg: Leg, wallet: AssetFigures, *, version: int) -> Json:
    """One row of positionRisk; ``wallet`` is what the leg is margined in."""
    instrument, mark = books.market.instrument(leg.symbol), books.market.mark(leg.symbol)
    figures = leg_figures(account, books.market, leg)
    settings = account.symbol_settings(leg.symbol)
    isolated = settings.isolated and bool(leg.quantity)
    row: Json = {
        "symbol": leg.symbol,
        "positionSide": leg.side.value,
        "positionAmt": fixed(leg.quantity, instrument.quantity_digits),
        "entryPrice": fixed(leg.entry, instrument.price_digits + 4),
        "breakEvenPrice": fixed(leg.entry, instrument.price_digits + 4),
        "markPrice": fixed(mark, 8),
        "unRealizedProfit": fixed(figures.unrealized, _CASH),
        "liquidationPrice": fixed(liquidation_price(leg, figures, mark, wallet), 8) if leg.quantity else "0",
        "isolatedMargin": fixed(figures.initial + figures.unrealized, _CASH) if isolated else "0",
        "notional": fixed(figures.notional, _CASH),
        "isolatedWallet": fixed(figures.initial, _CASH) if isolated else "0",
        "updateTime": milliseconds(leg.updated) if leg.updated else 0,
    }
    if version < 3:  # noqa: PLR2004 - the version in the path
        return row | _version_2(settings.leverage, isolated=settings.isolated)
    return row | _version_3(account, books, leg, figures)


def _version_2(leverage: int, *, isolated: bool) -> Json:
    return {
        "leverage": str(leverage),
        "maxNotionalValue": _MAX_NOTIONAL,
        "marginType": "isolated" if isolated else "cross",
        "isAutoAddMargin": "false",
        "isolated": isolated,
        "adlQuantile": 0,
    }


def _version_3(account: Account, books: Books, leg: Leg, figures: LegFigures) -> Json:
    ordered = _order_margin(account, books, leg)
    return {
        "initialMargin": fixed(figures.initial + ordered, _CASH),
        "maintMargin": fixed(figures.maintenance, _CASH),
        "positionInitialMargin": fixed(figures.initial, _CASH),
        "openOrderInitialMargin": fixed(ordered, _CASH),
        "adl": 0,
        "bidNotional": fixed(_resting(account, leg, Side.BUY), _CASH),
        "askNotional": fixed(_resting(account, leg, Side.SELL), _CASH),
        "marginAsset": books.market.instrument(leg.symbol).quote,
    }


def _resting(account: Account, leg: Leg, side: Side) -> Decimal:
    return sum(
        (
            order.remaining * (order.price or ZERO)
            for order in account.orders_of(leg.symbol, leg.side)
            if order.side is side
        ),
        start=ZERO,
    )


def figures_of(account: Account, books: Books) -> list[AssetFigures]:
    """Figures of every wallet; the quote assets of the venue are always there."""
    quotes = {item.quote for item in books.market.instruments.values()}
    assets = sorted(quotes | set(account.wallets))
    return [asset_figures(account, books.market, asset) for asset in assets]


def account_asset(figures: AssetFigures, now: datetime) -> Json:
    """One row of the account's assets."""
    return {
        "asset": figures.asset,
        "walletBalance": fixed(figures.wallet, _CASH),
        "unrealizedProfit": fixed(figures.unrealized, _CASH),
        "marginBalance": fixed(figures.equity, _CASH),
        "maintMargin": fixed(figures.maintenance, _CASH),
        "initialMargin": fixed(figures.initial_margin, _CASH),
        "positionInitialMargin": fixed(figures.position_margin, _CASH),
        "openOrderInitialMargin": fixed(figures.order_margin, _CASH),
        "crossWalletBalance": fixed(figures.wallet, _CASH),
        "crossUnPnl": fixed(figures.unrealized, _CASH),
        "availableBalance": fixed(figures.available, _CASH),
        "maxWithdrawAmount": fixed(min(figures.available, max(ZERO, figures.wallet)), _CASH),
        "marginAvailable": True,
        "updateTime": milliseconds(now),
    }


def balance(figures: AssetFigures, account: Account, now: datetime) -> Json:
    """One row of balance."""
    return {
        "accountAlias": account.name,
        "asset": figures.asset,
        "balance": fixed(figures.wallet, _CASH),
        "crossWalletBalance": fixed(figures.wallet, _CASH),
        "crossUnPnl": fixed(figures.unrealized, _CASH),
        "availableBalance": fixed(figures.available, _CASH),
        "maxWithdrawAmount": fixed(min(figures.available, max(ZERO, figures.wallet)), _CASH),
        "marginAvailable": True,
        "updateTime": milliseconds(now),
    }


def totals(every: list[AssetFigures], books: Books) -> Json:
    """Sums over the assets that contracts are margined in, each at one dollar."""
    quotes = {item.quote for item in books.market.instruments.values()}
    figures = [item for item in every if item.asset in quotes]

    def total(values: list[Decimal]) -> str:
        return fixed(sum(values, start=ZERO), _CASH)

    wallet, unrealized = total([f.wallet for f in figures]), total([f.unrealized for f in figures])
    return {
        "totalInitialMargin": total([f.initial_margin for f in figures]),
        "totalMaintMargin": total([f.maintenance for f in figures]),
        "totalWalletBalance": wallet,
        "totalUnrealizedProfit": unrealized,
        "totalMarginBalance": total([f.equity for f in figures]),
        "totalPositionInitialMargin": total([f.position_margin for f in figures]),
        "totalOpenOrderInitialMargin": total([f.order_margin for f in figures]),
        "totalCrossWalletBalance": wallet,
        "totalCrossUnPnl": unrealized,
        "availableBalance": total([f.available for f in figures]),
        "maxWithdrawAmount": total([min(f.available, max(ZERO, f.wallet)) for f in figures]),
    }


def _order_margin(account: Account, books: Books, leg: Leg) -> Decimal:
    return order_margin(account, books.market, leg.symbol) if account.orders_of(leg.symbol) else ZERO


def account_position(account: Account, books: Books, leg: Leg, *, version: int) -> Json:
    """One row of the account's positions."""
    instrument = books.market.instrument(leg.symbol)
    figures = leg_figures(account, books.market, leg)
    ordered = _order_margin(account, books, leg)
    row: Json = {
        "symbol": leg.symbol,
        "positionSide": leg.side.value,
        "positionAmt": fixed(leg.quantity, instrument.quantity_digits),
        "unrealizedProfit": fixed(figures.unrealized, _CASH),
        "isolatedMargin": "0",
        "notional": fixed(figures.notional, _CASH),
        "isolatedWallet": "0",
        "initialMargin": fixed(figures.initial + ordered, _CASH),
        "maintMargin": fixed(figures.maintenance, _CASH),
        "updateTime": milliseconds(leg.updated) if leg.updated else 0,
    }
    return row if version > 2 else row | _account_version_2(account, books, leg)  # noqa: PLR2004 - in the path


def _account_version_2(account: Account, books: Books, leg: Leg) -> Json:
    instrument, settings = books.market.instrument(leg.symbol), account.symbol_settings(leg.symbol)
    return {
        "positionInitialMargin": fixed(leg_figures(account, books.market, leg).initial, _CASH),
        "openOrderInitialMargin": fixed(_order_margin(account, books, leg), _CASH),
        "leverage": str(settings.leverage),
        "isolated": settings.isolated,
        "entryPrice": fixed(leg.entry, instrument.price_digits + 4),
        "breakEvenPrice": fixed(leg.entry, instrument.price_digits + 4),
        "maxNotional": _MAX_NOTIONAL,
        "bidNotional": fixed(_resting(account, leg, Side.BUY), _CASH),
        "askNotional": fixed(_resting(account, leg, Side.SELL), _CASH),
    }
