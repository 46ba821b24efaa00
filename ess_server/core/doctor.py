"""Whether a stop would work, judged before it has to. Pure: facts in, findings out."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ess_server.core.doctor_account import (
    about_clock,
    about_coverage,
    about_dead_man,
    about_modes,
    about_open,
    about_speed,
)
from ess_server.core.doctor_key import about_key
from ess_server.core.examination import Capability, Examination, Topic
from ess_server.core.findings import Finding, Grade, found, unknown
from ess_server.core.model import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What a configuration says that decides whether anything would be stopped.

    ``same_keys`` are groups of accounts that name the same key on the same exchange; ``live`` and ``shadow`` count
    evaluators that judge something, a ``manual`` one apart; ``expected`` counts the gates that must be there.
    """

    accounts: int
    same_keys: tuple[tuple[str, ...], ...]
    paper: tuple[str, ...]
    live: int
    shadow: int
    expected: int
    default_action: Action


def judge(
    seen: Examination,
    *,
    now: datetime,
    sharing: int = 1,
    pauses: timedelta = timedelta(),
    timer: timedelta = timedelta(),
    most_timed: int | None = None,
    wanted: Collection[Capability] = (),
) -> tuple[Finding, ...]:
    """Return the findings on one account, in the order in which a person would look.

    ``sharing`` is how many accounts share the venue's request limits, ``pauses`` what a flatten waits for by intent,
    ``timer`` what the account's dead man's switch is set to, ``most_timed`` for how many symbols it has room (None: for
    all), ``wanted`` what the configuration asks of the account.
    """
    if seen.cannot_open:
        words = f"there is no client for this account: {seen.cannot_open}"
        remedy = "mend what is named, then: ess doctor"
        return (found(seen, Topic.OPENING, Grade.UNSAFE, words, remedy),)
    away = unknown(seen, Topic.VENUE)
    if away:
        return (away, *about_dead_man(seen, timer), *about_coverage(seen, wanted))
    return (
        *about_key(seen, now),
        *about_clock(seen),
        *(() if seen.key.valid is False else (*about_modes(seen), *about_open(seen))),
        *about_dead_man(seen, timer, most_timed),
        *about_coverage(seen, wanted),
        *about_speed(seen, sharing=sharing, pauses=pauses),
    )


def judge_arrangement(seen: Arrangement) -> tuple[Finding, ...]:
    """Return what in the configuration itself is a danger to the stop."""
    return tuple(
        Finding(account="", topic=Topic.CONFIGURATION, grade=grade, words=words, remedy=remedy)
        for applies, grade, words, remedy in (*_about_accounts(seen), *_about_watching(seen))
        if applies
    )


def _about_accounts(seen: Arrangement) -> Iterator[tuple[bool, Grade, str, str]]:
    yield (
        not seen.accounts,
        Grade.WARN,
        "no account is configured: a stop blocks engines, and cancels and closes nothing",
        "add [[accounts]]",
    )
    for group in seen.same_keys:
        words = f"{' and '.join(group)} use the same key: they are one account, worked on twice at once"
        yield True, Grade.UNSAFE, words, "keep one of them"
    yield (
        bool(seen.paper),
        Grade.INFO,
        f"on a paper venue: {', '.join(seen.paper)}",
        "remove `paper` where the account is meant to be real",
    )


def _about_watching(seen: Arrangement) -> Iterator[tuple[bool, Grade, str, str]]:
    yield (
        not seen.live,
        Grade.WARN,
        "no evaluator is live: only people and the tripwire stop anything"
        + (f"; {seen.shadow} in shadow mode record what they would have done" if seen.shadow else ""),
        'add [[evaluators]], or take mode = "shadow" from one that has proven itself',
    )
    yield (
        bool(seen.accounts) and seen.default_action is not Action.FLATTEN,
        Grade.WARN,
        f"default_action is {seen.default_action.name.lower()}: ess trigger and the tripwire leave positions open",
        'set default_action = "flatten", or see that everybody knows: ess trigger --action flatten',
    )
    yield (
        not seen.expected,
        Grade.WARN,
        "no gate is expected: an engine that never came to ask is not missed",
        "name your engines in server.expected_subscribers",
    )


def in_a_sentence(findings: Sequence[Finding]) -> str:
    """Say which accounts are unsafe or unknown and why, the first two in full; empty if none is."""
    serious = sorted((f for f in findings if f.grade >= Grade.UNKNOWN), key=lambda f: -f.grade)
    if not serious:
        return ""
    said = "; ".join(f"{f.account or 'configuration'}: {f.grade.name}, {f.topic.value}: {f.words}" for f in serious[:2])
    more = f"; and {len(serious) - 2} more" if len(serious) > 2 else ""  # noqa: PLR2004 - as cut above
    return f"{said}{more}; look with: ess doctor"
