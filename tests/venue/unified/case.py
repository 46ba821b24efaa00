"""What is expected of a venue's plan: a scripted venue, and every request with its decisive parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ess_server.core.clock import SystemClock
from ess_server.core.model import Account
from ess_server.core.venue_snapshot import OpenOrder, Position, Witness
from ess_server.venue.budget import BudgetLimits, RequestBudget
from ess_server.venue.credentials import Credentials
from ess_server.venue.unified.client import UnifiedClient
from ess_server.venue.unified.table import UNIFIED
from tests.venue.unified.wire import Answer, Sent, Wire

NOW_MS = 1_800_000_000_000
"""2027-01-15T08:00:00Z."""
AMPLE = BudgetLimits(per_minute=10**9, burst=10**9, per_second=10**9, reserve=0)
Expected = tuple[str, Mapping[str, Any]]
"""Method, host and path; and the parameters that decide."""


@dataclass(frozen=True, kw_only=True)
class Close:
    """Closing one position of the full account. ``limit`` None is at market."""

    symbol: str
    long: bool
    sent: Sequence[Expected]
    limit: str | None = None
    quantity: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One venue.

    ``flat`` are its answers with nothing on the account, ``full`` those that differ with something on it.
    ``legal`` are bodies that are a true empty list, by path; ``refusal`` is an error in a 200.
    """

    name: str
    flat: Mapping[str, Answer]
    full: Mapping[str, Answer]
    prepare: Sequence[Expected]
    listing: Sequence[Expected]
    pages: Sequence[Expected] = ()
    orders: Sequence[OpenOrder]
    positions: Sequence[Position]
    cancel_all: Sequence[Expected]
    cancel_first: Sequence[Expected]
    closes: Sequence[Close]
    refusal: str
    legal: Mapping[str, Sequence[str]] = field(default_factory=dict)
    witness: Sequence[Expected] = ()
    flat_witness: Witness = field(default_factory=Witness)
    full_witness: Witness = field(default_factory=Witness)
    equity: tuple[Decimal, str] | None = None
    hedge_mode: bool | None = None
    withdraws: bool | None = None
    arm: Sequence[Expected] = ()
    disarm: Sequence[Expected] = ()
    key: str = "the-key"
    secret: str = "dGhlLXNlY3JldA=="

    def __str__(self) -> str:
        return self.name


def connect(case: Case, *, full: bool = False) -> tuple[UnifiedClient, Wire]:
    """Make the client of a case on a scripted wire."""
    wire = Wire({**case.flat, **(case.full if full else {})})
    clock, plan = SystemClock(), UNIFIED[case.name]
    session: Any = wire
    client = UnifiedClient(
        Account(id="main", venue="v"),
        Credentials(case.key, case.secret, "the-passphrase"),
        plan=plan,
        clock=clock,
        budget=RequestBudget(clock.uptime, AMPLE),
        session=session,
    )
    # The venue's time of every answer, so that what is made of it can be foretold.
    client._exchange.milliseconds = lambda: NOW_MS
    return client, wire


def compare(sent: Sequence[Sent], expected: Sequence[Expected]) -> None:
    """Each request is expected, each expected one was made, in any order."""
    left = list(sent)
    for line, params in expected:
        found = next((s for s in left if s.line == line and s.says(params)), None)
        assert found is not None, f"not sent: {line} {params}\nbut: " + "\n     ".join(
            f"{s.line} {s.params}" for s in left
        )
        left.remove(found)
    assert not left, "not expected:\n" + "\n".join(f"{s.line} {s.params}" for s in left)
