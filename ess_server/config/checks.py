"""Ranges, duplicates and references of settings that were read without a mistake of kind."""

import stat
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from ess_server.config import listen
from ess_server.config.problems import Mistake
from ess_server.config.settings import ServerSettings
from ess_server.core.evaluators import DrawdownSettings, EvaluatorSettings
from ess_server.core.model import MAX_NAME_BYTES, Scope, ScopeKind

SHORTEST_LEASE = timedelta(milliseconds=200)
LONGEST_LEASE = timedelta(seconds=2)
SHORTEST_TICK = timedelta(milliseconds=10)
SHORTEST_POLL = timedelta(milliseconds=100)
LONGEST_POLL = timedelta(hours=1)
REQUEST_VALID = timedelta(seconds=2)
"""How long the venue takes a request that was sent: the longest that engines should allow."""
LONGEST_GRACE = timedelta(minutes=1)
MOST_SUBSCRIBERS = 100_000
LONGEST_QUIET = timedelta(minutes=10)
SHORTEST_EXAMINATION, LONGEST_EXAMINATION = timedelta(seconds=1), timedelta(seconds=30)
MAX_ID_BYTES = 100
"""Leaves room for the kind within the 128 bytes of a scope."""


def server_mistakes(server: ServerSettings) -> Iterator[Mistake]:
    """Yield what is out of range in ``[server]``; paths start at the table."""
    try:
        listen.parse(server.listen)
    except ValueError as error:
        yield Mistake(("listen",), str(error))
    yield from _lease_mistakes(server)
    if not 0 <= server.max_subscribers <= MOST_SUBSCRIBERS:
        yield Mistake(("max_subscribers",), f"{server.max_subscribers} is not 0 (measured) to {MOST_SUBSCRIBERS}")
    if not timedelta(milliseconds=1) <= server.quiet_window <= LONGEST_QUIET:
        yield Mistake(("quiet_window_ms",), f"{ms(server.quiet_window)} is not 1 ms to {ms(LONGEST_QUIET)}")
    if not SHORTEST_EXAMINATION <= server.examine_within <= LONGEST_EXAMINATION:
        limits = f"{SHORTEST_EXAMINATION.total_seconds():g} to {LONGEST_EXAMINATION.total_seconds():g} s"
        detail = f"{server.examine_within.total_seconds():g} s is not {limits}: a start must not wait for longer"
        yield Mistake(("examine_within_seconds",), detail)
    yield from _subscriber_mistakes(server)


def _lease_mistakes(server: ServerSettings) -> Iterator[Mistake]:
    shortest = longest = server.lease
    if not SHORTEST_LEASE <= server.lease <= LONGEST_LEASE:
        # What no lease would allow is a mistake all the same.
        shortest, longest = SHORTEST_LEASE, LONGEST_LEASE
        limits = f"{ms(SHORTEST_LEASE)} to {ms(LONGEST_LEASE)}"
        yield Mistake(("lease_ms",), f"{ms(server.lease)} is not {limits}: it bounds how long a gate may be deceived")
    for key, value in (("heartbeat_ms", server.heartbeat), ("tick_ms", server.tick)):
        if not SHORTEST_TICK <= value <= longest / 3:
            limits = f"{ms(SHORTEST_TICK)} to a third of lease_ms ({ms(longest / 3)})"
            yield Mistake((key,), f"{ms(value)} is not {limits}: a gate must not deny because one is late")
    least = shortest + REQUEST_VALID
    if not least <= server.after_stop_grace <= LONGEST_GRACE:
        limits = f"{ms(least)} (lease_ms, and the 2 s that a request is valid) to {ms(LONGEST_GRACE)}"
        yield Mistake(("after_stop_grace_ms",), f"{ms(server.after_stop_grace)} is not {limits}")


def _subscriber_mistakes(server: ServerSettings) -> Iterator[Mistake]:
    names = server.expected_subscribers
    for name in names:
        if not 0 < len(name.encode()) <= MAX_NAME_BYTES:
            yield Mistake(("expected_subscribers",), f'"{name[:80]}" is not 1 to {MAX_NAME_BYTES} bytes long')
    for name in _repeated(names):
        yield Mistake(("expected_subscribers",), f'"{name}" is listed twice; leave one out')
    if 0 < server.max_subscribers < len(names):
        detail = f"lists {len(names)} names, more than the {server.max_subscribers} of max_subscribers; raise that"
        yield Mistake(("expected_subscribers",), detail)


def directory_mistakes(directories: Sequence[Path]) -> Iterator[Mistake]:
    """Yield which directories code cannot, or should not, be imported from; paths start at their list."""
    for directory in directories:
        if not directory.is_dir():
            yield Mistake((), f'"{directory}" is no directory; make it, or name another')
        elif directory.stat().st_mode & stat.S_IWOTH:
            yield Mistake((), f'"{directory}" can be written by everybody, and the server would run it: chmod o-w')


def account_mistake(named: object, accounts: Sequence[str]) -> Iterator[Mistake]:
    """Yield where the ``account`` of an evaluator's table is not configured; an empty one is the kind's own affair."""
    if named and isinstance(named, str) and named not in accounts:
        yield Mistake(("account",), f"there is no account {_listed(named, accounts)}")


def member_mistakes(evaluator: EvaluatorSettings, accounts: Sequence[str]) -> Iterator[Mistake]:
    """Yield which accounts of a sum are not configured."""
    for named in evaluator.accounts if isinstance(evaluator, DrawdownSettings) else ():
        if named not in accounts:
            yield Mistake(("accounts",), f"there is no account {_listed(named, accounts)}")


def scope_mistake(scope: Scope, named: object, accounts: Sequence[str], venues: Sequence[str]) -> Iterator[Mistake]:
    """Yield where a scope is of an account or venue that is not configured; ``named`` is reported already."""
    known = {ScopeKind.ACCOUNT: accounts, ScopeKind.VENUE: venues}.get(scope.kind)
    if known is not None and scope.id not in known and (scope.kind, scope.id) != (ScopeKind.ACCOUNT, named):
        yield Mistake(("scope",), f"there is no {scope.kind.value} {_listed(scope.id, known)}")


def repeated_at(names: Sequence[str | None]) -> Iterator[tuple[int, str]]:
    """Yield position and name of everything that stood earlier in the list already; None is nothing."""
    for place, name in enumerate(names):
        if name is not None and name in names[:place]:
            yield place, name


def _repeated(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for _, name in repeated_at(names)))


def _listed(name: str, known: Sequence[str]) -> str:
    configured = ", ".join(f'"{k}"' for k in dict.fromkeys(known)) or "none"
    return f'"{name[:80]}"; configured are: {configured}'


def ms(value: timedelta) -> str:
    """Return a duration as the keys in milliseconds have it."""
    return f"{value.total_seconds() * 1000:.10g} ms"
