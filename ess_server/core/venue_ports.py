"""The ports towards venues. Each docstring is the contract that the suite in ``tests/contract`` checks."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol, runtime_checkable

from ess_server.core.examination import Examination
from ess_server.core.model import Account, AccountProgress, Work
from ess_server.core.readings import ExecutionReport
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness


class ExchangeClient(Protocol):
    """One account on one venue.

    Every method may raise any exception; the caller treats that as "unknown", never as "done" or "flat".
    Each call bounds its own time. Results of cancels and closes are not trusted: the next snapshot is.
    """

    account: Account

    async def prepare(self) -> None:
        """Load markets, clock difference and position mode, ahead of need. Idempotent."""

    async def snapshot(self) -> VenueSnapshot:
        """Read open orders (conditional ones included) and positions of every market.

        Raises VenueUnknownError unless every part was read and had the expected shape.
        """

    async def cancel(self, orders: Sequence[OpenOrder]) -> None:
        """Try to cancel these orders; an order that is gone already is a success."""

    async def close_position(self, position: Position, client_order_id: str, *, limit: Decimal | None = None) -> None:
        """Send reduce-only orders for at most the position's quantity, split at the venue's maximum.

        With ``limit`` they are immediate-or-cancel at no worse a price than this, else they are market orders.
        ``client_order_id`` is a prefix of at most 28 characters, new for every attempt.
        """

    async def witness(self) -> Witness:
        """Read by another endpoint than ``snapshot`` does whether the account holds anything.

        Raises VenueUnknownError unless the reply had the expected shape. A venue without such an endpoint returns a
        witness that tells nothing.
        """

    @property
    def open_positions(self) -> int | None:
        """Positions that the last ``equity`` has shown; None before it, and where a venue does not tell with it."""

    async def equity(self) -> tuple[Decimal, str]:
        """Return equity with open positions included, and its currency."""

    async def aclose(self) -> None:
        """Close connections. Idempotent."""


class DeadManSwitch(Protocol):
    """The venue's own timer, which cancels the orders of one account when nobody renews it. It closes nothing.

    Symbols matter to venues that keep a timer for each; others have one for the account and pass them over. Every
    method raises as ``ExchangeClient`` does; whatever is raised leaves the timers unknown, unless the venue refused.
    """

    async def order_symbols(self) -> frozenset[str]:
        """Return the symbols with orders, where each has a timer; nothing where the account has one.

        Raises ReadBudgetError if it must wait.
        """

    async def arm(self, after: timedelta, symbols: Sequence[str]) -> None:
        """Start these timers anew, to run out ``after`` this."""

    async def disarm(self, symbols: Sequence[str]) -> None:
        """Stop these timers."""


@runtime_checkable
class AccountExaminer(Protocol):
    """Finds out, ahead of need, whether the stop of one account would work. Reads only."""

    async def examine(self) -> Examination:
        """Ask the venue for every fact that it tells.

        Never raises for what a venue does: what could not be read is named in ``Examination.unread``. Sends nothing
        that changes anything. The caller bounds the time.
        """


DeliverExecutions = Callable[[Sequence[ExecutionReport]], None]


class ExecutionReader(Protocol):
    """Reads what became of the orders of one account on one venue."""

    account: Account

    async def executions(self, deliver: DeliverExecutions) -> datetime:
        """Read orders and fills since the last look; return the venue's time up to which nothing is left to read.

        ``deliver`` gets what has been read so far, oldest first, each report once, also if the look fails later. The
        first look begins now. Orders that close for a stop are left out. Raises as ``ExchangeClient`` does.
        """


class Flattener(Protocol):
    """Carries out stops on the venues, for all accounts; nothing here may block or fail the caller."""

    def set_work(self, work: Mapping[str, Work]) -> None:
        """Replace everything that is wanted, by account id; accounts that are not named are left alone.

        Returns at once. Work goes on, through restarts and errors, until it is replaced.
        """

    def progress(self) -> Mapping[str, AccountProgress]:
        """Return what is known of each configured account, by id. Never older work shown as flat."""

    async def quiesce(self, accounts: Sequence[str], within: timedelta) -> bool:
        """Wait until nothing that was sent for these accounts can still act; False if that is not certain."""
