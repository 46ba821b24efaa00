"""What a window adds up to is what its reports say, however they came and went."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.execution_book import MAX_WINDOWS, ExecutionBook
from ess_server.core.execution_window import MAX_EXECUTIONS, ExecutionTally, ExecutionWindow
from ess_server.core.readings import ExecutionReport, ExecutionType
from ess_server.testing import START
from tests.exploration import explored

from .execution_reports import ORDER as BARE

LENGTH = 10.0
FAILED = (ExecutionType.REJECTED, ExecutionType.FAILED)
ORDER = replace(BARE, quantity=Decimal(1), received=0.0)
prices = st.sampled_from([None, Decimal(90), Decimal(100), Decimal("110.5"), Decimal(0), Decimal("NaN")])
reports = st.builds(
    replace,
    st.just(ORDER),
    symbol=st.sampled_from(["BTC", "ETH"]),
    execution_type=st.sampled_from(ExecutionType),
    side=st.sampled_from(["buy", "sell", ""]),
    client_order_id=st.sampled_from(["", "a", "b", "c"]),
    quantity=st.sampled_from([Decimal(1), Decimal("1.0"), Decimal("sNaN"), None]),
    price=prices,
    expected_price=prices,
    stop_loss=st.booleans(),
    after_stop=st.booleans(),
)


def firsts(kept: Iterable[ExecutionReport]) -> list[ExecutionReport]:
    """The first report of each order; one without an id stands for itself."""
    found: dict[object, ExecutionReport] = {}
    for report in kept:
        found.setdefault(report.client_order_id or (report.id,), report)
    return list(found.values())


def slippage(fill: ExecutionReport) -> Decimal | None:
    """Percent to the disadvantage of the account, None where the prices do not tell."""
    usable = [p for p in (fill.price, fill.expected_price) if p is not None and p.is_finite() and p > 0]
    if len(usable) < 2:
        return None
    percent = (usable[0] - usable[1]) * 100 / usable[1]
    return max(abs(percent) if not fill.side else percent if fill.side == "buy" else -percent, Decimal(0))


def added_up(kept: Sequence[ExecutionReport]) -> dict[str, object]:
    """The tally, computed anew from all reports, without the looks of the order that is repeated most."""
    failures = [r for r in kept if r.execution_type in FAILED]
    names = {r.client_order_id for r in failures} - {""}
    told = [
        r
        for r in kept
        if r.client_order_id not in names
        and (r.execution_type is ExecutionType.NEW or (r.execution_type is ExecutionType.TRADE and r.client_order_id))
    ]
    orders = failures + firsts(told)
    fills = [r for r in kept if r.execution_type is ExecutionType.TRADE]
    slips = [slippage(r) for r in fills if r.expected_price is not None]
    late = [r for r in kept if r.after_stop and r.execution_type in (ExecutionType.NEW, ExecutionType.TRADE)]
    return {
        "reports": len(kept),
        "newest": kept[-1].time if kept else None,
        "orders": len(orders),
        "failed": len(failures),
        "stop_losses": len(firsts(r for r in fills if r.stop_loss)),
        "after_stop": len(firsts(late)),
        "repeated": max(Counter(looks(r) for r in orders).values(), default=0),
        "slippage": max((s for s in slips if s is not None), default=Decimal(0)),
        "unusable_fills": slips.count(None),
    }


def looks(order: ExecutionReport) -> tuple[object, ...]:
    """What makes two orders the same."""
    numbers = (n if n is not None and n.is_finite() else None for n in (order.quantity, order.price))
    return order.symbol, order.side, *numbers


def shown(tally: ExecutionTally) -> dict[str, object]:
    """A tally without the looks of the order that is repeated most."""
    return {name: getattr(tally, name) for name in added_up([])}


@pytest.mark.traced
@explored(200)
@given(steps=st.lists(st.tuples(st.sampled_from([-3.0, 0.0, 0.5, 4.0, 11.0]), reports), max_size=25))
def test_tally_is_what_the_reports_of_the_window_say(steps: list[tuple[float, ExecutionReport]]) -> None:
    """Report by report, with late arrivals and with reports that leave, it equals the sum made anew."""
    book, now, kept = ExecutionBook(), 100.0, list[ExecutionReport]()
    for number, (step, report) in enumerate(steps):
        now += max(step, 0.0)
        arrived = now + min(step, 0.0)
        one = replace(report, id=f"x{number}", received=arrived, time=START + timedelta(seconds=number))
        book.add(one)
        kept = sorted([*kept, one], key=lambda r: r.received)
        within = [r for r in kept if r.received >= now - LENGTH]
        tally, repeats = book.tally(LENGTH, now), book.tally(LENGTH, now, repeats=True)

        assert shown(repeats) == added_up(within)
        assert (shown(tally) | {"repeated": repeats.repeated}, tally.repeated) == (added_up(within), 0)
        tally = repeats
        assert (tally.repeated_order is None) == (tally.repeated == 0)


def test_tally_is_not_made_anew_while_nothing_changes() -> None:
    """A window in which nothing has come or gone answers with the same object, so that idle accounts cost nothing."""
    window = ExecutionWindow(LENGTH, [replace(ORDER, received=1.0)])
    first = window.tally(2.0)

    assert window.tally(11.0) is first
    assert window.tally(11.1) == ExecutionTally()


def test_window_that_is_full_says_so_and_goes_on() -> None:
    """Of more reports than are kept the newest count, and what was forgotten counts no more."""
    window = ExecutionWindow(LENGTH)
    for number in range(MAX_EXECUTIONS + 3):
        kind = ExecutionType.REJECTED if number < 3 else ExecutionType.NEW
        window.add(replace(ORDER, execution_type=kind, client_order_id=f"c{number}"))
    tally = window.tally(1.0)

    assert (tally.reports, tally.failed, tally.orders) == (MAX_EXECUTIONS, 0, MAX_EXECUTIONS)


def test_windows_of_many_lengths_are_all_right() -> None:
    """One length more than are kept up to date is right all the same."""
    book = ExecutionBook()
    for number in range(MAX_WINDOWS + 2):
        book.add(replace(ORDER, id=f"x{number}", received=float(number)))
        counts = [book.tally(length + 0.5, number).reports for length in range(MAX_WINDOWS + 1)]

        assert counts == [min(length, number) + 1 for length in range(MAX_WINDOWS + 1)]
