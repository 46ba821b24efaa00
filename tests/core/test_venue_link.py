"""The lines between server and venue process: what goes in comes out, and nothing else is believed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.closing import ClosingRules
from ess_server.core.dead_man import DeadMan
from ess_server.core.flatten_plan import FlattenSettings
from ess_server.core.model import AccountProgress, Action, FlattenStatus, Work
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_link import (
    KeySource,
    VenueAccount,
    VenueSettings,
    equity_message,
    most_timed,
    progress_message,
    read_equity,
    read_event,
    read_open_positions,
    read_progress,
    read_settings,
    read_work,
    settings_message,
    work_message,
)
from ess_server.core.venue_wire import LinkError, PaperEndpoint, decode, encode

NOW = datetime(2026, 1, 5, 12, 30, 0, 123456, tzinfo=UTC)
ACCOUNT = VenueAccount(
    id="main",
    venue="binance",
    exchange="binanceusdm",
    key=KeySource(file="/etc/ess/key"),
    secret=KeySource(env="ESS_SECRET"),
    passphrase=KeySource(file="/etc/ess/passphrase"),
    paper=PaperEndpoint(host="127.0.0.1", port=8443, ca_file="ca.pem"),
    equity_interval=timedelta(milliseconds=1500),
    executions_interval=timedelta(seconds=2),
    executions_since=NOW,
    closing=ClosingRules(
        collar=Decimal("0.025"),
        slices=3,
        slice_interval=timedelta(milliseconds=500),
        market_after=timedelta(seconds=7),
        cancel_protective=True,
    ),
    dead_man=DeadMan(after=timedelta(seconds=60), armed=("BTC/USDT:USDT",), ended=True),
    spot=SpotSale(sell=("BTC", "ETH"), into="EUR", keep=(("BTC", Decimal("0.5")),)),
)
SETTINGS = VenueSettings(
    accounts=(ACCOUNT, VenueAccount(id="b", venue="v", exchange="x", key=ACCOUNT.key, secret=ACCOUNT.secret)),
    lock_file="/run/ess/lock",
    lock_wait=timedelta(seconds=3),
    flatten=FlattenSettings(sweep_interval=timedelta(milliseconds=2500)),
)
SENT = settings_message(SETTINGS)["accounts"][0]
PROGRESS = AccountProgress(account="main", venue="v", status=FlattenStatus.CLOSING, detail="é", stop_id="s")


def test_settings_arrive_as_they_were_sent() -> None:
    """Every setting survives the line, and no key is in it: only the places where keys are."""
    assert read_settings(decode(encode(settings_message(SETTINGS)))) == SETTINGS


@pytest.mark.traced
@given(
    generation=st.integers(0, 10**9),
    stop_id=st.text(max_size=40),
    action=st.sampled_from(Action),
    symbols=st.lists(st.tuples(st.text(max_size=20), st.sampled_from(Action)), max_size=4),
    held=st.booleans(),
)
def test_work_arrives_as_it_was_sent(
    generation: int, stop_id: str, action: Action, symbols: list[tuple[str, Action]], *, held: bool
) -> None:
    """Any work, with line breaks in its texts too, is one line and comes out equal, beside accounts without work."""
    work = Work(account="a", stop_id=stop_id, action=action, symbols=tuple(symbols), held=held)
    line = encode(work_message({"a": (generation, work), "b": (1, None)}))

    assert line.count(b"\n") == 1
    assert read_work(decode(line)) == {"a": (generation, work), "b": (1, None)}


@pytest.mark.parametrize(("orders", "time"), [(None, None), (0, NOW)])
def test_progress_arrives_as_it_was_sent(orders: int | None, time: datetime | None) -> None:
    """Progress comes out equal, whether or not the account was ever read."""
    progress = AccountProgress(
        account="main", venue="v", status=FlattenStatus.FLAT, open_orders=orders, open_positions=orders, read_time=time
    )

    assert read_progress(decode(encode(progress_message(progress, 3)))) == (3, progress)


def test_equity_arrives_to_the_last_digit() -> None:
    """Amount and time are exact; the uptime of arrival is the receiver's."""
    line = encode(equity_message("main", Decimal("100.10000000"), "USDT", NOW))
    reading = read_equity(decode(line), 42.0)

    assert (str(reading.amount), reading.currency, reading.time, reading.received) == ("100.10000000", "USDT", NOW, 42)


