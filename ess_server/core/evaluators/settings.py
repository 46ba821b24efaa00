"""What every evaluator is configured with, whatever it watches."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators.limits import WARN_TIERS, check_tiers
from ess_server.core.model import GLOBAL, MAX_NAME_BYTES, Action, Scope, ScopeKind

MAX_CONFIRM_OF = 100
MAX_AGE = timedelta(days=1)
"""Longest of every duration here: what is older than a day is no reading."""
MAX_FLATTEN_DELAY = timedelta(hours=1)

OWN_SCOPE = Scope(ScopeKind.ACCOUNT)
"""Stands for the kind's own default while settings are constructed; no scope that is parsed equals it."""

SECONDS = {"unit": "s"}
"""Metadata of a duration: its key in the configuration names this unit."""


class Mode(Enum):
    """Whether a trip stops trading or is only recorded."""

    LIVE = "live"
    SHADOW = "shadow"


class OnUnknown(Enum):
    """What an evaluator does that cannot know, for too long."""

    BLOCK = "block"
    CANCEL = "cancel"
    FLATTEN = "flatten"
    IGNORE = "ignore"

    @property
    def action(self) -> Action | None:
        """The action of the stop, None for no stop."""
        return None if self is OnUnknown.IGNORE else Action[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorSettings:
    """Settings that every kind has. Raises InvalidRequestError for a value out of range, naming the field.

    A subclass sets the default of ``kind`` and, before it calls this ``__post_init__``, fills in its own defaults
    of ``name`` (here the kind) and ``scope`` (here global).

    Attributes:
        kind: word in the configuration.
        name: unique in the installation, at most 128 bytes. Empty for the kind, with the account or feed that is
            watched: what people look for.
        mode: live, or shadow to record what would have been done. Live, because a rule that was written down is
            meant.
        action: of a stop for a breach that was read. Flatten, because a breach is a loss that grows.
        flatten_delay: cancel at once and close only after this, 0 s to an hour, so that a person can hold it; counts
            for every flatten of this evaluator, and needs that action. 0, because a loss grows while it is waited.
        scope: what is stopped. That of the account which is watched, else global: as much as the reading is about.
        confirm: readings that must show the breach, 1 to ``confirm_of``. 1 trips at once, because waiting is what you
            have to choose.
        confirm_of: among how many of the latest readings, up to 100. 0 for as many as ``confirm``: all in a row.
        confirm_within: over how long at most, up to a day. 60 s, because readings further apart show two things.
        unknown_after: how long the condition may be unknown before that itself is a fault, 0 s to a day. 30 s lets a
            venue be connected after a start.
        on_unknown: action of that fault. Block, because a venue in maintenance must not sell the book.
        warn_percent: of the limit at which a warning is given, rising, each 1 to 99; empty for none. Three steps, so
            that engines can lower risk in time; silence warns at 90 only, unless this is set, because who reports on
            time uses most of the allowance every time.
    """

    kind: str = ""
    name: str = ""
    mode: Mode = Mode.LIVE
    action: Action = Action.FLATTEN
    flatten_delay: timedelta = field(default=timedelta(0), metadata=SECONDS)
    scope: Scope = OWN_SCOPE
    confirm: int = 1
    confirm_of: int = 0
    confirm_within: timedelta = field(default=timedelta(seconds=60), metadata=SECONDS)
    unknown_after: timedelta = field(default=timedelta(seconds=30), metadata=SECONDS)
    on_unknown: OnUnknown = OnUnknown.BLOCK
    warn_percent: tuple[int, ...] = WARN_TIERS

    def __post_init__(self) -> None:
        fill_in(self, "name", self.name or self.kind)
        fill_in(self, "scope", GLOBAL if self.scope == OWN_SCOPE else self.scope)
        fill_in(self, "confirm_of", self.confirm_of or self.confirm)
        if not 0 < len(self.name.encode()) <= MAX_NAME_BYTES:
            raise InvalidRequestError("name", f"is not 1 to {MAX_NAME_BYTES} bytes long")
        if not 1 <= self.confirm <= MAX_CONFIRM_OF:
            raise InvalidRequestError("confirm", f"{self.confirm} is not 1 to {MAX_CONFIRM_OF}")
        if not self.confirm <= self.confirm_of <= MAX_CONFIRM_OF:
            raise InvalidRequestError(
                "confirm_of", f"{self.confirm_of} is not {self.confirm} (confirm) to {MAX_CONFIRM_OF}"
            )
        check_duration("confirm_within", self.confirm_within)
        check_tiers("warn_percent", self.warn_percent)
        _check_flatten_delay(self.flatten_delay, self.action)
        if self.unknown_after:
            check_duration("unknown_after", self.unknown_after)

    def delay_of(self, action: Action) -> timedelta:
        """Return how long ``action`` waits for a person, with CANCEL meanwhile; nothing but a flatten ever does."""
        return self.flatten_delay if action is Action.FLATTEN else timedelta(0)


def _check_flatten_delay(delay: timedelta, action: Action) -> None:
    if not timedelta(0) <= delay <= MAX_FLATTEN_DELAY:
        most = f"{MAX_FLATTEN_DELAY.total_seconds():g} s"
        raise InvalidRequestError("flatten_delay", f"{delay.total_seconds():g} s is not 0 s to 1 hour ({most})")
    if delay and action is not Action.FLATTEN:
        raise InvalidRequestError("flatten_delay", f"does not go with action {action.name.lower()}: leave one out")


def fill_in(settings: EvaluatorSettings, name: str, value: object) -> None:
    """Set a field of frozen settings while they are being constructed."""
    object.__setattr__(settings, name, value)


def check_duration(name: str, value: timedelta) -> None:
    """Raise InvalidRequestError unless ``value`` is above zero and at most a day."""
    if not timedelta(0) < value <= MAX_AGE:
        raise InvalidRequestError(name, f"{value.total_seconds():g} s is not above 0 s and at most 1 day (86400 s)")
