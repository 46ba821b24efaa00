"""Warn tiers: those that are configured, and silence apart while nobody has said otherwise."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.evaluators.limits import Finding, judge, shown
from ess_server.core.readings import Clear, Measure, Trip, Unknown, Warn
from ess_server.testing import START

DEFAULT = EvaluatorSettings(kind="any").warn_percent


def finding(used: str, *, silent: bool = False) -> Finding:
    """A reading that uses so many percent of its limit."""
    return Finding(Measure(value=Decimal(used), limit=Decimal(100), time=START), used, "100", silent=silent)


@pytest.mark.parametrize(
    ("tiers", "silent", "used", "tier"),
    [
        (DEFAULT, False, "49.999", 0),
        (DEFAULT, False, "50", 50),
        (DEFAULT, False, "99.999", 90),
        (DEFAULT, True, "89.999", 0),
        (DEFAULT, True, "90", 90),
        ((20, 60), False, "19.9", 0),
        ((20, 60), False, "59.9", 20),
        ((20, 60), False, "95", 60),
        ((20, 60), True, "20", 20),
        ((), False, "99.9", 0),
        ((), True, "99.9", 0),
        ((1, 99), False, "98.9", 1),
    ],
)
def test_warning_is_given_at_the_configured_tiers(tiers: tuple[int, ...], silent: bool, used: str, tier: int) -> None:  # noqa: FBT001 - parametrised
    """The highest tier that is reached is named, itself included; silence has its own only beside the default."""
    verdict = judge("it", [finding("0"), finding(used, silent=silent)], warn_percent=tiers)
    assert (verdict.tier_percent if isinstance(verdict, Warn) else 0) == tier
    assert isinstance(verdict, Warn if tier else Clear)


def test_no_tier_hides_a_breach() -> None:
    """Without warn tiers a reading at its limit trips all the same, and what is unknown is not clear."""
    assert isinstance(judge("it", [finding("100"), finding("7")], "dark", warn_percent=()), Trip)
    assert isinstance(judge("it", [finding("99")], "dark", warn_percent=()), Unknown)
    assert isinstance(judge("it", [], warn_percent=()), Unknown)


@pytest.mark.parametrize("tiers", [(0, 50), (50, 100), (75, 50), (50, 50), (-1,)])
def test_tiers_must_rise_from_1_to_99(tiers: tuple[int, ...]) -> None:
    """A tier at the limit, below 1 or out of order would never be seen."""
    with pytest.raises(InvalidRequestError, match=r"warn_percent: .* do not rise from 1 to 99"):
        EvaluatorSettings(kind="any", warn_percent=tiers)
    assert EvaluatorSettings(kind="any", warn_percent=(1, 99)).warn_percent == (1, 99)


@pytest.mark.parametrize("value", ["1e49", "123456789012345678901234567890.5", "Infinity"])
def test_number_beyond_what_can_be_computed_exactly_is_shown_all_the_same(value: str) -> None:
    """Words never keep a breach from being told: a slippage from a price of almost nothing has 50 digits."""
    assert Decimal(shown(Decimal(value))) >= Decimal("1e29")
    assert shown(Decimal("9999999999999999999.99999")) == "9999999999999999999.9999"


def test_of_several_breaches_the_one_read_last_is_told() -> None:
    """So that each new breach is counted where several are to be confirmed, however large an older one is."""
    older = Finding(Measure(value=Decimal(500), limit=Decimal(100), time=START), "older")
    newer = Finding(Measure(value=Decimal(100), limit=Decimal(100), time=START + timedelta(seconds=1)), "newer")

    for findings in ([older, newer], [newer, older]):
        verdict = judge("it", findings, warn_percent=DEFAULT)
        assert isinstance(verdict, Trip)
        assert verdict.detail == "it: newer"
