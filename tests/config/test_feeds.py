"""Market data feeds: what the file may say, and what is refused before anything runs."""

from datetime import timedelta
from pathlib import Path

import pytest

from ess_server.config import feeds
from ess_server.config.load import ConfigError, load
from ess_server.config.settings import FeedSettings, PaperEndpoint
from ess_server.config.show import show
from ess_server.core.venue_feeds import FeedKind, FeedSource

FEED = """
[[feeds]]
name = "binance"
exchange = "binanceusdm"
symbols = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
"""


def _mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "ess.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    return [f"{p.line} {p.key}: {p.text}" for p in refused.value.problems]


def test_a_feed_reads_books_by_rest_every_second_unless_told_otherwise(tmp_path: Path) -> None:
    """Property: the defaults are those of the docstring, and what is shown loads to the same."""
    path = tmp_path / "ess.toml"
    told = 'kind = "ticker"\nsource = "stream"\npoll_ms = 250\n'
    path.write_text(FEED + FEED.replace('"binance"', '"other"') + told + 'paper = {address = "[::1]:1", ca_file = "c"}')
    settings = load(path)
    plain, other = settings.feeds

    symbols = ("BTC/USDT:USDT", "ETH/USDT:USDT")
    assert plain == FeedSettings(name="binance", exchange="binanceusdm", symbols=symbols)
    assert (plain.kind, plain.source, plain.poll) == (FeedKind.BOOK, FeedSource.REST, timedelta(seconds=1))
    assert (other.kind, other.source, other.poll) == (FeedKind.TICKER, FeedSource.STREAM, timedelta(milliseconds=250))
    assert other.paper == PaperEndpoint(host="::1", port=1, ca_file=tmp_path / "c")
    path.write_text(show(settings))
    assert load(path) == settings


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (('"binance"', '""'), "3 feeds.name: is not 1 to 100 bytes long"),
        (("binanceusdm", "binanceusd"), '4 feeds.exchange: "binanceusd" is no exchange id of ccxt; did you mean'),
        (("binanceusdm", "NYSE"), '4 feeds.exchange: "NYSE" is no exchange id of ccxt; write one such as'),
        (('["BTC/USDT:USDT", "ETH/USDT:USDT"]', "[]"), "5 feeds.symbols: lists 0 symbols, not 1 to 1000"),
        (("ETH/USDT:USDT", "BTC/USDT:USDT"), '5 feeds.symbols: "BTC/USDT:USDT" is listed twice'),
        (("ETH/USDT:USDT", ""), '5 feeds.symbols: "" is not 1 to 100 bytes long'),
        (("symbols", "poll_ms = 99\nsymbols"), "5 feeds.poll_ms: is not 100 ms to an hour"),
        (("symbols", 'kind = "trades"\nsymbols'), '5 feeds.kind: "trades" is not one of ticker, book'),
        (("symbols", 'paper = {address = "a:0", ca_file = "c"}\nsymbols'), "5 feeds.paper.address: needs the port"),
        (("symbols", 'api_key_file = "k"\nsymbols'), "5 feeds.api_key_file: unknown key"),
    ],
)
def test_each_mistake_is_named_with_its_line(tmp_path: Path, change: tuple[str, str], mistake: str) -> None:
    """Property: a feed that could not be read is refused where it is written; keys have no place in it."""
    (found,) = _mistakes(tmp_path, FEED.replace(*change))

    assert found.startswith(mistake)


def test_a_stream_needs_a_websocket_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Property: an exchange that ccxt reads by REST only is refused as stream; without ccxt nothing is said."""
    rest_only = min(feeds.exchanges(FeedSource.REST) - feeds.exchanges(FeedSource.STREAM))
    text = FEED.replace("binanceusdm", rest_only) + 'source = "stream"\n'
    (found,) = _mistakes(tmp_path, text)
    monkeypatch.setattr(feeds, "find_spec", lambda _: None)

    assert found == f'6 feeds.source: ccxt has no websocket class for "{rest_only}"; write "rest"'
    assert load(tmp_path / "ess.toml").feeds[0].exchange == rest_only


def test_one_name_one_source_and_evaluators_that_wait_in_vain(tmp_path: Path) -> None:
    """Property: no two feeds share a name, and no evaluator waits for what its feed does not read.

    A feed that is not configured may be watched, because engines may report it.
    """
    watched = '[[evaluators]]\nkind = "data_feed"\nfeed = "{}"\nsymbols = ["ETH/USDT:USDT", "SOL/USDT:USDT"]\n'
    found = _mistakes(tmp_path, FEED + FEED + watched.format("binance") + watched.format("engine").replace("ETH", "E"))

    assert found == [
        '8 feeds.name: "binance" is another feed already',
        '14 evaluators.symbols: "SOL/USDT:USDT" is not among the symbols of feed "binance"; add it there',
    ]
