"""What waits to be reported: order, bounds, and what is kept while the server is away."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_client import _observations as observed
from ess_client._report_queue import BATCH, ReportQueue
from ess_client.pb import telemetry_pb2 as pb

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def equity(amount: int, account: str = "main") -> observed.Reported:
    """A value of which only the newest matters."""
    return observed.equity(account, amount, "USDT", time=NOW)


def flow(amount: int) -> observed.Reported:
    """Something that counts each time."""
    return observed.cash_flow("main", amount, "USDT", ident=str(amount), time=NOW)


def amounts(request: pb.ReportRequest) -> list[int]:
    """What a call carries, in its order."""
    return [int(o.equity.amount or o.cash_flow.amount) for o in request.observations]


def connected(capacity: int = 100) -> ReportQueue:
    """A queue whose server answers."""
    queue = ReportQueue(capacity)
    queue.take()
    queue.answered([])
    return queue


def test_everything_is_sent_in_order_while_the_server_answers() -> None:
    """Two values of one key are both sent: a breach and the recovery after it both reach the evaluators."""
    queue = connected()
    for one in (equity(1), flow(2), equity(3), flow(4)):
        queue.put(one)
    assert amounts(queue.take()) == [1, 2, 3, 4]


def test_call_carries_no_more_than_the_contract_allows() -> None:
    """What is left waits for the next call."""
    queue = connected(5_000)
    for number in range(BATCH + 5):
        queue.put(flow(number))
    assert len(queue.take().observations) == BATCH
    queue.answered([])
    assert amounts(queue.take()) == list(range(BATCH, BATCH + 5))


def test_newest_value_of_each_key_outlives_an_outage() -> None:
    """When the server is away values give way to newer ones of their key; what has no key stays, all in order."""
    queue = connected()
    queue.put(equity(1))
    queue.put(flow(2))
    queue.take()
    queue.put(equity(3, "other"))
    queue.failed()
    for one in (equity(4), flow(5), equity(6)):
        queue.put(one)
    assert amounts(queue.take()) == [2, 3, 5, 6]
    assert queue.stats.superseded == 2
    assert not queue.stats.connected


def test_call_that_failed_is_sent_again_whole() -> None:
    """The server may not have seen it."""
    queue = connected()
    queue.put(flow(1))
    queue.put(flow(2))
    queue.take()
    queue.failed()
    queue.put(flow(3))
    assert amounts(queue.take()) == [1, 2, 3]


def test_events_beyond_the_capacity_are_dropped_and_told() -> None:
    """The oldest go; the next call that is answered tells how many, once."""
    queue = connected(3)
    for number in range(5):
        queue.put(flow(number))
    assert queue.stats.dropped == 2
    assert queue.take().dropped == 2
    queue.failed()
    queue.put(flow(5))
    request = queue.take()
    assert (amounts(request), request.dropped) == ([3, 4, 5], 3)
    queue.answered([])
    assert queue.take().dropped == 0
    assert queue.stats.accepted == 3


def test_value_that_overflows_is_kept_unless_a_newer_one_waits() -> None:
    """A burst of executions takes no account's only equity with it."""
    queue = connected(3)
    for one in (equity(1), equity(2, "other"), equity(3, "other"), flow(4), flow(5), flow(6)):
        queue.put(one)
    assert amounts(queue.take()) == [1, 3, 4, 5, 6]
    assert (queue.stats.superseded, queue.stats.dropped) == (1, 0)


def test_keys_are_bounded_too() -> None:
    """An engine that invents keys without end takes no memory without end, and hears of it."""
    queue = ReportQueue(2)
    for number in range(4):
        queue.put(equity(number, f"account-{number}"))
    assert amounts(queue.take()) == [0, 1]
    assert queue.stats.dropped == 2


def test_answers_are_counted() -> None:
    """What the server refuses is no part of what it accepted, and its words are kept."""
    queue = connected()
    for number in range(3):
        queue.put(flow(number))
    queue.take()
    queue.answered([pb.Rejection(index=1, reason="UNKNOWN_ACCOUNT", detail="account: main")])
    assert (queue.stats.accepted, queue.stats.rejected, queue.stats.pending) == (2, 1, 0)
    assert queue.stats.last_rejection == "UNKNOWN_ACCOUNT: account: main"


def test_call_that_can_never_count_is_not_repeated() -> None:
    """One poisoned call must not block all later ones."""
    queue = connected()
    queue.put(flow(1))
    queue.take()
    queue.refused("INVALID_ARGUMENT")
    assert not queue.waits
    assert queue.stats.rejected == 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("equity"), st.sampled_from("abc")),
            st.just(("flow", "")),
            st.sampled_from([("answer", ""), ("fail", "")]),
        ),
        max_size=60,
    )
)
def test_nothing_vanishes_uncounted(steps: list[tuple[str, str]]) -> None:
    """Counts add up whatever happens, calls are in order, and the last value sent of a key is its newest."""
    queue = ReportQueue(4)
    put = 0
    newest: dict[str, int] = {}
    sent: dict[str, int] = {}
    for what, account in [*steps, ("answer", "")]:
        if what == "equity":
            queue.put(equity(put, account))
            newest[account] = put
            put += 1
        elif what == "flow":
            queue.put(flow(put))
            put += 1
        else:
            request = queue.take()
            assert amounts(request) == sorted(amounts(request))
            if what == "fail":
                queue.failed()
                continue
            queue.answered([])
            for one in request.observations:
                if one.HasField("equity"):
                    sent[one.equity.account] = int(one.equity.amount)
        stats = queue.stats
        assert stats.accepted + stats.superseded + stats.dropped + stats.pending == put
    assert sent == newest
    assert not queue.waits


@pytest.mark.parametrize("price", [float("nan"), Decimal("Infinity"), Decimal("sNaN")])
def test_price_that_is_no_number_declares_the_feed_corrupt(price: Any) -> None:
    """The contract has no NaN, and dropping the update would hide it."""
    update = observed.feed("binance", "BTC/USDT", time=NOW, bid=price, ask=2, detail="odd")
    assert update.message.feed.corrupt
    assert update.message.feed.detail == f"bid is {price}, odd"
    assert (update.message.feed.bid, update.message.feed.ask) == ("", "2")
    assert update.key is None


def test_numbers_are_written_without_exponent() -> None:
    """The contract knows digits and one point."""
    amounts = [0.1, 1e-7, 1e22, Decimal("1E+3"), 7, "12.50"]
    written = [observed.equity("a", amount, "USDT", time=NOW).message.equity.amount for amount in amounts]
    assert written == ["0.1", "0.0000001", "10000000000000000000000", "1000", "7", "12.50"]


def test_naive_time_is_refused() -> None:
    """A time without a zone could be anywhere within a day."""
    with pytest.raises(ValueError, match="no time zone"):
        observed.equity("a", 1, "USDT", time=datetime(2026, 1, 1))  # noqa: DTZ001 - what is tested
