"""What the core refuses or cannot do. Transport codes are assigned in ``ess_server.service.status``."""

from collections.abc import Sequence
from dataclasses import dataclass


class EssError(Exception):
    """Root of every error that the core raises on purpose. Messages name the field and the next step."""


class InvalidRequestError(EssError):
    """A field of a request is missing, too long or malformed; nothing was changed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One thing that stands in the way of a reset.

    ``reason`` is stable UPPER_SNAKE; ``overridable`` tells whether naming it in ``overrides`` gets past it.
    """

    reason: str
    detail: str
    overridable: bool


class ResetRefusedError(EssError):
    """Something stands in the way of a reset or hold; ``refusals`` lists all of it, in words in the message."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(f"{r.reason}: {r.detail}" for r in refusals))
        self.refusals = tuple(refusals)


class RevisionMismatchError(ResetRefusedError):
    """Among what stands in the way: a stop that would be released is newer than what the request names."""


class StoreError(EssError):
    """A durable record could not be read or written. After a failed write the outcome is unknown."""


class StoreLockedError(StoreError):
    """Another process holds the data directory."""


class CapacityError(EssError):
    """A configured limit is reached; the caller may try elsewhere or later."""


class VenueUnknownError(EssError):
    """The venue could not be read, so nothing may be concluded about orders or positions."""


def describe(error: BaseException | None) -> str:
    """Return what may be shown of an error: other people's exceptions can carry requests and keys."""
    return str(error)[:200] if isinstance(error, EssError) else type(error).__name__
