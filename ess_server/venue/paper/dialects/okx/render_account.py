"""Positions and balances as OKX prints them."""

import zlib

from ess_server.venue.paper.account import Account
from ess_server.venue.paper.books import Books
from ess_server.venue.paper.clock import milliseconds
from ess_server.venue.paper.dialects.okx.contracts import INST_TYPE, inst_id, plain, to_contracts
from ess_server.venue.paper.dialects.okx.render import margin_mode, pos_side
from ess_server.venue.paper.dialects.okx.request import Json
from ess_server.venue.paper.margin import AssetFigures, LegFigures, asset_figures, leg_figures, liquidation_price
from ess_server.venue.paper.model import ZERO, Instrument, Leg, LegSide


def position(account: Account, books: Books, leg: Leg) -> Json:
    """One position. In net mode its size has a sign, in long/short mode ``posSide`` is the sign."""
    instrument, mark = books.market.instrument(leg.symbol), books.market.mark(leg.symbol)
    figures = leg_figures(account, books.market, leg)
    size = to_contracts(leg.quantity if leg.side is LegSide.BOTH else abs(leg.quantity), instrument)
    wallet = asset_figures(account, books.market, instrument.quote)
    at = str(milliseconds(leg.updated)) if leg.updated else ""
    liquidated = liquidation_price(leg, figures, mark, wallet)
    return {
        "instType": INST_TYPE,
        "instId": inst_id(instrument),
        "mgnMode": margin_mode(leg.isolated),
        "posId": str(zlib.crc32(f"{account.name}/{leg.symbol}/{leg.side}/{leg.isolated}".encode())),
        "posSide": pos_side(leg.side),
        "pos": plain(size),
        "availPos": _closable(account, leg, instrument) if leg.side is not LegSide.BOTH or leg.isolated else "",
        "avgPx": plain(leg.entry) if leg.quantity else "",
        "markPx": plain(mark),
        "last": plain(mark),
        "upl": plain(figures.unrealized),
        "lever": str(account.symbol_settings(leg.symbol).leverage),
        "liqPx": plain(liquidated) if liquidated else "",
        **_margins(figures, isolated=leg.isolated),
        "ccy": instrument.quote,
        "posCcy": "",
        "adl": "1",
        "cTime": at,
        "uTime": at,
    }


def _margins(figures: LegFigures, *, isolated: bool) -> Json:
    return {
        "uplRatio": plain(figures.unrealized / figures.initial) if figures.initial else "",
        "imr": "" if isolated else plain(figures.initial),
        "margin": plain(figures.initial) if isolated else "",
        "mmr": plain(figures.maintenance),
        "notionalUsd": plain(abs(figures.notional)),
    }


def _closable(account: Account, leg: Leg, instrument: Instrument) -> str:
    """What no resting order closes yet."""
    resting = sum(
        (
            order.remaining
            for order in account.orders_of(leg.symbol, leg.side)
            if order.reduces and order.isolated is leg.isolated
        ),
        start=ZERO,
    )
    return plain(to_contracts(abs(leg.quantity) - resting, instrument))


def balance(account: Account, books: Books, wanted: frozenset[str]) -> Json:
    """The trading account: totals in dollars, one each for the assets that contracts settle in, and every wallet."""
    quotes = {item.quote for item in books.market.instruments.values()}
    assets = sorted(quotes | set(account.wallets))
    figures = [asset_figures(account, books.market, asset) for asset in assets]
    settled = [item for item in figures if item.asset in quotes]
    at = str(milliseconds(books.now()))
    return {
        "uTime": at,
        "totalEq": plain(sum((item.equity for item in settled), start=ZERO)),
        "adjEq": "",
        "isoEq": "0",
        # Margins in dollars are told in other account modes only.
        "imr": "",
        "mmr": "",
        "ordFroz": "",
        "upl": plain(sum((item.unrealized for item in settled), start=ZERO)),
        "mgnRatio": "",
        "notionalUsd": "",
        "borrowFroz": "",
        "details": [_detail(item, at) for item in figures if not wanted or item.asset in wanted],
    }


def _detail(figures: AssetFigures, at: str) -> Json:
    return {
        "ccy": figures.asset,
        "eq": plain(figures.equity),
        "eqUsd": plain(figures.equity),
        "cashBal": plain(figures.wallet),
        "availEq": plain(figures.available),
        "availBal": plain(figures.available),
        "frozenBal": plain(figures.initial_margin),
        "ordFrozen": plain(figures.order_margin),
        "imr": plain(figures.initial_margin),
        "mmr": plain(figures.maintenance),
        "upl": plain(figures.unrealized),
        "isoEq": "0",
        "liab": "",
        "interest": "",
        "uTime": at,
    }
