"""What the server needs from a dialect: one exchange's way to say things over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from ess_server.venue.paper.faults import Fault, Operation
from ess_server.venue.paper.streams import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request. ``query`` and ``body`` are as sent, because signatures cover them byte for byte."""

    method: str
    host: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]
    address: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class Dialect(Protocol):
    """One exchange's REST and streams. Synchronous: the server waits for nothing while the books change."""

    @property
    def name(self) -> str:
        """Short name of the exchange's API."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Production host names, also for the server certificate. No two dialects share one.

        ``*`` is any label; a name that another dialect spells out is that one's.
        """

    def operation(self, call: Call) -> Operation | None:
        """Return what the call is about; None if this dialect does not know method and path."""

    def account(self, call: Call) -> str:
        """Return the account that the call's API key names, unchecked; empty without a known key."""

    def answer(self, call: Call) -> Reply:
        """Carry the call out. Refusals are replies, never exceptions."""

    def channel(self, call: Call) -> Channel | None:
        """Return what a websocket opened by this call listens to; None if this dialect has none there."""

    def rejection(self, fault: Fault) -> Reply:
        """Return the reply of a REJECT fault in the exchange's own form."""


def dialect_of(host: str, dialects: Sequence[Dialect]) -> Dialect | None:
    """Return the dialect that answers on a host (as in the Host header); None if there is none."""
    name = host.partition(":")[0].lower()
    named = (one for one in dialects if name in one.hosts)
    matching = (one for one in dialects if any(fnmatchcase(name, pattern) for pattern in one.hosts))
    return next(named, None) or next(matching, None)
