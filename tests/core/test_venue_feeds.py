"""What is said of market data survives the way between server and venue process; anything else ends it."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_feeds import (
    MAX_DIGITS,
    MOST_UPDATES,
    FeedKind,
    FeedSource,
    VenueFeed,
    feed_message,
    read_feed,
    read_price,
)
from ess_server.core.venue_link import VenueSettings, read_settings, settings_message
from ess_server.core.venue_wire import LinkError, PaperEndpoint, decode, encode

NOW = 100.0
ROW = ["BTC", "1.50", "NaN", None, 7, False, "", "2026-01-05T12:00:00+00:00", 99.5, False]
NAMES = ("symbol", "bid", "ask", "last", "sequence", "corrupt", "detail", "time", "received", "stamped")

prices = st.none() | st.decimals(min_value=-(10**9), max_value=10**9, places=8) | st.just(Decimal("Infinity"))
updates = st.builds(
    FeedUpdate,
    feed=st.just("f"),
    symbol=st.text(max_size=20),
    bid=prices,
    ask=prices,
    last=prices,
    sequence=st.none() | st.integers(),
    corrupt=st.booleans(),
    detail=st.text(max_size=20),
    time=st.datetimes(timezones=st.just(UTC)),
    received=st.floats(0, NOW),
    stamped=st.booleans(),
)


@pytest.mark.traced
@given(st.lists(updates, max_size=5))
def test_updates_arrive_as_they_were_sent(sent: list[FeedUpdate]) -> None:
    """Property: every field of every update survives, digit for digit and in order."""
    assert list(read_feed(decode(encode(feed_message("f", sent))), {"f"}, NOW)) == sent


def test_what_is_no_number_stays_none_and_an_arrival_is_never_in_the_future() -> None:
    """Property: NaN arrives as NaN; an arrival later than now counts as now, an earlier one as what it is."""
    late = [*ROW[:-2], NOW + 5, False]
    one, other = read_feed({"type": "feed", "feed": "f", "updates": [ROW, late]}, {"f"}, NOW)

    assert one.ask is not None
    assert one.ask.is_nan()
    assert (one.received, other.received) == (99.5, NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("symbol", 1),
        ("symbol", "x" * 257),
        ("bid", 1.5),
        ("bid", "abc"),
        ("bid", "1" * 81),
        ("ask", f"1E{MAX_DIGITS}"),
        ("last", f"1E-{MAX_DIGITS + 1}"),
        ("sequence", "7"),
        ("sequence", True),
        ("corrupt", 0),
        ("detail", None),
        ("time", "2026-01-05T12:00:00"),
        ("time", "noon"),
        ("time", 3),
        ("received", "99"),
        ("received", float("nan")),
        ("stamped", None),
    ],
)
def test_a_row_that_is_not_part_of_the_protocol_is_refused(name: str, value: object) -> None:
    """Property: no field is guessed from a value of another kind."""
    row = [value if n == name else v for n, v in zip(NAMES, ROW, strict=True)]
    with pytest.raises(LinkError, match="feed: "):
        read_feed({"type": "feed", "feed": "f", "updates": [row]}, {"f"}, NOW)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"feed": "other", "updates": [ROW]},
        {"feed": None, "updates": []},
        {"feed": "f", "updates": {}},
        {"feed": "f", "updates": [ROW[:-1]]},
        {"feed": "f", "updates": [3]},
        {"feed": "f", "updates": [ROW] * (MOST_UPDATES + 1)},
    ],
)
def test_a_message_of_another_shape_or_feed_is_refused(message: dict[str, Any]) -> None:
    """Property: only configured feeds are reported, in messages of bounded size."""
    with pytest.raises(LinkError, match="feed: "):
        read_feed(message, {"f"}, NOW)


@pytest.mark.parametrize("text", ["9" * MAX_DIGITS, f"0.{'1' * MAX_DIGITS}", "-1", "0", "NaN", "-Infinity", "sNaN"])
def test_prices_are_read_as_printed(text: str) -> None:
    """Property: what a venue may print as a number is that number."""
    assert str(read_price(text)) == text


@pytest.mark.parametrize("paper", [None, PaperEndpoint(host="::1", port=1, ca_file="ca.pem")])
@pytest.mark.parametrize("source", list(FeedSource))
def test_feeds_are_told_to_the_process_as_they_are(paper: PaperEndpoint | None, source: FeedSource) -> None:
    """Property: settings with feeds, and without any account, survive the way."""
    feed = VenueFeed(
        name="f",
        exchange="kraken",
        symbols=("A/B", "C/D"),
        kind=FeedKind.TICKER,
        source=source,
        poll=timedelta(milliseconds=250),
        paper=paper,
    )
    settings = VenueSettings(accounts=(), feeds=(feed,), lock_file="lock")
    message = json.loads(json.dumps(settings_message(settings)))

    assert read_settings(message) == settings
    message["feeds"][0]["kind"] = "trades"
    with pytest.raises(LinkError, match="settings: "):
        read_settings(message)


def test_a_time_may_be_any_of_the_calendar() -> None:
    """Property: a venue whose clock is centuries off is told as it is: to judge is for evaluators."""
    far = datetime(9999, 12, 31, tzinfo=UTC)
    (update,) = read_feed({"feed": "f", "updates": [[*ROW[:7], far.isoformat(), 1, False]]}, {"f"}, NOW)

    assert update.time == far
