"""Which orders a set of stops covers."""

from collections.abc import Iterable, Sequence

from ess_client._model import DenyReason, Stop

GLOBAL = "global"
KINDS = frozenset({"venue", "account", "strategy", "symbol"})
"""Kinds of scope that this gate understands; any other covers every order."""


def kind_of(scope: str) -> str:
    """Kind of a well-formed ``kind/id``, split at the first slash; empty for everything else."""
    kind, _, ident = scope.partition("/")
    return kind if ident else ""


class Coverage:
    """The stops of one state, arranged for checks. Immutable once built."""

    __slots__ = ("_by_scope", "_everything", "_kinds")

    def __init__(self, stops: Iterable[Stop]) -> None:
        self._everything: Stop | None = None
        self._by_scope: dict[str, Stop] = {}
        self._kinds: dict[str, Stop] = {}
        for stop in stops:
            kind = kind_of(stop.scope)
            if kind in KINDS:
                self._by_scope[stop.scope] = stop
                self._kinds.setdefault(kind, stop)
            else:
                self._everything = self._everything or stop

    @property
    def everything(self) -> Stop | None:
        """The stop that covers every order, if there is one."""
        return self._everything

    def __bool__(self) -> bool:
        return self._everything is not None or bool(self._by_scope)

    def find(self, scopes: Sequence[str]) -> tuple[Stop, DenyReason] | None:
        """The stop that keeps an order of these scopes from being sent, and why."""
        if self._everything is not None:
            return self._everything, DenyReason.STOPPED
        for scope in scopes:
            if scope in self._by_scope:
                return self._by_scope[scope], DenyReason.STOPPED
        named = {kind_of(scope) for scope in scopes}
        for kind, stop in self._kinds.items():
            if kind not in named:
                return stop, DenyReason.UNDECLARED_SCOPE
        return None
