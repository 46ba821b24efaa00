"""What comes of an evaluator in a replay: episodes, and the figures beside them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ess_server.core.model import Action, CauseSource
from ess_server.core.readings import Measure
from ess_server.replay.series import Series


class Kind(Enum):
    """What an episode is."""

    TRIP = "trip"
    NEAR_MISS = "near miss"


class Release(Enum):
    """How a would-be stop ended."""

    RECOVERED = "the reading was clearly below the highest warn tier again"
    RESET_AFTER = "reset after the time that was asked for"
    RAISED = "a stronger stop followed"
    END = "the recording ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A would-be trip, or a near miss.

    ``micros`` is when it would have been latched, of a near miss when it began; in microseconds since 1970, as
    ``until``. ``reading`` and ``limit`` are decimal text, empty for a fault; ``limit_used`` is None there.
    """

    kind: Kind
    evaluator: str
    micros: int
    until: int
    action: Action
    source: CauseSource
    reading: str
    limit: str
    limit_used: float | None
    reason: str
    release: Release = Release.RECOVERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of an evaluator, see ``Subject``."""

    episodes: list[Episode]
    peak: Measure | None
    peak_share: Decimal
    peak_micros: int
    unknown: int
    unknown_spans: list[tuple[int, int]]
    series: Series
