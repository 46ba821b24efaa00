"""Data feed: stale and corrupt trip at their limits, calm and healthy feeds do not, and nothing unknown is clear."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.telemetry import ReportedFeedMonitor
from ess_server.core.errors import InvalidRequestError
from ess_server.core.evaluators import DataFeedEvaluator, DataFeedSettings
from ess_server.core.model import GLOBAL
from ess_server.core.ports import Readings
from ess_server.core.readings import Clear, FeedUpdate, Instant, Trip, Unknown, Verdict, Warn
from ess_server.testing import START, FakeFeeds, FakeHealth, FakeMetrics

NOW = Instant(START, 1000.0)


def price(last: str | None, ago: float = 0.0, symbol: str = "BTC", **changes: Any) -> FeedUpdate:
    """An update of some seconds ago, by the source's clock and by arrival."""
    told = FeedUpdate(
        feed="f",
        symbol=symbol,
        bid=None,
        ask=None,
        last=None if last is None else Decimal(last),
        sequence=None,
        corrupt=False,
        detail="",
        time=START - timedelta(seconds=ago),
        received=1000.0 - ago,
    )
    return replace(told, **changes)


def judge(*updates: FeedUpdate, now: Instant = NOW, **changes: Any) -> Verdict:
    """The verdict on updates by the given limits."""
    feeds = FakeFeeds()
    for update in updates:
        feeds.record(update)
    evaluator = DataFeedEvaluator(DataFeedSettings(**{"feed": "f", **changes}))
    return evaluator.evaluate(Readings(FakeMetrics(), FakeHealth(), feeds), now)


@pytest.mark.parametrize(
    ("ago", "kind"), [(5.0, Trip), (6.0, Trip), (4.999, Warn), (4.5, Warn), (4.499, Clear), (0.0, Clear), (-0.2, Clear)]
)
def test_feed_without_news_as_long_as_allowed_is_stale(ago: float, kind: type) -> None:
    """5 s without news of any symbol, to the last digit; an update that arrives during the evaluation is young."""
    assert isinstance(judge(price("1", ago, time=START)), kind)


@pytest.mark.parametrize(("ago", "kind"), [(30.0, Trip), (29.999, Warn), (27.0, Warn), (26.9, Clear)])
def test_symbol_without_news_as_long_as_allowed_is_stale_in_a_feed_that_lives(ago: float, kind: type) -> None:
    """Others' news does not hide that one symbol has fallen silent."""
    verdict = judge(price("1", ago), price("1", symbol="ETH"))

    assert isinstance(verdict, kind)
    if isinstance(verdict, Trip):
        assert verdict.detail == "feed f: no news of BTC for 30 s, which reached the limit of 30 s"
        assert (verdict.measure.value, verdict.measure.limit, verdict.measure.time) == (Decimal(30), Decimal(30), START)


def test_connected_but_silent_is_stale() -> None:
    """Updates without a price, repetitions, and words on the whole feed keep no feed alive."""
    first = price("1", 6)
    again = replace(first, received=1000.0)

    assert isinstance(judge(first, again), Trip)
    assert isinstance(judge(first, price(None)), Trip)
    assert isinstance(judge(first, price("1", symbol="")), Trip)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"corrupt": True, "detail": "checksum"}, "feed f: BTC: declared corrupt: checksum"),
        ({"last": Decimal("NaN")}, "feed f: BTC: last NaN is not a price above zero"),
        ({"bid": Decimal(2), "ask": Decimal(1)}, "feed f: BTC: crossed book: bid 2 is above ask 1"),
        ({"sequence": 3}, "feed f: BTC: sequence number 3 came after 3"),
        ({"sequence": 2}, "feed f: BTC: sequence number 2 came after 3"),
    ],
)
def test_corrupt_update_trips_and_is_named(changes: dict[str, Any], words: str) -> None:
    """Also when a good one has come after it before anybody looked."""
    corrupt = replace(price("1.1", 1), **changes)
    at_once = judge(price("1", 2, sequence=3), corrupt)
    hidden = judge(price("1", 2, sequence=3), corrupt, price("1", sequence=9))

    assert isinstance(at_once, Trip)
    assert (at_once.detail, at_once.measure.time, at_once.measure.limit_used) == (words, corrupt.time, 1)
    assert hidden == at_once


@pytest.mark.parametrize(("ago", "kind"), [(4.999, Trip), (5.0, Clear)])
def test_corrupt_update_counts_as_long_as_it_is_remembered(ago: float, kind: type) -> None:
    """Good updates after it end it then; without any it stands."""
    corrupt = price("1", ago, corrupt=True)

    assert isinstance(judge(price("1", 9), corrupt, price("1.1")), kind)
    assert isinstance(judge(price("1", 1), corrupt), Trip)


