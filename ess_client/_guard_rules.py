"""Which calls of a ccxt exchange open risk, and which orders the venue itself keeps from doing so.

Read from ccxt 4.5.90: method names, endpoint definitions and the handling of ``reduceOnly`` per exchange.
"""

import re
from collections.abc import Mapping
from typing import Any

Params = dict[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a name begins with when it reads, cancels, computes or closes.
_PASSING = _words(
    "fetch watch un unwatch cancel close parse safe handle load filter sort get find is check calc calculate clean"
    " hash resubscribe set market eip verify encode generate action reduce"
)
_OPENING = _words("create edit replace amend modify place submit add batch multi buy sell borrow withdraw")
# Begin like an order, and only arrange accounts, addresses or data.
_HARMLESS = _words(
    "add_margin add_fetch_cache add_hyphen_before_usdt add_key_in_array_items add_pagination_cursor_to_result"
    " create_deposit_address create_sub_account create_subaccount create_api_key create_safe_dictionary"
    " create_expired_option_market create_ohlcv_object create_ccxt_trade_id create_auth create_auth_token"
    " create_ws_auth create_proxy_credentials create_public_request create_public_subscription_request"
)
_RAISING = _words("reduce_margin accept_rfq_quote trade_request post_action_request request_private")
_ORDER = frozenset({"order", "orders"})
# Beside cancel, any of these says that it also sends.
_AND_SENDS = _words("replace create place amend modify edit")

# Exchanges whose create_order turns the unified ``reduceOnly`` into something the venue enforces on contracts.
_REDUCE_ONLY = _words(
    "binance bingx bitfinex bitget bitrue blofin bybit bydfi coinbaseinternational deepcoin delta deribit derive"
    " digifinex dydx extended gate grvt hashkey hibachi hitbtc htx hyperliquid krakenfutures kucoin lighter mexc"
    " modetrade mudrex nado okx pacifica paradex phemex toobit weex woo woofipro xt"
)
# In hedge mode these venues refuse reduceOnly, and an order against its own positionSide cannot open anything.
_HEDGE_EXIT = frozenset({"binance"})


def words_of(name: str) -> list[str]:
    """A method name in snake or camel case as lower-case words."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")


def opens_risk(name: str) -> bool:
    """Whether a method of the unified API is gated: everything about orders that is not known to be harmless."""
    words = words_of(name)
    snake = "_".join(word for word in words if word != "ws")
    if snake in _HARMLESS or ("cancel" in words and not _AND_SENDS & set(words)):
        return False
    if snake in _RAISING or words[0] in _OPENING or "replace" in words:
        return True
    return words[0] not in _PASSING and bool(_ORDER & set(words)) and "book" not in words


def endpoint_opens_risk(http_method: str, path: str) -> bool:
    """Whether a raw call of the venue's API is gated: all that writes, but cancelling and closing.

    ``path`` may be a whole URL. Some venues (Deribit) trade with GET, so a GET of ``buy`` is no read.
    """
    path = path.partition("?")[0]
    method = http_method.lower()
    if method == "get":
        path = path.rpartition("/")[2] if "://" in path else path
        return re.split(r"[^a-z]", path.lower())[0] in _OPENING
    text = path.lower()
    harmless = ("cancel" in text and not any(word in text for word in _AND_SENDS)) or (
        "close" in text and "position" in text
    )
    return method != "delete" and not harmless


def endpoint_of(method: object) -> tuple[str, str] | None:
    """HTTP method and path behind a generated endpoint method of ccxt, None for every other method."""
    closure = getattr(getattr(method, "__func__", None), "__closure__", None) or ()
    for cell in closure:
        entry = cell.cell_contents
        if isinstance(getattr(entry, "path", None), str) and isinstance(getattr(entry, "method", None), str):
            return entry.method, entry.path
    return None


def family_of(exchange: object) -> frozenset[str]:
    """Names of the exchange classes it is made of: ``binanceusdm`` is also ``binance``."""
    return frozenset(cls.__name__ for cls in type(exchange).__mro__)


def market_of(exchange: Any, symbol: object) -> Mapping[str, Any] | None:  # noqa: ANN401 - ccxt carries no types
    """The market as the exchange itself will resolve it, None if it cannot yet."""
    try:
        market = exchange.market(symbol)
    except Exception:  # noqa: BLE001 - whatever keeps it from being resolved, the answer is the same
        return None
    return market if isinstance(market, Mapping) else None


def symbol_scope(market: Mapping[str, Any] | None, symbol: object) -> str | None:
    """The scope of a symbol, None where its unified name is not known."""
    if market is not None and market.get("symbol"):
        return f"symbol/{market['symbol']}"
    # Unresolved, only a contract's full name is certain: an exchange may read BTC/USDT as its perpetual.
    return f"symbol/{symbol}" if isinstance(symbol, str) and ":" in symbol else None


def as_reduce_only(
    name: str, order: Mapping[str, Any], families: frozenset[str], *, contract: bool, spot_allowed: bool
) -> Params | None:
    """The params to send if the venue will keep this order from opening anything, None if it may open.

    What the caller claims in any spelling is sent as the one that the venue enforces.
    """
    words = words_of(name)
    params: Params = dict(order.get("params") or {})
    if words[0] != "create":
        return None  # an edit keeps the flag of the order it changes, which is not to be seen from here
    side = next((word for word in words if word in ("buy", "sell")), str(order.get("side") or "").lower())
    claimed = _is_true(params.get("reduceOnly")) or _is_true(params.get("reduce_only")) or "reduce" in words
    bare = {key: value for key, value in params.items() if key not in ("reduceOnly", "reduce_only")}
    if not contract:
        cash_sale = side == "sell" and not {"marginMode", "margin"} & params.keys()
        return bare if claimed and spot_allowed and cash_sale else None
    if families & _HEDGE_EXIT and _closes_by_itself(params, side):
        return params
    return {**bare, "reduceOnly": True} if claimed and families & _REDUCE_ONLY else None


def _closes_by_itself(params: Params, side: str) -> bool:
    against = {"LONG": "sell", "SHORT": "buy"}.get(str(params.get("positionSide", "")).upper())
    return _is_true(params.get("closePosition")) or (against is not None and against == side)


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
