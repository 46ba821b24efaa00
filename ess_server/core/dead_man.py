"""The venue's own timer that cancels orders when this host is lost: where there is one, and which of them to renew."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

IDLE_LOOKS = 3
"""Looks without an order after which a symbol's timer is stopped."""
_SHARE = 3
SYMBOLS_PER_SECOND = 1.0
"""Timers that may be started in a second for all accounts behind one address, where each symbol has one: Binance counts
10 for each, which makes a quarter of what it lets an address ask for. The rest is for the stop and for equity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRange:
    """How long a venue's timer may run, as far as that is useful here. ``each_symbol`` has a timer of its own."""

    shortest: timedelta
    longest: timedelta
    each_symbol: bool = False


_TEN = timedelta(seconds=10)
TIMERS: Mapping[str, TimerRange] = MappingProxyType(
    {
        "binanceusdm": TimerRange(shortest=_TEN, longest=timedelta(hours=1), each_symbol=True),
        "binancecoinm": TimerRange(shortest=_TEN, longest=timedelta(hours=1), each_symbol=True),
        "okx": TimerRange(shortest=_TEN, longest=timedelta(minutes=2)),
        "kraken": TimerRange(shortest=timedelta(seconds=60), longest=timedelta(hours=1)),
        "krakenfutures": TimerRange(shortest=timedelta(seconds=60), longest=timedelta(hours=1)),
        "hyperliquid": TimerRange(shortest=_TEN, longest=timedelta(hours=1)),
    }
)
"""Exchanges, by ccxt's ids, whose timer works for whoever speaks REST only.

Binance: an hour, for want of a documented maximum. OKX: 10 to 120 s. Kraken asks for 60 s, renewed every 15 to 30.
Hyperliquid: 5 s at least; refused to accounts that have traded little, and fired ten times a day at most.
"""
FALSE_SAFETY = frozenset({"bybit"})
"""Exchanges that take the setting and never fire it: they watch a private websocket, which nobody opens here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMan:
    """What a venue process has to do for one account: let the timer run out ``after`` its end, and not before.

    ``armed`` are symbols whose timer an earlier process may have started. ``ended`` means that nothing is renewed any
    more: the timers are only stopped, when the server asks.
    """

    after: timedelta
    armed: tuple[str, ...] = ()
    ended: bool = False


def dead_man_entry(wanted: DeadMan | None) -> dict[str, Any] | None:
    """Return it as JSON knows it."""
    if wanted is None:
        return None
    return {"after_s": wanted.after.total_seconds(), "armed": list(wanted.armed), "ended": wanted.ended}


def read_dead_man(entry: Mapping[str, Any] | None) -> DeadMan | None:
    """Read it. Raises KeyError, TypeError."""
    if entry is None:
        return None
    return DeadMan(after=timedelta(seconds=entry["after_s"]), armed=tuple(entry["armed"]), ended=entry["ended"])


def renew_every(after: timedelta) -> timedelta:
    """Return the time between two renewals of a timer: two may fail before it runs out."""
    return after / _SHARE


def most_symbols(exchange: str, after: timedelta, sharing: int) -> int | None:
    """Return how many symbols of an account may have a timer, None where there is one for the account.

    ``sharing`` is how many accounts with timers are behind the same address.
    """
    known = TIMERS.get(exchange)
    if known is None or not known.each_symbol:
        return None
    return max(1, int(renew_every(after).total_seconds() * SYMBOLS_PER_SECOND / sharing))


class TimedSymbols:
    """Which symbols of one account have a timer on the venue; ``most`` of them, where that is not None.

    A timer that was started is renewed for as long as it runs, also where no order is left: left alone, it would
    cancel orders that were placed just before it ran out. It is stopped once several looks have shown no order.
    """

    def __init__(self, armed: Iterable[str] = (), most: int | None = None) -> None:
        self._idle = dict.fromkeys(armed, 0)
        self._most = most
        self.full = False
        """Whether the last look has shown symbols that get no timer."""

    @property
    def armed(self) -> tuple[str, ...]:
        """Symbols whose timer may run, sorted."""
        return tuple(sorted(self._idle))

    @property
    def idle(self) -> tuple[str, ...]:
        """Those of them whose timer is to be stopped."""
        return tuple(sorted(s for s, looks in self._idle.items() if looks >= IDLE_LOOKS))

    @property
    def renewed(self) -> tuple[str, ...]:
        """Those of them whose timer is to be renewed."""
        return tuple(sorted(s for s, looks in self._idle.items() if looks < IDLE_LOOKS))

    def looked(self, resting: Collection[str]) -> None:
        """Take which symbols have orders. To be renewed from now on are these, too, as far as there is room."""
        for symbol in self._idle:
            self._idle[symbol] = 0 if symbol in resting else self._idle[symbol] + 1
        new = sorted(symbol for symbol in resting if symbol not in self._idle)
        room = len(new) if self._most is None else max(0, self._most - len(self._idle))
        self._idle |= dict.fromkeys(new[:room], 0)
        self.full = room < len(new)

    def stopped(self, symbols: Iterable[str]) -> None:
        """The timers of these symbols run no more."""
        for symbol in symbols:
            self._idle.pop(symbol, None)
