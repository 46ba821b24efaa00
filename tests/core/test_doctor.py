"""What facts on an account mean: a pure table."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ess_server.core.doctor import judge
from ess_server.core.examination import (
    Capability,
    CheckedBy,
    ClockFacts,
    Coverage,
    DeadManWorth,
    Examination,
    Load,
    MarketFacts,
    Topic,
)
from ess_server.core.findings import Finding, Grade, named
from ess_server.testing import START

from .examined import LIMITS, MS, WELL


def topic(seen: Examination, about: Topic) -> list[Finding]:
    """Return what is found about one topic."""
    return [f for f in judge(seen, now=START) if f.topic is about]


def test_an_account_that_is_well_has_nothing_to_be_done() -> None:
    """Nothing is above INFO, and everything that was read is named."""
    findings = judge(WELL, now=START)

    assert max(f.grade for f in findings) is Grade.INFO
    assert [f.topic for f in findings] == [
        Topic.KEY,
        Topic.TRADING,
        Topic.WITHDRAWAL,
        Topic.ADDRESS,
        Topic.EXPIRY,
        Topic.CLOCK,
        Topic.POSITION_MODE,
        Topic.ACCOUNT_MODE,
        Topic.OPEN,
        Topic.MARKETS,
        Topic.DEAD_MAN,
        Topic.COVERAGE,
        Topic.SPEED,
    ]
    assert {f.account for f in findings} == {"main"}


def key(**changes: object) -> Examination:
    """Return an account that is well but for its key."""
    return replace(WELL, key=replace(WELL.key, **changes))  # type: ignore[arg-type] # fields of KeyFacts


def clock(ahead: int, round_trip: int, valid: int | None = 1750) -> Examination:
    """Return an account whose clock is this many milliseconds ahead."""
    return replace(
        WELL,
        clock=ClockFacts(
            ahead=ahead * MS, round_trip=round_trip * MS, send_valid=None if valid is None else valid * MS
        ),
    )


def at(**markets: tuple[str, ...]) -> Examination:
    """Return an account with something open in markets that are not well."""
    return replace(WELL, markets=MarketFacts(**markets))


def covered(by: CheckedBy) -> Examination:
    """Return an account whose plan was checked like this."""
    return replace(WELL, coverage=Coverage(checked_by=by, covered=("orders",)))


@pytest.mark.parametrize(
    ("seen", "about", "grade", "words"),
    [
        (key(valid=False, refused="-2015 Invalid API-key"), Topic.KEY, Grade.UNSAFE, "refuses the key: -2015"),
        (key(valid=None), Topic.KEY, Grade.UNKNOWN, "nothing was read with the key"),
        (key(may_trade=False), Topic.TRADING, Grade.UNSAFE, "may not trade here"),
        (key(may_trade=None), Topic.TRADING, Grade.INFO, "does not tell whether the key may trade"),
        (key(may_withdraw=True), Topic.WITHDRAWAL, Grade.WARN, "may withdraw"),
        (key(may_withdraw=None), Topic.WITHDRAWAL, Grade.INFO, "does not tell whether the key may withdraw"),
        (key(bound=False), Topic.ADDRESS, Grade.WARN, "from any address"),
        (key(bound=None), Topic.ADDRESS, Grade.INFO, "does not tell whether the key is bound"),
        (key(never_expires=False), Topic.EXPIRY, Grade.INFO, "does not tell whether the key expires"),
        (key(expires=START), Topic.EXPIRY, Grade.UNSAFE, "ended at"),
        (key(expires=START + timedelta(days=14) - MS), Topic.EXPIRY, Grade.WARN, "ends at"),
        (key(expires=START + timedelta(days=14)), Topic.EXPIRY, Grade.OK, "ends at"),
        (clock(520, 40), Topic.CLOCK, Grade.OK, "520 ms ahead of the venue, a request takes 40 ms"),
        (clock(-521, 40), Topic.CLOCK, Grade.WARN, "521 ms behind the venue"),
        (clock(0, 874), Topic.CLOCK, Grade.OK, "takes 874 ms"),
        (clock(0, 875), Topic.CLOCK, Grade.WARN, "an order is valid for 1750 ms"),
        (clock(0, 1750), Topic.CLOCK, Grade.UNSAFE, "an order is valid for 1750 ms"),
        (clock(0, 1750, valid=None), Topic.CLOCK, Grade.OK, "takes 1750 ms"),
        (replace(WELL, clock=None), Topic.CLOCK, Grade.INFO, "does not tell its time"),
        (replace(WELL, hedge_mode=True), Topic.POSITION_MODE, Grade.OK, "each leg"),
        (
            replace(WELL, account_mode="classic", account_mode_covered=False),
            Topic.ACCOUNT_MODE,
            Grade.UNSAFE,
            "classic",
        ),
        (replace(WELL, load=None), Topic.OPEN, Grade.UNKNOWN, "were not read"),
        (at(halted=("A",)), Topic.MARKETS, Grade.UNSAFE, "A do not trade now, and their positions"),
        (at(no_market_orders=("A",)), Topic.MARKETS, Grade.UNSAFE, "A take no market orders"),
        (at(halted_orders=("A",)), Topic.MARKETS, Grade.WARN, "A do not trade now; whether"),
        (at(unnamed=("A",)), Topic.MARKETS, Grade.WARN, "no symbol/... scope"),
        (at(unsized=("A",)), Topic.MARKETS, Grade.WARN, "no readable sizes"),
        (at(dust=("0.1 A",)), Topic.DUST, Grade.WARN, "0.1 A: below the venue's minimum"),
        (replace(WELL, dead_man=DeadManWorth.FALSE_SAFETY), Topic.DEAD_MAN, Grade.WARN, "false safety"),
        (replace(WELL, dead_man=DeadManWorth.NONE), Topic.DEAD_MAN, Grade.INFO, "has none"),
        (covered(CheckedBy.PAPER_DIALECT), Topic.COVERAGE, Grade.OK, "PAPER DIALECT: orders"),
        (covered(CheckedBy.REQUEST_SHAPE), Topic.COVERAGE, Grade.WARN, "REQUEST SHAPE: orders"),
        (covered(CheckedBy.GENERIC), Topic.COVERAGE, Grade.WARN, "GENERIC: orders"),
        (replace(WELL, coverage=None), Topic.COVERAGE, Grade.WARN, "not stated"),
        (replace(WELL, load=Load(orders=9999)), Topic.SPEED, Grade.WARN, "for what is open now"),
        (replace(WELL, load=None), Topic.SPEED, Grade.INFO, "for 200 orders"),
        (replace(WELL, cannot_open="file /k: No such file"), Topic.OPENING, Grade.UNSAFE, "file /k"),
    ],
)
def test_each_fact_has_its_grade_and_its_words(seen: Examination, about: Topic, grade: Grade, words: str) -> None:
    """Property: the worst finding on the topic has this grade, says this, and from WARN on names the next step."""
    worst = max(topic(seen, about), key=lambda f: f.grade)

    assert (worst.grade, words in worst.words) == (grade, True), worst
    assert worst.remedy or grade < Grade.WARN


@pytest.mark.parametrize(
    "about",
    [
        Topic.VENUE,
        Topic.KEY,
        Topic.TRADING,
        Topic.WITHDRAWAL,
        Topic.ADDRESS,
        Topic.EXPIRY,
        Topic.CLOCK,
        Topic.POSITION_MODE,
        Topic.ACCOUNT_MODE,
        Topic.OPEN,
    ],
)
def test_what_could_not_be_read_is_unknown_and_says_why(about: Topic) -> None:
    """Property: a topic without an answer is UNKNOWN with the reason, never well and never left out."""
    seen = Examination(account="main", unread={about.value: "it hangs"}, dead_man=DeadManWorth.NONE)

    (finding,) = topic(seen, about)

    assert (finding.grade, finding.words) == (Grade.UNKNOWN, "could not be read: it hangs")
    assert finding.remedy


def test_markets_that_could_not_be_read_are_not_well() -> None:
    """What is open is known, whether it can be closed is not."""
    (finding,) = topic(replace(WELL, unread={"markets": "it hangs"}), Topic.MARKETS)

    assert (finding.grade, finding.words) == (Grade.UNKNOWN, "could not be read: it hangs")


def test_a_venue_that_does_not_answer_is_one_unknown_and_not_twelve() -> None:
    """What is known without it stays."""
    seen = Examination(account="main", unread={"venue": "it hangs"}, coverage=WELL.coverage)

    assert [f.grade for f in judge(seen, now=START)] == [Grade.UNKNOWN, Grade.OK]


def test_what_the_venue_has_no_word_for_is_not_mentioned() -> None:
    """No mode, no timer, no request limits: no finding on them."""
    seen = replace(WELL, hedge_mode=None, account_mode="", dead_man=None, limits=None, load=Load())

    told = {f.topic for f in judge(seen, now=START)}

    assert told.isdisjoint({Topic.POSITION_MODE, Topic.ACCOUNT_MODE, Topic.DEAD_MAN, Topic.SPEED, Topic.MARKETS})


def test_accounts_behind_one_address_are_counted() -> None:
    """Stopped together, they wait for each other."""
    (alone,) = topic(WELL, Topic.SPEED)
    (shared,) = (f for f in judge(WELL, now=START, sharing=3) if f.topic is Topic.SPEED)

    (apart,) = topic(replace(WELL, limits=replace(LIMITS, shared=False)), Topic.SPEED)

    assert "share" not in alone.words
    assert "share" not in apart.words
    assert shared.words.endswith("while 3 accounts share its request limits")


def test_a_timer_that_is_set_is_named_with_its_time() -> None:
    """And one that could be is shown with the key that sets it."""
    (unset,) = topic(WELL, Topic.DEAD_MAN)
    (found,) = (f for f in judge(WELL, now=START, timer=timedelta(seconds=30)) if f.topic is Topic.DEAD_MAN)

    assert (unset.grade, "dead_man_seconds" in unset.remedy) == (Grade.INFO, True)
    assert (found.grade, "30.0 s after this host is lost" in found.words) == (Grade.OK, True)


@pytest.mark.parametrize(("room", "grade"), [(2, Grade.WARN), (3, Grade.OK), (None, Grade.OK)])
def test_a_timer_without_room_for_every_symbol_is_a_warning(room: int | None, grade: Grade) -> None:
    """Whoever counts on it must know that orders of some symbols outlive the host."""
    seen = replace(WELL, load=Load(orders=3, symbols=3))
    findings = judge(seen, now=START, timer=timedelta(seconds=30), most_timed=room)
    (found,) = (f for f in findings if f.topic is Topic.DEAD_MAN)

    assert found.grade is grade
    assert ("longer dead_man_seconds" in found.remedy) == (grade is Grade.WARN)


def test_what_is_configured_and_cannot_be_done_is_named() -> None:
    """Only what is both wanted and lacking, each with what to do instead."""
    seen = replace(WELL, lacks=(Capability.EQUITY, Capability.EXECUTIONS))
    wanted = {Capability.EXECUTIONS, Capability.BOUNDED_CLOSES}

    (found,) = (f for f in judge(seen, now=START, wanted=wanted) if f.grade is Grade.WARN)

    assert found.topic is Topic.COVERAGE
    assert "executions" in found.words
    assert "executions_poll_ms = 0" in found.remedy


def test_what_a_plan_leaves_out_is_named() -> None:
    """FLAT does not speak of it, so somebody has to."""
    coverage = Coverage(checked_by=CheckedBy.PAPER_DIALECT, covered=("orders",), not_covered=("options", "loans"))

    assert "not covered: options, loans" in [f.words for f in topic(replace(WELL, coverage=coverage), Topic.COVERAGE)]


def test_long_lists_of_markets_are_cut() -> None:
    """Five are named, the others counted."""
    assert named(tuple("abcde")) == "a, b, c, d, e"
    assert named(tuple("abcdefg")) == "a, b, c, d, e and 2 more"
