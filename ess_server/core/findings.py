"""What an examination comes to: one sentence for each topic, with a grade and the next step."""

from dataclasses import dataclass
from enum import Enum, IntEnum

from ess_server.core.examination import Examination, Topic


class Grade(IntEnum):
    """How much a finding matters, the worst highest."""

    OK = 0
    INFO = 1
    """Nothing is wrong; a person may want to know."""
    WARN = 2
    """The stop works, but slower, dearer or less completely than it could, or a key is more dangerous than need be."""
    UNKNOWN = 3
    """Nobody can say now: the venue did not answer, or not as it should."""
    UNSAFE = 4
    """The stop of this account cannot work, or its FLAT cannot be believed, until a person has changed something."""


class OnUnsafe(Enum):
    """What a server does that would start with an account whose stop cannot work."""

    WARN = "warn"
    REFUSE = "refuse"
    REFUSE_UNKNOWN = "refuse_unknown"
    """Nor with one of which that cannot be said: a venue that is away then keeps the server down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding. ``account`` is empty for the whole installation, ``remedy`` only where nothing is to be done."""

    account: str
    topic: Topic
    grade: Grade
    words: str
    remedy: str = ""


def found(seen: Examination, topic: Topic, grade: Grade, words: str, remedy: str = "") -> Finding:
    """Make a finding on the account that was examined."""
    return Finding(account=seen.account, topic=topic, grade=grade, words=words, remedy=remedy)


def unknown(seen: Examination, topic: Topic) -> Finding | None:
    """Return that the topic could not be read, None if it was, or is none of this venue's."""
    reason = seen.reason_unread(topic)
    if not reason:
        return None
    remedy = "ask again when the venue answers: ess doctor"
    return found(seen, topic, Grade.UNKNOWN, f"could not be read: {reason}", remedy)


def named(symbols: tuple[str, ...]) -> str:
    """Name markets, at most five of them."""
    shown = ", ".join(symbols[:5])
    return shown if len(symbols) <= 5 else f"{shown} and {len(symbols) - 5} more"  # noqa: PLR2004 - as cut above
