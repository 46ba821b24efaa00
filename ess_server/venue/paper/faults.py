"""Scripted faults: what goes wrong between a client and a venue that is itself in order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

MAX_DELAY = timedelta(minutes=10)


class Operation(StrEnum):
    """What a request is about; ANY in a fault matches all of them."""

    ANY = "any"
    ORDER = "order"
    CANCEL = "cancel"
    ORDERS = "orders"
    POSITIONS = "positions"
    BALANCE = "balance"
    ACCOUNT = "account"
    MARKET = "market"


class FaultKind(StrEnum):
    """What happens.

    DELAY answers ``delay`` late. REJECT answers with the venue's error ``code`` and ``message``. STATUS answers
    ``status`` with ``body`` and ``headers``. HANG never answers. DROP cuts the connection instead of answering.
    BODY answers 200 with ``body``, empty by default. TRUNCATE cuts the connection in the middle of the answer.

    Three happen inside the books, where no request tells of them: KEEP lets an order stay open whose cancel is
    answered as done, LATE_FILL fills a cancelled order ``delay`` after its cancel, and GROW lets somebody else open
    as much again as an order has just closed.
    """

    DELAY = "delay"
    REJECT = "reject"
    STATUS = "status"
    HANG = "hang"
    DROP = "drop"
    BODY = "body"
    TRUNCATE = "truncate"
    KEEP = "keep"
    LATE_FILL = "late_fill"
    GROW = "grow"


INSIDE = frozenset((FaultKind.KEEP, FaultKind.LATE_FILL, FaultKind.GROW))
"""Faults of the books; requests pass them by, and ``operation`` and ``path`` mean nothing for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, for the next ``times`` matching requests (None: until cleared).

    ``applied`` says whether the books carry the request out all the same: by default they do for DELAY, DROP, BODY and
    TRUNCATE (the outcome that a client must not guess) and do not for REJECT, STATUS and HANG. A path that contains
    ``path`` matches; ``account`` is told from the API key before any check. A DELAY that applies does so at the end.
    """

    kind: FaultKind
    operation: Operation = Operation.ANY
    account: str = ""
    path: str = ""
    times: int | None = 1
    applied: bool | None = None
    delay: timedelta = timedelta()
    status: int = 503
    code: int | None = None
    message: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for figures out of range."""
        if not timedelta() <= self.delay <= MAX_DELAY:
            raise ValueError(f"delay must be between 0 and {MAX_DELAY}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if not 200 <= self.status <= 599:  # noqa: PLR2004 - the range of HTTP status codes with a body
            raise ValueError("status must be between 200 and 599")

    @property
    def applies(self) -> bool:
        """True if the request is carried out."""
        if self.applied is not None:
            return self.applied
        return self.kind in (FaultKind.DELAY, FaultKind.DROP, FaultKind.BODY, FaultKind.TRUNCATE)

    def matches(self, operation: Operation, account: str, path: str) -> bool:
        """True if the fault is meant for this request."""
        return (
            self.kind not in INSIDE
            and self.operation in (Operation.ANY, operation)
            and (not self.account or self.account == account)
            and self.path in path
        )


class FaultScript:
    """Faults in the order in which they were set; the first that matches is taken."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Append a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def pending(self) -> tuple[Fault, ...]:
        """Return what is still to come; ``times`` is what is left of each."""
        return tuple(self._faults)

    def take(self, operation: Operation, account: str, path: str) -> Fault | None:
        """Return and use up the fault for a request, None if it goes through untouched."""
        return self._first(lambda fault: fault.matches(operation, account, path))

    def take_inside(self, kind: FaultKind, account: str) -> Fault | None:
        """Return and use up the next fault of the books for an account, None if there is none."""
        return self._first(lambda fault: fault.kind is kind and fault.account in ("", account))

    def _first(self, wanted: Callable[[Fault], bool]) -> Fault | None:
        for place, fault in enumerate(self._faults):
            if wanted(fault):
                if fault.times is not None:
                    if fault.times > 1:
                        self._faults[place] = replace(fault, times=fault.times - 1)
                    else:
                        del self._faults[place]
                return fault
        return None