def test_fault_of_the_whole_feed_counts_whatever_symbols_are_named() -> None:
    """It is declared under the empty symbol, and a good word under it ends it in time."""
    declared = price(None, 9, symbol="", corrupt=True, detail="gap")
    verdict = judge(price("1"), declared, symbols=("BTC",))

    assert isinstance(verdict, Trip)
    assert verdict.detail == "feed f: declared corrupt: gap"
    assert isinstance(judge(price("1"), declared, price(None, symbol=""), symbols=("BTC",)), Clear)


@pytest.mark.parametrize(
    ("to", "kind"), [("110", Trip), ("109.99", Warn), ("104.99", Clear), ("90.90", Trip), ("90.91", Warn)]
)
def test_jump_at_the_limit_trips_and_below_does_not(to: str, kind: type) -> None:
    """10 % from the lower to the higher price, whichever came first."""
    assert isinstance(judge(price("100", 4), price(to), max_jump_percent=Decimal(10)), kind)


def test_jump_counts_within_its_time_and_there_and_back() -> None:
    """A spike that is over is one; a move over a longer time is a trend; without a limit nothing is measured."""
    spike = [price("100", 2), price("120", 1), price("100.5")]
    trend = [price("100", 10.5), price("120")]
    verdict = judge(*spike, max_jump_percent=Decimal(10))

    assert isinstance(verdict, Trip)
    assert verdict.detail == (
        "feed f: BTC: price moved by 20 % (from 100 to 120 within 10 s), which reached the limit of 10 %"
    )
    assert isinstance(judge(*trend, max_jump_percent=Decimal(10)), Clear)
    assert isinstance(judge(price("100", 10), price("120"), max_jump_percent=Decimal(10)), Trip)
    assert isinstance(judge(*spike), Clear)


def test_jump_is_over_when_nothing_is_left_within_its_time() -> None:
    """What is older than the time says nothing of now; that the feed is silent is told on its own."""
    old = [price("100", 21), price("150", 20)]
    patient: dict[str, Any] = {"max_feed_silence": timedelta(minutes=1), "max_symbol_silence": timedelta(minutes=1)}

    assert isinstance(judge(*old, max_jump_percent=Decimal(10), **patient), Clear)
    assert isinstance(judge(price(None), max_jump_percent=Decimal(10)), Unknown)


@pytest.mark.parametrize(("ahead", "kind"), [(5.0, Trip), (4.999, Warn), (2.499, Clear), (0.0, Clear)])
def test_clock_from_the_future_trips_at_its_limit(ahead: float, kind: type) -> None:
    """5 s ahead of this host's clock."""
    verdict = judge(price("1", time=START + timedelta(seconds=ahead)))

    assert isinstance(verdict, kind)
    if isinstance(verdict, Trip):
        assert verdict.detail == "feed f: BTC: clock is ahead by 5 s, which reached the limit of 5 s"


@pytest.mark.parametrize(("back", "kind"), [(5.0, Trip), (4.999, Warn), (2.499, Clear)])
def test_clock_that_runs_back_trips_at_its_limit(back: float, kind: type) -> None:
    """5 s behind the update before, also when the next one is right again."""
    before, behind = price("1", 1), price("1.1", 1, time=START - timedelta(seconds=1 + back))
    verdict = judge(before, behind)

    assert isinstance(verdict, kind)
    assert isinstance(judge(before, behind, price("1.2")), kind)
    if isinstance(verdict, Trip):
        assert verdict.detail == "feed f: BTC: clock ran back by 5 s, which reached the limit of 5 s"


@pytest.mark.parametrize(("stamped", "kind"), [(True, Clear), (False, Trip)])
def test_clock_of_this_host_that_is_set_back_is_no_fault_of_a_feed_without_one(stamped: bool, kind: type) -> None:  # noqa: FBT001 - parametrised
    """An update whose source told no time carries ours: it is neither ahead nor back, nor is one beside it."""
    hour = START + timedelta(hours=1)
    before = price("1", 1, time=hour, stamped=stamped)
    assert isinstance(judge(before), kind)
    assert isinstance(judge(before, price("1.01")), kind)
    assert isinstance(judge(price("1", 1, time=hour), price("1.01", stamped=stamped)), kind)


def test_symbol_that_was_never_seen_is_unknown_and_hides_no_breach() -> None:
    """Nothing, another feed's updates, and no price prove nothing; another's defect trips all the same."""
    names = tuple(f"S{n}" for n in range(7))

    assert judge() == Unknown("feed f: no price since the start")
    assert isinstance(judge(price("1", feed="g")), Unknown)
    assert judge(price("1"), symbols=("BTC", "ETH")) == Unknown("feed f: no price since the start of ETH")
    assert judge(symbols=names) == Unknown("feed f: no price since the start of S0, S1, S2, S3, S4 and 2 more")
    assert isinstance(judge(price(None), symbols=("BTC",)), Unknown)
    assert isinstance(judge(price("1", corrupt=True), symbols=("BTC", "ETH")), Trip)
    assert isinstance(judge(price("1", 9), symbols=("BTC", "ETH")), Trip)


