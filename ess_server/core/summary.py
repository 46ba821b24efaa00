"""One sentence a person can act on. Pure."""

from collections.abc import Sequence

from ess_server.core.model import AccountProgress, Action, EmergencyState, FlattenStatus, Stop
from ess_server.core.subscribers import Enforcement


def cause_in_words(stop: Stop) -> str:
    """Name the evaluator, else the source, of a stop's first cause."""
    return stop.cause.evaluator or stop.cause.source.name.lower().replace("_", " ")


def action_in_words(stop: Stop) -> str:
    """Name what is being done, and what will be unless a person holds it."""
    if stop.flatten:
        return f"{stop.action.name}, flattens at {stop.flatten.time:%H:%M:%S} UTC unless held"
    return f"{stop.action.name}{' held' if stop.held else ''}"


def gates_in_words(enforcement: Enforcement) -> str:
    """Say how many gates are known to deny, and name what is not."""
    if not enforcement.expected:
        return "no gate is connected or expected"
    words = f"{enforcement.confirmed} of {enforcement.expected} gates confirmed"
    if enforcement.expired:
        words += f", {enforcement.expired} denying by expired lease"
    if enforcement.unconfirmed:
        words += f", not confirmed: {', '.join(enforcement.unconfirmed)}"
    return words


def accounts_in_words(accounts: Sequence[AccountProgress], stops: Sequence[Stop]) -> str:
    """Say how many accounts with work are flat; empty if there is no work.

    What a stop that closes nothing has finished is flat only if the account has no position.
    """
    standing = {s.stop_id for s in stops}
    at_work = [a for a in accounts if a.stop_id in standing]
    if not at_work:
        return ""
    done = [a for a in at_work if a.status.is_done]
    flat = sum(1 for a in done if a.status.is_flat or a.open_positions == 0)
    held = sum(1 for a in at_work if a.status is FlattenStatus.HELD)
    counts = [f"{flat} of {len(at_work)} accounts flat"]
    counts += [f"{len(done) - flat} without orders but with positions"] if len(done) > flat else []
    counts += [f"{held} held"] if held else []
    return ", ".join(counts)


def state_in_words(state: EmergencyState, enforcement: Enforcement, accounts: Sequence[AccountProgress] = ()) -> str:
    """Summarise the state for status lines and answers."""
    if not state.active:
        return f"Trading is allowed: no stop is latched (revision {state.revision})"
    first = min(state.stops, key=lambda s: s.activate_time)
    scopes = ", ".join(f"{s.scope} {action_in_words(s)}" for s in state.stops[:4])
    more = f" and {len(state.stops) - 4} more" if len(state.stops) > 4 else ""  # noqa: PLR2004 - as cut above
    since = f"{first.activate_time:%Y-%m-%d %H:%M:%S} UTC"
    parts = [
        f"TRADING STOPPED (ESS ACTIVE) since {since} ({cause_in_words(first)}): {scopes}{more}",
        gates_in_words(enforcement),
        accounts_in_words(accounts, [s for s in state.stops if s.action > Action.BLOCK or s.held]),
    ]
    return "; ".join(p for p in parts if p)
