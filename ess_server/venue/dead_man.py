"""Keeps the venue's own cancel-after timer alive for one account, and ends that in an order that cancels nothing."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from ess_server.core.dead_man import DeadMan, TimedSymbols, renew_every
from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_calls import BoundedCalls
from ess_server.core.flatten_plan import ReadBudgetError
from ess_server.core.ports import Clock
from ess_server.core.venue_ports import DeadManSwitch
from ess_server.venue.upkeep import Faults

SILENCE = timedelta(seconds=5)
"""Without a word of the server for so long nothing is renewed: one that stands still is as good as lost."""
CALL_WITHIN = timedelta(seconds=2)
SYMBOLS_A_CALL = 20
"""Symbols for which a call has that time; for more of them it has more."""
RETRY, SLOWER = timedelta(milliseconds=500), 8
STOPS, BETWEEN_STOPS = 2, 1.05
"""Tries to stop the timers, and the seconds between: OKX takes one such request a second."""
LOOKING = "looking which symbols need the dead man's switch"
COVERING = "covering all orders by the dead man's switch"
RENEWING, STOPPING, LAPSED = (f"{doing} the dead man's switch" for doing in ("renewing", "stopping", "keeping up"))

OnArmed = Callable[[str, Sequence[str]], None]


class DeadManKeeper:
    """Renews on time until it is ended. Nothing it does waits for a flatten, and no flatten waits for it.

    ``heard`` tells the uptime of the server's last word. ``on_armed`` is told the symbols whose timer may run before
    any of them is armed, so that a process that comes after this one knows of them. ``valid`` is how long the venue
    takes a request after it was sent. ``most`` is how many symbols may have a timer, where each has one: further ones
    get none, and that is told.
    """

    def __init__(
        self,
        account: str,
        switch: DeadManSwitch,
        wanted: DeadMan,
        *,
        clock: Clock,
        valid: timedelta,
        heard: Callable[[], float],
        on_armed: OnArmed,
        faults: Faults,
        most: int | None = None,
    ) -> None:
        self._account = account
        self._switch = switch
        self._after = wanted.after
        self._clock = clock
        self._heard = heard
        self._on_armed = on_armed
        self._faults = faults
        self._calls = BoundedCalls(clock, expiry=valid)
        self._symbols = TimedSymbols(wanted.armed, most)
        self._most = most
        self._ended = asyncio.Event()
        self._renewed: float | None = None
        self._lapsed = False
        self._failures = 0
        if wanted.ended:
            self._ended.set()

    async def run(self) -> None:
        """Renew until ended."""
        while not self._ended.is_set():
            if self._clock.uptime() - self._heard() < SILENCE.total_seconds():
                self._failures = 0 if await self._renew() else self._failures + 1
                delay = self._pause()
            else:
                delay = RETRY
                silent = VenueUnknownError(f"the server was not heard for {SILENCE.total_seconds():g} s")
                self._faults.report(self._account, RENEWING, silent)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay.total_seconds()):
                    await self._ended.wait()

    async def disarm(self) -> bool:
        """Stop every timer, for good; False if that is not certain.

        From this call on no renewal is begun. One in flight ends before the timers are stopped, and one that could
        still arrive is waited out: the last word that the venue hears is this one.
        """
        self._ended.set()
        await self._calls.quiesced()
        for left in reversed(range(STOPS)):
            if await self._stop(self._symbols.armed):
                return True
            await asyncio.sleep(BETWEEN_STOPS if left else 0)
        return False

    def _pause(self) -> timedelta:
        """Return the time until the next renewal: a failure is tried again soon, that of many symbols ever later.

        One that the venue refuses makes the renewal of all of them fail, and each costs of its request limit.
        """
        if not self._failures:
            return renew_every(self._after)
        slower = 1 if self._most is None else SLOWER ** min(self._failures - 1, 10)
        return min(RETRY * slower, renew_every(self._after))

    async def _renew(self) -> bool:
        await self._look()
        if self._ended.is_set():
            return False
        self._on_armed(self._account, self._symbols.armed)
        now = self._clock.uptime()
        self._tell_lapsed(now)
        try:
            symbols = self._symbols.renewed
            await self._calls.send(self._switch.arm(self._after, symbols), _within(symbols))
        except Exception as error:  # noqa: BLE001 - nothing a venue does may end the renewals
            self._faults.report(self._account, RENEWING, error)
            return False
        self._renewed, self._lapsed = now, False
        self._faults.cleared(self._account, RENEWING)
        if not self._ended.is_set() and (idle := self._symbols.idle):
            await self._stop(idle)
        return True

    def _tell_lapsed(self, now: float) -> None:
        if self._lapsed or self._renewed is None or now - self._renewed <= self._after.total_seconds():
            return
        self._lapsed = True
        late = VenueUnknownError(f"not renewed for {now - self._renewed:.0f} s: the venue has cancelled orders")
        self._faults.report(self._account, LAPSED, late)

    async def _look(self) -> None:
        """Look which symbols have orders. What cannot be read now changes nothing: what is known is renewed."""
        try:
            self._symbols.looked(await self._calls.read(self._switch.order_symbols(), CALL_WITHIN))
        except ReadBudgetError:
            return
        except Exception as error:  # noqa: BLE001 - as for a renewal
            self._faults.report(self._account, LOOKING, error)
        else:
            self._faults.cleared(self._account, LOOKING)
            self._tell_uncovered()

    def _tell_uncovered(self) -> None:
        if self._symbols.full:
            words = f"it has room for {self._most} symbols, others with orders have none; a longer one covers more"
            self._faults.report(self._account, COVERING, VenueUnknownError(words))
        else:
            self._faults.cleared(self._account, COVERING)

    async def _stop(self, symbols: Sequence[str]) -> bool:
        try:
            await self._calls.send(self._switch.disarm(symbols), _within(symbols))
        except Exception as error:  # noqa: BLE001 - as for a renewal
            self._faults.report(self._account, STOPPING, error)
            return False
        self._faults.cleared(self._account, STOPPING)
        self._symbols.stopped(symbols)
        self._on_armed(self._account, self._symbols.armed)
        return True


def _within(symbols: Sequence[str]) -> timedelta:
    return CALL_WITHIN * max(1, -(-len(symbols) // SYMBOLS_A_CALL))
