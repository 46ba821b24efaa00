"""A gate without a server, over the same rules as the real one."""

from dataclasses import dataclass

from ess_client._face import GateFace
from ess_client._gate import Gate, Rearm
from ess_client._model import GateState, OrderDenied, Proof, Stop, Verdict


@dataclass(frozen=True, slots=True)
class Checked:
    """One check that the code under test made."""

    scopes: tuple[str, ...]
    reduce_only: bool
    verdict: Verdict


class FakeGate(GateFace):
    """Judges orders by the real gate's rules; the test says what the server would have said.

    Starts open. ``checked`` lists every check made, oldest first. Time stands still but for ``expire``.
    """

    def __init__(self, *, rearm: Rearm = "auto") -> None:
        super().__init__(Gate(("fake",), rearm=rearm))
        self.checked: list[Checked] = []
        self._time = 0.0
        self._revision = 0
        self._stops: dict[str, Stop] = {}
        self.allow()

    def allow(self) -> None:
        """Release every stop and prove it: the gate opens, unless it waits for ``rearm``."""
        self._stops = {}
        self._say()

    def stop(self, scope: str = "global", reason: str = "stopped by the test") -> None:
        """Stop a scope, with a live lease."""
        self._stops[scope] = Stop(scope=scope, reason=reason, revision=self._revision + 1, durable=True)
        self._say()

    def release(self, scope: str = "global") -> None:
        """Release a scope; ``global`` releases all. Raises KeyError if the scope is not stopped."""
        if scope == "global":
            self._stops = {}
        else:
            del self._stops[scope]
        self._say()

    def expire(self) -> None:
        """Let the lease run out, as when the server has died."""
        self._time += 60.0

    def check(self, *scopes: str, reduce_only: bool = False) -> Verdict:
        """Judge one order, and remember that it was asked."""
        verdict = self._gate.verdict(self._time, scopes, reduce_only=reduce_only)
        self.checked.append(Checked(scopes, reduce_only, verdict))
        return verdict

    def require(self, *scopes: str, reduce_only: bool = False) -> None:
        """As ``check``, but raises ``OrderDenied`` instead of answering."""
        verdict = self.check(*scopes, reduce_only=reduce_only)
        if not verdict:
            raise OrderDenied(verdict)

    @property
    def state(self) -> GateState:
        """The gate now."""
        return self._gate.state(self._time)

    def _say(self) -> None:
        self._revision += 1
        self._gate.opened("fake", self._time)
        proof = Proof(
            store_id="fake-store",
            server_instance_id="fake-server",
            revision=self._revision,
            status=2 if self._stops else 1,
            stops=tuple(self._stops.values()),
            proven_uptime=self._time,
            sent_uptime=self._time,
            lease=1.0,
        )
        self._gate.received("fake", proof, self._time)