@pytest.mark.parametrize(("positions", "read"), [(3, 3), (0, 0), (None, None), (-1, LinkError), ("2", LinkError)])
def test_exposure_arrives_with_equity(positions: Any, read: Any) -> None:
    """The number of open positions comes out as it went in; what is no number is refused."""
    message = decode(encode(equity_message("main", Decimal(1), "USDT", NOW, positions)))
    if read is LinkError:
        with pytest.raises(LinkError):
            read_open_positions(message)
    else:
        assert read_open_positions(message) == read


def test_events_arrive_as_text() -> None:
    """Kind, account and details come out as text."""
    line = encode({"type": "event", "kind": "flatten.flat", "account": "main", "details": {"read": 1}})

    assert read_event(decode(line)) == ("flatten.flat", "main", {"read": "1"})


@pytest.mark.parametrize("line", [b"", b"nonsense", b"[]", b"{}", b'{"type": 1}', b"\xff\xfe", b"{"])
def test_lines_that_are_no_messages_are_refused(line: bytes) -> None:
    """What is not a JSON object with a type is a LinkError."""
    with pytest.raises(LinkError):
        decode(line)


def broken(message: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the message with fields replaced, or left out where None."""
    return {k: v for k, v in {**json.loads(encode(message)), **changes}.items() if v is not None}


WORK_ENTRY = {"generation": 1, "work": {"stop_id": "s", "action": "SELL", "symbols": [], "held": False}}


@pytest.mark.parametrize(
    "message",
    [
        broken(settings_message(SETTINGS), accounts=None),
        broken(settings_message(SETTINGS), accounts=[{}]),
        broken(settings_message(SETTINGS), accounts=1),
        broken(settings_message(SETTINGS), lock_wait_s="soon"),
        broken(settings_message(SETTINGS), flatten={"sweep_interval_s": 0}),
        broken(settings_message(SETTINGS), flatten={"unknown_s": 1}),
        broken(settings_message(SETTINGS), accounts=[SENT | {"closing": SENT["closing"] | {"collar": "two"}}]),
        broken(settings_message(SETTINGS), accounts=[SENT | {"spot": SENT["spot"] | {"keep": {"BTC": "some"}}}]),
        broken(settings_message(SETTINGS), lock_wait_s=1e300),
    ],
)
def test_settings_that_make_no_sense_are_refused(message: dict[str, Any]) -> None:
    """Missing, unknown and impossible settings are a LinkError."""
    with pytest.raises(LinkError):
        read_settings(message)


@pytest.mark.parametrize("work", [None, 1, {"a": None}, {"a": {}}, {"a": WORK_ENTRY}, {"a": {"generation": 1}}])
def test_work_that_makes_no_sense_is_refused(work: Any) -> None:
    """Work with a missing field or an unknown action is a LinkError."""
    with pytest.raises(LinkError):
        read_work({"type": "work", "work": work})


@pytest.mark.parametrize("changes", [{"status": "FLATISH"}, {"status": None}, {"read_time": "today"}, {"read_time": 1}])
def test_progress_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Progress with an unknown status or a bad time is a LinkError, never FLAT."""
    with pytest.raises(LinkError):
        read_progress({**progress_message(PROGRESS, 1), **changes})


@pytest.mark.parametrize("changes", [{"amount": "much"}, {"amount": None}, {"time": "today"}])
def test_equity_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Equity with a bad amount or time is a LinkError."""
    with pytest.raises(LinkError):
        read_equity({**equity_message("main", Decimal(1), "USDT", NOW), **changes}, 0.0)


@pytest.mark.parametrize("message", [{}, {"kind": "a", "account": "b", "details": []}])
def test_events_that_make_no_sense_are_refused(message: dict[str, Any]) -> None:
    """An event without kind, account or details is a LinkError."""
    with pytest.raises(LinkError):
        read_event(message)


@pytest.mark.parametrize("fields", [{}, {"file": "a", "env": "b"}])
def test_a_key_source_is_one_place(fields: dict[str, str]) -> None:
    """A source names exactly one place."""
    with pytest.raises(ValueError, match="either a file or an environment variable"):
        KeySource(**fields)


def test_accounts_with_timers_on_one_address_share_the_room_for_them() -> None:
    """Those elsewhere, or without one, take nothing of it."""
    elsewhere, without = replace(ACCOUNT, id="far", paper=None), replace(ACCOUNT, id="bare", dead_man=None)
    beside = replace(ACCOUNT, id="beside")

    assert most_timed(ACCOUNT, [ACCOUNT, elsewhere, without]) == 20
    assert most_timed(ACCOUNT, [ACCOUNT, elsewhere, without, beside]) == 10
    assert most_timed(without, [ACCOUNT, without]) is None
