"""The contract of ``DataFeedMonitor``, checked on every adapter."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event, Thread

import pytest

from ess_server.adapters import telemetry
from ess_server.adapters.telemetry import MAX_FEEDS, ReportedFeedMonitor
from ess_server.core.errors import CapacityError
from ess_server.core.feeds import follow
from ess_server.core.ports import DataFeedMonitor
from ess_server.core.readings import FeedUpdate
from ess_server.testing import START, FakeFeeds

BTC = FeedUpdate(
    feed="binance",
    symbol="BTC/USDT:USDT",
    bid=Decimal(99),
    ask=Decimal(101),
    last=Decimal(100),
    sequence=7,
    corrupt=False,
    detail="",
    time=START,
    received=1000.0,
)


@pytest.fixture(params=[ReportedFeedMonitor, FakeFeeds], ids=["reported", "fake"])
def monitor(request: pytest.FixtureRequest) -> DataFeedMonitor:
    """Each adapter in turn."""
    built: DataFeedMonitor = request.param()
    return built


def test_latest_update_of_every_symbol_is_returned_by_feed(monitor: DataFeedMonitor) -> None:
    """Symbols of one feed say nothing of another's; an unknown feed has none."""
    newer = replace(BTC, bid=Decimal(98), sequence=8, received=1001.0)
    for update in (BTC, replace(BTC, symbol="ETH/USDT:USDT"), replace(BTC, feed="other"), newer):
        monitor.record(update)

    assert monitor.updates("binance") == {
        "BTC/USDT:USDT": newer,
        "ETH/USDT:USDT": replace(BTC, symbol="ETH/USDT:USDT"),
    }
    assert monitor.updates("other") == {"BTC/USDT:USDT": replace(BTC, feed="other")}
    assert monitor.updates("unknown") == {}


@pytest.mark.parametrize(
    "suspect",
    [
        replace(BTC, time=START - timedelta(hours=1), received=1001.0),
        replace(BTC, time=START + timedelta(days=9), received=1001.0),
        replace(BTC, sequence=7, received=1001.0),
        replace(BTC, sequence=1, received=1001.0),
        replace(BTC, bid=Decimal("NaN"), ask=Decimal(-1), received=1001.0),
        replace(BTC, symbol="", corrupt=True, detail="checksum", received=1001.0),
    ],
    ids=["clock back", "future", "number again", "number back", "no price", "declared corrupt"],
)
def test_suspect_update_is_kept_as_it_came(monitor: DataFeedMonitor, suspect: FeedUpdate) -> None:
    """What is wrong with a feed is for an evaluator to see; nothing is put right or left out on the way."""
    monitor.record(BTC)
    monitor.record(suspect)

    assert monitor.updates("binance")[suspect.symbol] is suspect


def test_update_that_is_replaced_at_once_leaves_its_trace(monitor: DataFeedMonitor) -> None:
    """A good update in the same batch hides neither the corrupt one before it nor how far the price went."""
    updates = [BTC, replace(BTC, corrupt=True, sequence=8), replace(BTC, last=Decimal(50), sequence=9)]
    updates.append(replace(BTC, sequence=10, received=1001.0))
    expected = None
    for update in updates:
        monitor.record(update)
        expected = follow(expected, update)
    track = monitor.tracks("binance")["BTC/USDT:USDT"]

    assert track == expected
    assert track.latest is updates[-1]
    assert track.defect is not None
    assert (track.low, track.high) == (Decimal(50), Decimal(100))
    assert monitor.tracks("unknown") == {}


def test_what_was_read_does_not_change_afterwards(monitor: DataFeedMonitor) -> None:
    """An evaluator works on one picture, whatever arrives meanwhile."""
    monitor.record(BTC)
    before, tracks = monitor.updates("binance"), monitor.tracks("binance")
    monitor.record(replace(BTC, symbol="ETH/USDT:USDT"))

    assert list(before) == list(tracks) == ["BTC/USDT:USDT"]


def test_reads_from_another_thread_are_whole(monitor: DataFeedMonitor) -> None:
    """While updates of new symbols arrive, another thread reads without an error, and ever more of them."""
    done, counts, failures = Event(), list[int](), list[Exception]()

    def read() -> None:
        try:
            while not done.is_set():
                counts.append(len(monitor.updates("binance")))
        except RuntimeError as error:
            failures.append(error)

    reader = Thread(target=read)
    reader.start()
    for number in range(2000):
        monitor.record(replace(BTC, symbol=f"S{number}"))
    done.set()
    reader.join(10)

    assert failures == []
    assert counts == sorted(counts)


def test_feeds_are_bounded() -> None:
    """One too many is refused by name of the limit; those that are known are still heard."""
    monitor = ReportedFeedMonitor()
    for number in range(MAX_FEEDS):
        monitor.record(replace(BTC, feed=f"f{number}"))
    with pytest.raises(CapacityError, match="100 feeds"):
        monitor.record(replace(BTC, feed="one-too-many"))
    monitor.record(replace(BTC, feed="f0", sequence=8))

    assert monitor.updates("one-too-many") == {}
    assert monitor.updates("f0")["BTC/USDT:USDT"].sequence == 8


def test_symbols_of_a_feed_are_bounded() -> None:
    """One too many is refused by name of the feed; those that are known, and other feeds, are still heard."""
    monitor = ReportedFeedMonitor()
    for number in range(telemetry.MAX_SYMBOLS):
        monitor.record(replace(BTC, symbol=f"S{number}"))
    with pytest.raises(CapacityError, match="10000 symbols of feed binance"):
        monitor.record(replace(BTC, symbol="one-too-many"))
    monitor.record(replace(BTC, symbol="S0", sequence=8))
    monitor.record(replace(BTC, feed="other"))

    assert monitor.updates("binance")["S0"].sequence == 8
    assert len(monitor.updates("other")) == 1
