"""Executions on the line from the venue process: what goes in comes out, and nothing else is believed."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.core.venue_executions import (
    executions_message,
    executions_read_message,
    read_executions,
    read_executions_read,
)
from ess_server.core.venue_wire import LinkError, decode, encode
from tests.exploration import explored

NOW = datetime(2026, 1, 5, 12, 30, 0, 123000, tzinfo=UTC)
REPORT = ExecutionReport(
    account="main",
    id="BTCUSDT/fill/1",
    symbol="BTC/USDT:USDT",
    execution_type=ExecutionType.TRADE,
    side="sell",
    client_order_id="a-1",
    quantity=Decimal("0.5"),
    price=None,
    expected_price=None,
    stop_loss=True,
    strategy="",
    detail="",
    time=NOW,
    received=0.0,
    reduce_only=True,
)
DECIMALS = st.none() | st.decimals(allow_nan=False, allow_infinity=False)


@explored(40)
@given(
    price=DECIMALS,
    quantity=DECIMALS,
    execution_type=st.sampled_from(ExecutionType),
    stop_loss=st.booleans(),
    reduce_only=st.booleans(),
    text=st.text(max_size=20),
)
def test_reports_arrive_as_they_were_read(text: str, **fields: Any) -> None:
    """Every field survives the line but the arrival, which is the server's own."""
    report = replace(REPORT, detail=text, client_order_id=text, **fields)
    line = encode(executions_message("main", [REPORT, report]))

    assert read_executions(decode(line), {"main"}, 7.5) == [replace(r, received=7.5) for r in (REPORT, report)]


def test_the_time_up_to_which_was_read_arrives() -> None:
    """Account and time survive the line."""
    assert read_executions_read(decode(encode(executions_read_message("main", NOW)))) == ("main", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"execution_type": "FILLED"},
        {"price": "a lot"},
        {"price": 1.5},
        {"quantity": []},
        {"time": "yesterday"},
        {"time": "2026-01-05T12:30:00"},
        {"symbol": 7},
    ],
)
def test_nonsense_is_no_report(changes: dict[str, object]) -> None:
    """A report that is not exactly what it should be ends the connection; it is never guessed at."""
    message = executions_message("main", [REPORT])
    message["reports"][0].update(changes)

    with pytest.raises(LinkError):
        read_executions(message, {"main"}, 0.0)


@pytest.mark.parametrize("message", [{}, {"account": "main"}, {"account": "other", "reports": []}, {"account": 1}])
def test_the_account_is_one_of_ours(message: dict[str, Any]) -> None:
    """Reports of an account that is not configured are believed as little as those of none."""
    with pytest.raises(LinkError):
        read_executions(message, {"main"}, 0.0)
    with pytest.raises(LinkError):
        read_executions_read(message)
