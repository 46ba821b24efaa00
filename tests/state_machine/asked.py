"""What people have asked for: triggers that nobody has released, and resets and holds under way."""

import asyncio
from dataclasses import dataclass

from ess_server.core.model import GLOBAL, Action, Scope, Stop
from ess_server.core.release import ReleaseRequest, ReleaseResult

NEVER = float("inf")


@dataclass(slots=True)
class Trigger:
    """A trigger that nobody has released: what it asked for, and the stop it made or joined.

    At uptime ``flatten_at`` it asks for a FLATTEN.
    """

    scope: Scope
    action: Action
    stop_id: str
    revision: int
    durable: bool = False
    flatten_at: float = NEVER

    def hold(self) -> None:
        """A person has held what it asked for."""
        self.action, self.flatten_at = Action.BLOCK, NEVER

    def covered_by(self, request: ReleaseRequest) -> bool:
        """Whether the person who asks has seen it."""
        return request.scope in (GLOBAL, self.scope) and self.revision <= request.revision


@dataclass(slots=True)
class Attempt:
    """A reset or hold that is under way."""

    verb: str
    request: ReleaseRequest
    task: "asyncio.Task[ReleaseResult]"

    def covers(self, stop: Stop) -> bool:
        """Whether it may release or hold ``stop``."""
        return stop.covers(self.request.scope) and stop.revision <= self.request.revision
