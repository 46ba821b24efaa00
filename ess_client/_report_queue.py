"""What is to be reported and has not been answered yet. No I/O, no thread; calls are made under one lock."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import count, islice
from operator import itemgetter

from ess_client._observations import Reported
from ess_client.pb import telemetry_pb2 as pb

BATCH = 1_000
"""Observations that one call may carry (contract, ``ReportRequest``)."""
CAPACITY = 10_000

Key = tuple[str, ...]
_Numbered = tuple[int, Reported]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStats:
    """What became of everything that was reported since the start.

    Attributes:
        accepted: counted by the server.
        rejected: refused by the server, or nothing that could be sent.
        superseded: values that gave way to a newer one of the same key while the server was away.
        dropped: lost, because more than the capacity were waiting.
        pending: not answered yet.
        last_rejection: what the server said of the last one it refused.
        connected: whether the last call was answered.
    """

    accepted: int = 0
    rejected: int = 0
    superseded: int = 0
    dropped: int = 0
    pending: int = 0
    last_rejection: str = ""
    connected: bool = False


class ReportQueue:
    """Keeps the order in which things were observed, and a bound on how much waits. Every call takes a bounded time.

    While the server answers, everything is sent. While it does not, or when more than ``capacity`` wait, only the
    newest value of each key is kept; executions, cash flows and declared faults have no key and are kept one by
    one, of more than ``capacity`` the newest.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._numbers = count()
        self._waiting: deque[_Numbered] = deque()
        self._waiting_keys: Counter[Key] = Counter()
        self._newest: dict[Key, _Numbered] = {}
        self._sending: list[_Numbered] = []
        self._stats = ReportStats()
        self._untold = self._told = 0

    @property
    def stats(self) -> ReportStats:
        """What became of everything so far."""
        pending = len(self._waiting) + len(self._newest) + len(self._sending)
        return replace(self._stats, pending=pending)

    @property
    def waits(self) -> bool:
        """Whether there is something to send."""
        return bool(self._waiting or self._newest or self._sending)

    def put(self, one: Reported) -> None:
        """Add an observation."""
        numbered = (next(self._numbers), one)
        if one.key is None or self._stats.connected:
            self._wait(numbered)
        else:
            self._keep_newest(numbered)

    def refuse(self, problem: str) -> None:
        """Count an observation that cannot be sent."""
        self._count(rejected=1)
        self._stats = replace(self._stats, last_rejection=problem)

    def take(self) -> pb.ReportRequest:
        """Return the next call, the oldest observations first."""
        newest = sorted(self._newest.values(), key=itemgetter(0))
        self._sending = list(islice(merge(newest, self._waiting, key=itemgetter(0)), BATCH))
        for number, one in self._sending:
            if self._waiting and self._waiting[0][0] == number:
                self._pop_waiting()
            elif one.key is not None:
                del self._newest[one.key]
        self._told = self._untold
        return pb.ReportRequest(observations=[one.message for _, one in self._sending], dropped=self._told)

    def answered(self, rejections: Sequence[pb.Rejection]) -> None:
        """The last call counts."""
        self._count(accepted=len(self._sending) - len(rejections), rejected=len(rejections))
        if rejections:
            last = rejections[-1]
            self._stats = replace(self._stats, last_rejection=f"{last.reason}: {last.detail}")
        self._untold -= self._told
        self._end(connected=True)

    def refused(self, problem: str) -> None:
        """The last call can never count, however often it is sent."""
        self._count(rejected=len(self._sending))
        self._stats = replace(self._stats, last_rejection=problem)
        self._end(connected=True)

    def failed(self) -> None:
        """Nothing is known of the last call; the server knows what it has counted, so all of it is sent again."""
        again = [*self._sending, *self._waiting]
        self._waiting.clear()
        self._waiting_keys.clear()
        self._end(connected=False)
        for numbered in again:
            if numbered[1].key is None:
                self._wait(numbered)
            else:
                self._keep_newest(numbered)

    def _end(self, *, connected: bool) -> None:
        self._sending = []
        self._stats = replace(self._stats, connected=connected)

    def _wait(self, numbered: _Numbered) -> None:
        self._waiting.append(numbered)
        if numbered[1].key is not None:
            self._waiting_keys[numbered[1].key] += 1
        if len(self._waiting) > self._capacity:
            self._give_way(self._pop_waiting())

    def _pop_waiting(self) -> _Numbered:
        numbered = self._waiting.popleft()
        key = numbered[1].key
        if key is not None:
            self._waiting_keys[key] -= 1
            if not self._waiting_keys[key]:
                del self._waiting_keys[key]
        return numbered

    def _give_way(self, oldest: _Numbered) -> None:
        if oldest[1].key is None:
            self._drop()
        elif oldest[1].key in self._waiting_keys:
            self._count(superseded=1)
        else:
            self._keep_newest(oldest)

    def _keep_newest(self, numbered: _Numbered) -> None:
        key = numbered[1].key
        assert key is not None
        if key in self._newest:
            self._count(superseded=1)
            self._newest[key] = max(self._newest[key], numbered, key=itemgetter(0))
        elif len(self._newest) < self._capacity:
            self._newest[key] = numbered
        else:
            self._drop()

    def _drop(self) -> None:
        self._untold += 1
        self._count(dropped=1)

    def _count(self, **more: int) -> None:
        self._stats = replace(self._stats, **{name: getattr(self._stats, name) + n for name, n in more.items()})
