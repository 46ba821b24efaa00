"""Which evaluators have something to read in a recording, and from when on."""

from collections.abc import Sequence
from dataclasses import dataclass

from ess_server.core.evaluators import DrawdownSettings, EvaluatorSettings, SystemHealthSettings
from ess_server.core.watched import Watched
from ess_server.replay.held import Source
from ess_server.replay.instants import Inputs
from ess_server.replay.recording import SourceFacts

_READS = {"drawdown": "equity", "execution_errors": "execution", "data_feed": "quote", "system_health": "health"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An evaluator that is not replayed, and why."""

    evaluator: str
    reason: str


def inputs_of(sources: Sequence[SourceFacts]) -> Inputs:
    """Return the names of what was recorded."""
    accounts = sorted({f.source[1] for f in sources if f.source[0] in ("equity", "cash_flow", "execution")})
    feeds = sorted({f.source[1] for f in sources if f.source[0] == "quote"})
    return Inputs(tuple(accounts), tuple(feeds))


def select(
    watched: Sequence[Watched], sources: Sequence[SourceFacts], named: Sequence[str]
) -> tuple[list[tuple[Watched, int]], list[Skipped]]:
    """Return the evaluators that are replayed, each with the moment from which it is looked at, and the others.

    One that was named is replayed whatever was recorded, from the beginning if that is nothing for it.
    """
    start = min((f.first for f in sources), default=0)
    chosen, skipped = [], []
    for one in watched:
        if named and one.name not in named:
            continue
        reason, firsts = _wanted(one.settings, sources)
        if firsts or (not reason and not named) or (named and one.settings.kind != "manual"):
            chosen.append((one, max(firsts, default=start)))
        else:
            skipped.append(Skipped(one.name, reason))
    return chosen, skipped


def sources_of(settings: EvaluatorSettings) -> frozenset[Source]:
    """Return the sources whose latest readings are all that an evaluator's verdict rests on; none if there is more."""
    if isinstance(settings, DrawdownSettings):
        return frozenset(("equity", account) for account in settings.accounts or (settings.account,))
    return frozenset()


def reads_host(settings: EvaluatorSettings) -> bool:
    """Whether an evaluator has limits of the host, whose figures are in no recording."""
    return isinstance(settings, SystemHealthSettings) and settings.host_limits.any


def _wanted(settings: EvaluatorSettings, sources: Sequence[SourceFacts]) -> tuple[str, list[int]]:
    """Return why there is nothing to read, or empty; and when each thing that is read begins."""
    if settings.kind == "manual":
        return "a request by hand is not recorded", []
    kind = _READS.get(settings.kind)
    if kind is None:
        return "", []
    names = _names(settings)
    if not names:
        first = [f.first for f in sources if f.source[0] == kind]
        return (f"no {kind} rows" if not first else ""), first[:1] and [min(first)]
    firsts = {name: [f.first for f in sources if _is_of(f.source, kind, name)] for name in names}
    missing = [name for name, found in firsts.items() if not found]
    if missing:
        return f"no {kind} rows of {', '.join(missing)}", []
    return "", [min(found) for found in firsts.values()]


def _names(settings: EvaluatorSettings) -> tuple[str, ...]:
    """Return the accounts or the feed that an evaluator reads; none for all."""
    for key in ("accounts", "account", "feed"):
        value = getattr(settings, key, None)
        if value:
            return (value,) if isinstance(value, str) else tuple(value)
    return ()


def _is_of(source: Source, kind: str, name: str) -> bool:
    return source[:2] == (kind, name)
