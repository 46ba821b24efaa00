"""Which work on which account the latched stops ask for. Pure."""

from collections.abc import Iterable

from ess_server.core.model import Account, Action, EmergencyState, ScopeKind, Stop, Work


def touches(stop: Stop, account: Account) -> bool:
    """Whether ``stop`` asks for anything on ``account``. Strategy scopes block only: a position has no strategy."""
    kind = stop.scope.kind
    if kind is ScopeKind.VENUE:
        return stop.scope.id == account.venue
    if kind is ScopeKind.ACCOUNT:
        return stop.scope.id == account.id
    return kind is not ScopeKind.STRATEGY


def work_for(state: EmergencyState, accounts: Iterable[Account]) -> dict[str, Work]:
    """Return what is wanted of each account that a stop touches, by account id; the strongest action wins.

    A symbol is named only if more is wanted of it than of its account: what changes nothing must not begin anew.
    """
    wanted = {}
    for account in accounts:
        stops = [s for s in state.stops if touches(s, account)]
        if not stops:
            continue
        single = [s for s in stops if s.scope.kind is ScopeKind.SYMBOL]
        action = max((s.action for s in stops if s not in single), default=Action.BLOCK)
        lead = max(stops, key=lambda s: (s.action, s.revision))
        wanted[account.id] = Work(
            account=account.id,
            stop_id=lead.stop_id,
            action=action,
            symbols=tuple(sorted((s.scope.id, s.action) for s in single if s.action > action)),
            held=lead.action is Action.BLOCK and any(s.held for s in stops),
        )
    return wanted
