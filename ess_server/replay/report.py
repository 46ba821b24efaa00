"""What a replay found, as a document for machines and as rows for people."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ess_server.core.model import CauseSource
from ess_server.replay.clock import time_of
from ess_server.replay.episodes import Episode, Kind
from ess_server.replay.inputs import reads_host
from ess_server.replay.recording import SourceFacts
from ess_server.replay.run import Replayed
from ess_server.replay.subject import Subject

EPISODE_COLUMNS = (
    "time (UTC)", "what", "evaluator", "scope", "action", "reading", "limit", "used", "until (UTC)", "reason"
)  # fmt: skip
SUMMARY_COLUMNS = ("evaluator", "mode", "trips", "near misses", "most used", "at (UTC)", "unknown for")

_SHOWN = Decimal("0.0001")
_SECOND = 1_000_000


def would_trip(replayed: Replayed) -> bool:
    """Whether at least one evaluator would have tripped."""
    return any(e.kind is Kind.TRIP for s in replayed.subjects for e in s.episodes)


def episodes(replayed: Replayed) -> list[tuple[Subject, Episode]]:
    """Return every trip and near miss, in order of time."""
    found = [(s, e) for s in replayed.subjects for e in s.episodes]
    return sorted(found, key=lambda one: (one[1].micros, one[1].until))


def episode_rows(replayed: Replayed) -> Iterator[Sequence[str]]:
    """Yield a row of ``EPISODE_COLUMNS`` for every trip and near miss."""
    for subject, one in episodes(replayed):
        yield (
            _time(one.micros),
            one.kind.value.upper(),
            one.evaluator,
            str(subject.watched.scope),
            one.action.name.lower(),
            _number(one.reading),
            _number(one.limit),
            _percent(one.limit_used),
            _time(one.until),
            one.reason,
        )


def summary_rows(replayed: Replayed) -> Iterator[Sequence[str]]:
    """Yield a row of ``SUMMARY_COLUMNS`` for every evaluator."""
    for subject in replayed.subjects:
        peak = subject.peak
        yield (
            subject.watched.name,
            subject.watched.settings.mode.value,
            str(_count(subject, Kind.TRIP)),
            str(_count(subject, Kind.NEAR_MISS)),
            _percent(peak.limit_used) if peak else "nothing read",
            _time(subject.peak_micros) if peak else "",
            _length(subject.unknown) if subject.unknown else "",
        )


def notes(replayed: Replayed) -> Iterator[str]:
    """Yield what a reader of the figures has to know."""
    yield from replayed.recording.notes
    for skipped in replayed.skipped:
        yield f"{skipped.evaluator} is not replayed: {skipped.reason}"
    for subject in replayed.subjects:
        if reads_host(subject.watched.settings):
            yield f"{subject.watched.name}: figures of the host are not recorded; its limits are never reached here"
    slow = [f for f in replayed.recording.sources if f.pace > _SECOND * 2]
    for facts in slow[:5]:
        yield (
            f"{_source(facts)}: one row in {_length(facts.usual or 0)} is its pace; "
            f"silence up to {_length(facts.pace)} is not counted"
        )
    if len(slow) > 5:  # noqa: PLR2004 - as cut above
        yield f"and {len(slow) - 5} more sources of a pace of their own"


def document(replayed: Replayed) -> dict[str, Any]:
    """Return everything as JSON would have it: times in ISO 8601, readings as decimal text, lengths in seconds."""
    recording = replayed.recording
    return {
        "from": time_of(recording.start).isoformat(),
        "to": time_of(recording.end).isoformat(),
        "rows": recording.rows,
        "sources": [_source_document(f) for f in recording.sources],
        "evaluators": [_evaluator_document(s) for s in replayed.subjects],
        "not_replayed": [{"evaluator": s.evaluator, "reason": s.reason} for s in replayed.skipped],
        "episodes": [_episode_document(s, e) for s, e in episodes(replayed)],
        "notes": list(notes(replayed)),
    }


def _source_document(facts: SourceFacts) -> dict[str, Any]:
    return {
        "kind": facts.source[0],
        "name": "/".join(facts.source[1:]),
        "rows": facts.rows,
        "usual_distance": None if facts.usual is None else facts.usual / _SECOND,
        "no_silence_up_to": facts.pace / _SECOND,
    }


def _evaluator_document(subject: Subject) -> dict[str, Any]:
    watched, peak = subject.watched, subject.peak
    return {
        "name": watched.name,
        "kind": watched.settings.kind,
        "mode": watched.settings.mode.value,
        "scope": str(watched.scope),
        "action": watched.settings.action.name.lower(),
        "trips": _count(subject, Kind.TRIP),
        "near_misses": _count(subject, Kind.NEAR_MISS),
        "max_limit_used": peak.limit_used if peak else None,
        "max_reading": f"{peak.value:f}" if peak else "",
        "max_limit": f"{peak.limit:f}" if peak else "",
        "max_time": time_of(subject.peak_micros).isoformat() if peak else "",
        "unknown_for": subject.unknown / _SECOND,
    }


def _episode_document(subject: Subject, one: Episode) -> dict[str, Any]:
    return {
        "time": time_of(one.micros).isoformat(),
        "what": one.kind.value.replace(" ", "_"),
        "evaluator": one.evaluator,
        "mode": subject.watched.settings.mode.value,
        "scope": str(subject.watched.scope),
        "action": one.action.name.lower(),
        "fault": one.source is CauseSource.EVALUATOR_FAULT,
        "reading": one.reading,
        "limit": one.limit,
        "limit_used": one.limit_used,
        "until": time_of(one.until).isoformat(),
        "released": one.release.name.lower() if one.kind is Kind.TRIP else "",
        "reason": one.reason,
    }


def _count(subject: Subject, kind: Kind) -> int:
    return sum(one.kind is kind for one in subject.episodes)


def _source(facts: SourceFacts) -> str:
    return f"{facts.source[0]} {'/'.join(facts.source[1:])}"


def _time(micros: int) -> str:
    text = time_of(micros).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    return text.removesuffix(".000")


def _number(text: str) -> str:
    return f"{Decimal(text).quantize(_SHOWN, ROUND_DOWN).normalize():f}" if text else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f} %"


def _length(micros: int) -> str:
    seconds = micros / _SECOND
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"