def test_symbols_that_are_not_named_are_not_judged() -> None:
    """Named symbols only, where any are; all that were reported otherwise."""
    updates = [price("1"), price("-1", symbol="ETH"), price("1", 60, symbol="XRP")]

    assert isinstance(judge(*updates, symbols=("BTC",)), Clear)
    assert isinstance(judge(*updates), Trip)


@pytest.mark.parametrize("received", [float("nan"), float("inf"), float("-inf"), 1030.1])
def test_arrival_that_is_no_number_is_unknown(received: float) -> None:
    """It is neither fresh nor stale."""
    assert isinstance(judge(price("1", received=received)), Unknown)


def test_defect_that_arrived_at_no_number_counts() -> None:
    """An uptime that cannot be compared is never too old."""
    assert isinstance(judge(price("1", corrupt=True, received=float("nan")), price("1")), Trip)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("feed", "", "is not 1 to 256 bytes long"),
        ("symbols", ("",), "is not 1 to 256 bytes long"),
        ("symbols", ("a", "a"), "is listed twice"),
        ("max_jump_percent", Decimal("1000.1"), "1000.1 is not above 0 and at most 1000"),
        ("max_jump_percent", Decimal(0), "0 is not above 0"),
        ("max_feed_silence", timedelta(0), "above 0 s"),
        ("max_symbol_silence", timedelta(days=2), "at most 1 day"),
        ("max_clock_error", timedelta(0), "above 0 s"),
        ("remember", timedelta(0), "above 0 s"),
        ("jump_within", timedelta(0), "above 0 s"),
        ("jump_within", timedelta(seconds=0.9), "0.9 s could pass between two looks; at least 1 s"),
        ("remember", timedelta(seconds=0.9), "at least 1 s"),
        ("jump_within", timedelta(seconds=60.1), "is longer than the 60 s that prices are remembered"),
    ],
)
def test_setting_out_of_range_is_refused_by_name(field: str, value: Any, problem: str) -> None:
    """The error names the field and what it may be."""
    with pytest.raises(InvalidRequestError) as refused:
        judge(**{field: value})

    assert refused.value.field == field
    assert problem in str(refused.value)


def test_defaults_and_ends_of_ranges_are_taken() -> None:
    """Called after its feed, and global, because every account may trade on it."""
    settings = DataFeedSettings(feed="f", jump_within=timedelta(seconds=60), max_jump_percent=Decimal(1000))

    assert (settings.kind, settings.name, settings.scope) == ("data_feed", "data_feed/f", GLOBAL)
    assert DataFeedSettings(feed="f", name="n").name == "n"


STEPS = st.lists(
    st.tuples(
        st.floats(0, 4),
        st.sampled_from(["100", "100.5", "101", "-1", "NaN", "150", None]),
        st.booleans(),
        st.sampled_from([0, 0, 0, 60, -60]),
    ),
    min_size=1,
    max_size=25,
)


@given(STEPS)
def test_no_series_with_a_breach_is_anything_but_a_trip(steps: list[tuple[float, str | None, bool, int]]) -> None:
    """Over any series: Clear only with fresh, sound prices in a narrow range; a wrong update trips at once."""
    feeds = ReportedFeedMonitor()
    evaluator = DataFeedEvaluator(DataFeedSettings(feed="f", max_jump_percent=Decimal(10)))
    uptime, renewed, recent = 1000.0, None, list[tuple[float, Decimal]]()
    for pause, last, arrives, skew in steps:
        uptime += pause
        now = Instant(START + timedelta(seconds=uptime), uptime)
        update = price(last, time=now.time + timedelta(seconds=skew), received=uptime, detail=str(uptime))
        sound = last not in ("-1", "NaN")
        if arrives:
            feeds.record(update)
            if sound and last is not None:
                renewed = uptime if pause or renewed is None else renewed
                recent.append((uptime, Decimal(last)))
        verdict = evaluator.evaluate(Readings(FakeMetrics(), FakeHealth(), feeds), now)

        if arrives and (not sound or skew == 60):
            assert isinstance(verdict, Trip)
        if isinstance(verdict, Clear | Warn):
            near = [p for at, p in recent if at >= uptime - 10]
            assert renewed is not None
            assert max(near) < min(near) * Decimal("1.1")
            assert uptime - renewed < 5 + 1e-6
