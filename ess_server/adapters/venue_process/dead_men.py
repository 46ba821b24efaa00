"""What the server knows of the timers that its venue process keeps alive, and how they are stopped at the end."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from ess_server.core.ports import Clock
from ess_server.core.venue_link import VenueAccount, VenueSettings
from ess_server.core.venue_wire import LinkError, Message

Ask = Callable[[timedelta, list[str]], Awaitable[Message | None]]
"""Asks the process that runs to stop the timers of accounts; None if there is no answer."""


class DeadMen:
    """The dead man's switches of one venue process, over all of its lives."""

    def __init__(self, settings: VenueSettings, clock: Clock) -> None:
        self._clock = clock
        self._armed: dict[str, tuple[str, ...]] = {a.id: () for a in settings.accounts if a.dead_man is not None}
        self._ended: frozenset[str] = frozenset()

    @property
    def kept(self) -> bool:
        """Whether there is any, so that the process must know that its server lives."""
        return bool(self._armed)

    def continued(self, account: VenueAccount) -> VenueAccount:
        """Return the account for the next process: with the timers that run, and none to be renewed once they ended."""
        wanted = account.dead_man
        if wanted is None:
            return account
        known = replace(wanted, armed=self._armed[account.id], ended=account.id in self._ended)
        return replace(account, dead_man=known)

    def armed(self, message: Mapping[str, object]) -> None:
        """Take which timers of an account may run. Raises LinkError."""
        account, symbols = message.get("account"), message.get("symbols")
        if account not in self._armed or not isinstance(symbols, list):
            raise LinkError("armed: no account with a dead man's switch, or no list of symbols")
        self._armed[str(account)] = tuple(map(str, symbols))

    async def disarm(self, accounts: Collection[str], within: timedelta, ask: Ask) -> bool:
        """Stop the timers of these accounts for good, whatever process runs; False if that is not certain."""
        self._ended = frozenset(a for a in accounts if a in self._armed)
        deadline = self._clock.uptime() + within.total_seconds()
        while self._ended and (left := deadline - self._clock.uptime()) > 0:
            answer = await ask(timedelta(seconds=left), sorted(self._ended))
            if answer is not None:
                return answer.get("ok") is True
        return not self._ended
