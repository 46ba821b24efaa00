"""Ranges of an account's settings that were read without a mistake of kind."""

import re
from collections.abc import Iterator
from datetime import timedelta

from ess_server.config.checks import LONGEST_POLL, MAX_ID_BYTES, SHORTEST_POLL, ms
from ess_server.config.problems import Mistake
from ess_server.config.settings import AccountSettings, ClosingSettings, SpotSettings
from ess_server.core.dead_man import FALSE_SAFETY, TIMERS

SHORTEST_LOOK = timedelta(milliseconds=500)
"""For executions, which take several requests."""
LONGEST_LOOK = timedelta(minutes=1)
MOST_SLICES = 100
MOST_ASSETS = 20
SPOT = "binance"
PERCENT = 100
WITH_PASSPHRASE = frozenset(
    [
        "apex",
        "bitget",
        "blofin",
        "coinbaseexchange",
        "deepcoin",
        "kucoin",
        "kucoinfutures",
        "myokx",
        "ndax",
        "okx",
        "okxus",
        "weex",
    ]
)
"""Exchanges whose API keys have a passphrase, by ccxt's ids."""

_EXCHANGE = re.compile(r"[a-z][a-z0-9]{1,39}")
_ASSET = re.compile(r"[A-Z0-9]{1,30}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RANDOM = re.compile(r"[A-Za-z0-9]{18,}")
_INSIDE = re.compile(r"[0-9][A-Za-z]")


def account_mistakes(account: AccountSettings) -> Iterator[Mistake]:
    """Yield what is wrong with one account; paths start at its table."""
    for key, value in (("id", account.id), ("venue", account.venue)):
        if not 0 < len(value.encode()) <= MAX_ID_BYTES:
            yield Mistake((key,), f"is not 1 to {MAX_ID_BYTES} bytes long")
    if not _EXCHANGE.fullmatch(account.exchange):
        yield Mistake(("exchange",), f'"{account.exchange[:80]}" is no exchange id of ccxt, such as binanceusdm')
    if not SHORTEST_POLL <= account.equity_poll <= LONGEST_POLL:
        limits = f"{ms(SHORTEST_POLL)} to {ms(LONGEST_POLL)}"
        yield Mistake(("equity_poll_ms",), f"{ms(account.equity_poll)} is not {limits}")
    if account.executions_poll and not SHORTEST_LOOK <= account.executions_poll <= LONGEST_LOOK:
        limits = f"0 (never) or {ms(SHORTEST_LOOK)} to {ms(LONGEST_LOOK)}"
        yield Mistake(("executions_poll_ms",), f"{ms(account.executions_poll)} is not {limits}")
    if account.dead_man:
        yield from _dead_man_mistakes(account.exchange, account.dead_man)
    if account.spot:
        yield from _spot_mistakes(account.exchange, account.spot)
    if account.closing:
        yield from _closing_mistakes(account.closing)
    if account.paper and not account.paper.port:
        yield Mistake(("paper", "address"), "needs the port of the paper venue, not 0")
    yield from _key_mistakes("api_key", account.api_key_file is not None, account.api_key_env)
    yield from _key_mistakes("secret", account.secret_file is not None, account.secret_env)
    yield from _passphrase_mistakes(account)


def looks_like_a_key(text: str) -> bool:
    """Whether there is a part in it as keys are: long, of letters and digits alone, and mixed."""
    return any(_INSIDE.search(part) for part in _RANDOM.findall(text))


def _dead_man_mistakes(exchange: str, after: timedelta) -> Iterator[Mistake]:
    known = TIMERS.get(exchange)
    if exchange in FALSE_SAFETY:
        detail = f"is false safety on {exchange}: it takes the setting, and fires only when a private websocket is lost"
        yield Mistake(("dead_man_seconds",), f"{detail}, which nobody has open here; leave it out")
    elif known is None:
        detail = f"there is no such timer for {exchange[:80]} here, but for {', '.join(TIMERS)}; leave it out"
        yield Mistake(("dead_man_seconds",), detail)
    elif not known.shortest <= after <= known.longest or after % timedelta(seconds=1):
        limits = f"{known.shortest.total_seconds():g} to {known.longest.total_seconds():g}"
        yield Mistake(
            ("dead_man_seconds",), f"{after.total_seconds():g} is not a whole number of {limits} on {exchange}"
        )


def _spot_mistakes(exchange: str, spot: SpotSettings) -> Iterator[Mistake]:
    if exchange != SPOT:
        detail = f'is for exchange = "{SPOT}" alone; of "{exchange[:80]}" all positions are closed; leave it out'
        yield Mistake(("spot",), detail)
        return
    if not 1 <= len(spot.sell) <= MOST_ASSETS:
        yield Mistake(("spot", "sell"), f"names {len(spot.sell)} assets, not 1 to {MOST_ASSETS}")
    for name in sorted({name for name in spot.sell if spot.sell.count(name) > 1}):
        yield Mistake(("spot", "sell"), f'"{name}" is listed twice; leave one out')
    for key, name in (*(("sell", name) for name in spot.sell), ("into", spot.into)):
        if not _ASSET.fullmatch(name):
            yield Mistake(("spot", key), f'"{name[:40]}" is no asset of the exchange, such as BTC')
    if spot.into in spot.sell:
        yield Mistake(("spot", "into"), f'"{spot.into}" is among what is sold; sell into another asset')
    yield from _keep_mistakes(spot)


def _keep_mistakes(spot: SpotSettings) -> Iterator[Mistake]:
    for name, amount in spot.keep.items():
        if name not in spot.sell:
            yield Mistake(("spot", "keep"), f'"{name[:40]}" is not among what is sold; leave it out')
        elif amount <= 0:
            yield Mistake(("spot", "keep"), f"{amount:f} {name} is not above 0; leave it out to keep nothing")


def _closing_mistakes(closing: ClosingSettings) -> Iterator[Mistake]:
    if closing.collar_percent is not None and not 0 < closing.collar_percent < PERCENT:
        yield Mistake(("closing", "collar_percent"), f"{closing.collar_percent} is not above 0 and below 100")
    if not 1 <= closing.slices <= MOST_SLICES:
        yield Mistake(("closing", "slices"), f"{closing.slices} is not 1 to {MOST_SLICES}")
    if not SHORTEST_POLL <= closing.slice_interval <= LONGEST_POLL:
        limits = f"{ms(SHORTEST_POLL)} to {ms(LONGEST_POLL)}"
        yield Mistake(("closing", "slice_interval_ms"), f"{ms(closing.slice_interval)} is not {limits}")
    if not timedelta() < closing.market_after <= LONGEST_POLL:
        given = f"{closing.market_after.total_seconds():g} s"
        yield Mistake(("closing", "market_after_seconds"), f"{given} is not above 0 and up to an hour")


def _key_mistakes(what: str, in_file: bool, variable: str) -> Iterator[Mistake]:  # noqa: FBT001 - the two places of a key
    if in_file and variable:
        yield Mistake((f"{what}_file",), f"stands beside {what}_env; keep one of the two")
    if not in_file and not variable:
        detail = f"is missing, and so is {what}_env: say where the key is kept, never the key itself"
        yield Mistake((f"{what}_file",), detail)
    if variable and not _VARIABLE.fullmatch(variable):
        yield Mistake((f"{what}_env",), "is not the name of an environment variable; do not write the key itself here")
    elif looks_like_a_key(variable):
        # The name is shown and logged, and many keys are letters and digits only.
        detail = "looks like the key itself, not like the name of an environment variable that holds it"
        yield Mistake((f"{what}_env",), detail)


def _passphrase_mistakes(account: AccountSettings) -> Iterator[Mistake]:
    named = [key for key in ("passphrase_file", "passphrase_env") if getattr(account, key)]
    if account.exchange in WITH_PASSPHRASE:
        yield from _key_mistakes("passphrase", account.passphrase_file is not None, account.passphrase_env)
    elif named:
        yield Mistake((named[0],), f'leave it out: API keys of "{account.exchange[:80]}" have no passphrase')
