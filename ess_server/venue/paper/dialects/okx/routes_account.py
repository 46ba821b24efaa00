"""The account: configuration, balance, positions. Nothing can be set."""

import zlib

from ess_server.venue.paper.dialects.okx.contracts import INST_TYPE, find
from ess_server.venue.paper.dialects.okx.render_account import balance, position
from ess_server.venue.paper.dialects.okx.request import Answer, Request

FUTURES_MODE = "2"


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
