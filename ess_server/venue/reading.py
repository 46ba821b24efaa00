"""How much of an account the next snapshot has to read, where lists of orders are dear."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from ess_server.core.errors import VenueUnknownError
from ess_server.core.flatten_plan import BelowMinimumError
from ess_server.core.venue_ports import ExchangeClient
from ess_server.core.venue_snapshot import OpenOrder, Position, VenueSnapshot, Witness
from ess_server.venue.budget import Purpose

MOST_LEFT_OUT = 4
"""Snapshots in a row that may leave orders out: new ones must not be overlooked for long."""
FRESH = 12
"""Snapshots without a word of the witness after which others that begin to flatten come first."""


async def complete(client: ExchangeClient) -> VenueSnapshot:
    """Return a snapshot that leaves nothing out."""
    shown = await client.snapshot()
    return await client.snapshot() if shown.partial else shown


class ReadingEconomy:
    """Spends the exchange's limit on readings that can decide something.

    A snapshot that still shows a position which was asked to be closed since the one before is not the last one: the
    position has to be closed again. It may leave orders out if the one before it showed none and such a position.

    After a reading that failed, positions are read before the dear lists: where they cannot be read nothing else is
    paid for. The same goes where the witness has denied an empty list of positions: it is asked again first.
    """

    def __init__(self) -> None:
        self._asked: set[tuple[str, bool]] = set()
        self._bare = False
        self._failed = False
        self._left_out = 0
        self._empty = self._lasting = False
        self._doubted = False
        self._sent, self._partial = False, False
        self._proven = False
        self._tries = 0

    @contextmanager
    def closing(self, position: Position) -> Iterator[None]:
        """A close of this position is being sent; BelowMinimumError says that it was not."""
        leg = position.symbol, position.long
        self._asked.add(leg)
        self.cancelling()
        try:
            yield
        except BelowMinimumError:
            self._asked.discard(leg)
            raise

    def cancelling(self) -> None:
        """A cancel is being sent."""
        self._sent, self._proven = True, False

    @property
    def positions_first(self) -> bool:
        """Whether to read positions alone to begin with."""
        return self._failed or self._doubted or self._may_leave_out

    @property
    def _may_leave_out(self) -> bool:
        return bool(self._asked) and self._bare and self._lasting and self._left_out < MOST_LEFT_OUT

    @property
    def may_suffice(self) -> bool:
        """Whether positions alone are likely to be enough."""
        return self._may_leave_out and not self._failed

    def begin(self) -> None:
        """A snapshot begins; it has failed unless it is heard of again."""
        self._tries = 0 if self._proven else self._tries + 1
        self._failed = True

    def suffices(self, positions: Sequence[Position]) -> bool:
        """Whether these positions are enough of a snapshot; it ends with that."""
        if not (self._may_leave_out and any((p.symbol, p.long) in self._asked for p in positions)):
            return False
        self._left_out += 1
        self._ended(partial=True)
        return True

    @property
    def expects_nothing(self) -> bool:
        """Whether the last snapshot of everything showed nothing."""
        return self._bare and self._empty

    def partly(self, orders: Sequence[OpenOrder], positions: Sequence[Position]) -> bool:
        """Whether this is enough of a snapshot whose rest is dear: it shows something, and something was sent since."""
        enough = bool(orders or positions) and (self._sent or not self._partial)
        if enough:
            self._ended(partial=True)
        return enough

    def whole(self, orders: Sequence[OpenOrder], positions: Sequence[Position]) -> None:
        """A snapshot of everything ends, and this is what it shows."""
        self._lasting = any((p.symbol, p.long) in self._asked for p in positions)
        self._bare, self._left_out, self._empty = not orders, 0, not positions
        self._ended(partial=False)

    def testify(self, witness: Witness) -> None:
        """The witness has been heard."""
        self._doubted = self._empty and witness.positions is True
        self._proven = not self._doubted

    def roused(self) -> None:
        """A new stop has reached the account: its readings are as urgent as those of the first."""
        self._proven, self._tries = False, 0

    @property
    def purpose(self) -> Purpose:
        """What the next snapshot is for: once the witness was heard and nothing sent since, others come first."""
        if self._proven:
            return Purpose.SWEEPING
        return Purpose.RETRYING if self._tries >= FRESH else Purpose.FLATTEN

    async def confirm(self, positions: Sequence[Position], ask: Callable[[], Awaitable[Witness]]) -> None:
        """Ask the witness where it denied such a list before. Raises VenueUnknownError if it still does."""
        if self._doubted and not positions:
            evidence = (await ask()).evidence
            if self._doubted:
                raise VenueUnknownError(f"no position is listed, but the account holds some: {evidence}")
        self._doubted = False

    def _ended(self, *, partial: bool) -> None:
        self._asked.clear()
        self._failed, self._sent, self._partial = False, False, partial
