"""The account: configuration, balance, positions, position mode and leverage."""

import zlib

from ess_server.venue.paper.dialects.okx.codes import OkxError, wrong
from ess_server.venue.paper.dialects.okx.contracts import INST_TYPE, find
from ess_server.venue.paper.dialects.okx.render_account import balance, position
from ess_server.venue.paper.dialects.okx.request import Answer, Json, Request
from ess_server.venue.paper.refusal import Reason, Refused

FUTURES_MODE = "2"
_MODES = {"net_mode": False, "long_short_mode": True}


def config(request: Request) -> Answer:
    """Account level (futures mode), position mode and what the key may do."""
    key = request.key
    allowed = [("read_only", True), ("trade", key and key.can_trade), ("withdraw", key and key.can_withdraw)]
    uid = str(zlib.crc32(request.name.encode()))
    return Answer(
        [
            {
                "uid": uid,
                "mainUid": uid,
                "acctLv": FUTURES_MODE,
                "posMode": "long_short_mode" if request.account.hedged else "net_mode",
                "autoLoan": False,
                "ctIsoMode": "automatic",
                "mgnIsoMode": "automatic",
                "greeksType": "PA",
                "level": "Lv1",
                "levelTmp": "",
                "ip": ",".join(key.addresses) if key else "",
                "label": request.name,
                "perm": ",".join(name for name, may in allowed if may),
                "roleType": "0",
                "acctStpMode": "cancel_maker",
            }
        ]
    )


def get_balance(request: Request) -> Answer:
    """Balances, of the named assets or of all."""
    wanted = frozenset(name for name in request.params.optional("ccy").split(",") if name)
    return Answer([balance(request.account, request.books, wanted)])


def positions(request: Request) -> Answer:
    """Open positions; of contracts that are named also those that are flat by now, with the size 0."""
    params, account, market = request.params, request.account, request.books.market
    names = [name for name in params.optional("instId").split(",") if name]
    symbols = {find(market, name).symbol for name in names}
    if params.optional("instType", INST_TYPE) != INST_TYPE:
        return Answer([])
    shown = [
        leg
        for leg in account.legs.values()
        if (leg.quantity and not symbols) or (leg.symbol in symbols and leg.updated is not None)
    ]
    return Answer([position(account, request.books, leg) for leg in shown])


def set_position_mode(request: Request) -> Answer:
    """Change between net and long/short mode; what is set already is no error."""
    mode = request.params.choice("posMode", *_MODES)
    try:
        request.books.set_hedged(request.name, hedged=_MODES[mode])
    except Refused as refusal:
        if refusal.reason is not Reason.MODE_UNCHANGED:
            raise OkxError("59000", "Close positions and cancel orders before the setting is changed") from None
    return Answer([{"posMode": mode}])


def set_leverage(request: Request) -> Answer:
    """Change the leverage of a contract, the same for both margin modes here."""
    params = request.params
    instrument, lever = find(request.books.market, params.text("instId")), params.amount("lever")
    params.choice("mgnMode", "cross", "isolated")
    if lever != int(lever):
        raise wrong("lever")
    try:
        request.books.set_leverage(request.name, instrument.symbol, int(lever))
    except Refused:
        raise OkxError("59102", "Leverage exceeds the maximum limit") from None
    return Answer([_leverage(request)])


def leverage(request: Request) -> Answer:
    """The leverage of contracts."""
    find(request.books.market, request.params.text("instId"))
    request.params.choice("mgnMode", "cross", "isolated")
    return Answer([_leverage(request)])


def _leverage(request: Request) -> Json:
    params = request.params
    symbol = find(request.books.market, params.text("instId")).symbol
    return {
        "instId": params.text("instId"),
        "mgnMode": params.text("mgnMode"),
        "posSide": params.optional("posSide") or "net",
        "lever": str(request.account.symbol_settings(symbol).leverage),
        "ccy": "",
    }
