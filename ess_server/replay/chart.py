"""A chart of every evaluator: how much of its limit was used over time, with trips and near misses."""

from collections.abc import Sequence
from datetime import tzinfo
from math import isfinite
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from ess_server.replay.episodes import Episode, Kind
from ess_server.replay.run import Replayed
from ess_server.replay.subject import Subject

_DAY = 86_400e6
_WIDTH, _PANEL, _DPI = 14.0, 2.6, 120
_TRIP, _MISS, _READING, _TIER, _UNKNOWN = "#c62828", "#ef8f00", "#1f5a94", "#9a9a9a", "#d9d9d9"


def draw(replayed: Replayed, file: Path, zone: tzinfo) -> None:
    """Write the chart as PNG or SVG, by the name of the file; days are those of ``zone``. Raises OSError."""
    subjects = replayed.subjects
    figure = Figure(figsize=(_WIDTH, 1.2 + _PANEL * max(len(subjects), 1)), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(max(len(subjects), 1), 1, sharex=True, squeeze=False)[:, 0]
    for panel, subject in zip(panels, subjects, strict=False):
        _panel(panel, subject)
    first, last = replayed.recording.start / _DAY, replayed.recording.end / _DAY
    margin = (last - first or 1.0) / 100
    panels[-1].set_xlim(first - margin, last + margin)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call] # matplotlib has types in part
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call] # as above
    panels[-1].set_xlabel(f"time ({zone})")
    figure.suptitle("ess replay: reading against limit")
    figure.savefig(file, format=file.suffix[1:].lower())


def _panel(panel: Axes, subject: Subject) -> None:
    settings = subject.watched.settings
    trips = [e for e in subject.episodes if e.kind is Kind.TRIP]
    misses = [e for e in subject.episodes if e.kind is Kind.NEAR_MISS]
    top = _draw_series(panel, subject)
    for tier in settings.warn_percent:
        panel.axhline(tier, color=_TIER, linewidth=0.7, linestyle=":")
    panel.axhline(100, color=_TRIP, linewidth=1.2)
    panel.broken_barh(_spans(trips), (0, top), color=_TRIP, alpha=0.12, linewidth=0)
    panel.broken_barh([(a / _DAY, (b - a) / _DAY) for a, b in subject.unknown_spans], (0, top), color=_UNKNOWN)
    _mark(panel, trips, "v", _TRIP, f"{len(trips)} would-be trips", top=top)
    _mark(panel, misses, "o", _MISS, f"{len(misses)} near misses", top=top)
    panel.set_ylim(0, top)
    panel.set_ylabel("% of limit")
    panel.set_title(f"{settings.name} ({settings.mode.value}, {settings.action.name.lower()})", loc="left", fontsize=10)
    panel.legend(loc="upper right", fontsize=8, ncols=3, framealpha=0.8)


def _draw_series(panel: Axes, subject: Subject) -> float:
    """Draw what was read, lowest to highest in each column; return the top of the panel."""
    stretches = [s for s in subject.series.stretches() if isfinite(s.high)]
    times = [s.middle / _DAY for s in stretches]
    high = [s.high * 100 for s in stretches]
    panel.fill_between(times, [s.low * 100 for s in stretches], high, color=_READING, alpha=0.35, linewidth=0)
    panel.plot(times, high, color=_READING, linewidth=0.8, label="reading")
    return max(max(high, default=0.0) * 1.08, 115.0)


def _mark(panel: Axes, episodes: Sequence[Episode], marker: str, colour: str, label: str, *, top: float) -> None:
    used = [min((1.0 if e.limit_used is None else e.limit_used) * 100, top) for e in episodes]
    times = [e.micros / _DAY for e in episodes]
    panel.scatter(times, used, marker=marker, s=26, color=colour, zorder=3, label=label, clip_on=False)


def _spans(episodes: Sequence[Episode]) -> list[tuple[float, float]]:
    return [(e.micros / _DAY, (e.until - e.micros) / _DAY) for e in episodes]
