"""Equity and margin of an account at the present marks. Cross margin; pure."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.market import Market
from ess_server.venue.paper.model import ZERO, Leg, LegSide, Order, OrderRequest, Side


@dataclass(frozen=True, slots=True)
class Bracket:
    """One notional bracket: leverage allowed, maintenance ratio and the amount that keeps margin continuous."""

    floor: Decimal
    cap: Decimal
    max_leverage: int
    ratio: Decimal
    cumulative: Decimal


def brackets() -> tuple[Bracket, ...]:
    """Return the brackets that every contract of the paper venue shares."""
    rows = (
        (0, 50_000, 125, "0.004", "0"),
        (50_000, 600_000, 100, "0.005", "50"),
        (600_000, 3_000_000, 75, "0.0065", "950"),
        (3_000_000, 12_000_000, 50, "0.01", "11450"),
        (12_000_000, 70_000_000, 25, "0.02", "131450"),
        (70_000_000, 10_000_000_000, 10, "0.05", "2231450"),
    )
    return tuple(
        Bracket(Decimal(floor), Decimal(cap), leverage, Decimal(ratio), Decimal(cumulative))
        for floor, cap, leverage, ratio, cumulative in rows
    )


_BRACKETS = brackets()


def maintenance(notional: Decimal) -> Decimal:
    """Maintenance margin of a position worth ``notional`` (unsigned)."""
    for bracket in _BRACKETS:
        if notional < bracket.cap:
            return notional * bracket.ratio - bracket.cumulative
    return notional * _BRACKETS[-1].ratio - _BRACKETS[-1].cumulative


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFigures:
    """One leg in money: ``notional`` and ``unrealized`` are signed, the margins are not."""

    notional: Decimal
    unrealized: Decimal
    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFigures:
    """One wallet in money."""

    asset: str
    wallet: Decimal
    unrealized: Decimal = ZERO
    position_margin: Decimal = ZERO
    order_margin: Decimal = ZERO
    maintenance: Decimal = ZERO

    @property
    def equity(self) -> Decimal:
        """Wallet and unrealized profit."""
        return self.wallet + self.unrealized

    @property
    def initial_margin(self) -> Decimal:
        """Bound by positions and opening orders."""
        return self.position_margin + self.order_margin

    @property
    def available(self) -> Decimal:
        """Free for new risk; never below zero."""
        return max(ZERO, self.equity - self.initial_margin)


def leg_figures(account: Account, market: Market, leg: Leg) -> LegFigures:
    """Value one leg at the mark."""
    mark = market.mark(leg.symbol)
    notional = leg.quantity * mark
    return LegFigures(
        notional=notional,
        unrealized=leg.quantity * (mark - leg.entry),
        initial=abs(notional) / account.symbol_settings(leg.symbol).leverage,
        maintenance=maintenance(abs(notional)),
    )


def order_margin(account: Account, market: Market, symbol: str, extra: OrderRequest | None = None) -> Decimal:
    """Margin bound by the opening orders of a symbol, with ``extra`` counted as if it rested.

    One-way mode binds for the worse of "all buys fill" and "all sells fill" beyond the position itself.
    """
    total = ZERO
    for side, isolated in product(account.leg_sides(), (False, True)):
        buys, sells = _opening(account, market, symbol, side, extra, isolated=isolated)
        if not buys and not sells:
            continue
        held = account.leg(symbol, side, isolated=isolated).quantity * market.mark(symbol)
        total += max(ZERO, abs(held + buys) - abs(held), abs(held - sells) - abs(held))
    return total / account.symbol_settings(symbol).leverage


def _opening(
    account: Account, market: Market, symbol: str, side: LegSide, extra: OrderRequest | None, *, isolated: bool
) -> tuple[Decimal, Decimal]:
    buys = sells = ZERO
    for order in account.orders_of(symbol, side):
        if not order.reduces and order.isolated is isolated:
            if order.side is Side.BUY:
                buys += _worth(market, order, order.remaining)
            else:
                sells += _worth(market, order, order.remaining)
    if extra is not None and extra.leg is side and extra.isolated is isolated:
        if extra.side is Side.BUY:
            buys += _worth(market, extra, extra.quantity)
        else:
            sells += _worth(market, extra, extra.quantity)
    return buys, sells


def _worth(market: Market, order: Order | OrderRequest, quantity: Decimal) -> Decimal:
    price = order.price if order.price is not None else market.touch(order.symbol, order.side)
    return quantity * price


def asset_figures(account: Account, market: Market, asset: str) -> AssetFigures:
    """Value one wallet with everything that is margined in it."""
    unrealized = bound = kept = ZERO
    for leg in account.positions():
        if market.instrument(leg.symbol).quote == asset:
            figures = leg_figures(account, market, leg)
            unrealized += figures.unrealized
            bound += figures.initial
            kept += figures.maintenance
    symbols = {order.symbol for order in account.open_orders.values() if not order.reduces}
    ordered = sum(
        (order_margin(account, market, s) for s in symbols if market.instrument(s).quote == asset), start=ZERO
    )
    return AssetFigures(
        asset=asset,
        wallet=account.wallets.get(asset, ZERO),
        unrealized=unrealized,
        position_margin=bound,
        order_margin=ordered,
        maintenance=kept,
    )


def liquidation_price(leg: Leg, figures: LegFigures, mark: Decimal, asset: AssetFigures) -> Decimal:
    """Mark at which equity would meet maintenance if only this symbol moved; zero if there is none.

    Shown to clients only: the paper venue never liquidates.
    """
    if not leg.quantity:
        return ZERO
    ratio = figures.maintenance / abs(figures.notional)
    price = mark - (asset.equity - asset.maintenance) / (leg.quantity - abs(leg.quantity) * ratio)
    return max(ZERO, price)
