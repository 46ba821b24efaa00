"""What a flow that arrives late costs a sum of accounts."""

from datetime import UTC, timedelta
from decimal import Decimal
from time import thread_time

from ess_server.core.account_group import GroupBook
from ess_server.core.readings import AccountGroup, CashFlow, EquityReading
from ess_server.testing import START

MEMBERS = tuple(f"account-{n}" for n in range(10))
FLOWS, ROUNDS = 50, 5


def cost(sums: int) -> float:
    """Seconds of CPU that flows of yesterday take where the window holds so many sums; the best of a few rounds."""
    took = []
    for _ in range(ROUNDS):
        book = GroupBook(AccountGroup(accounts=MEMBERS, currency="USDT"), UTC, trusted=True)
        for second in range(-sums, 0):
            for account in MEMBERS:
                time = START + timedelta(seconds=second)
                reading = EquityReading(account=account, amount=Decimal(1), currency="USDT", time=time, received=1.0)
                book.add_equity(reading, START)
        began = thread_time()
        for n in range(FLOWS):
            time = START - timedelta(days=1) + timedelta(seconds=n)
            flow = CashFlow(account=MEMBERS[0], id=str(n), amount=Decimal(-1), currency="USDT", time=time)
            book.add_cash_flow(flow, START)
        took.append(thread_time() - began)
    return min(took)


def test_flow_of_yesterday_costs_hardly_more_where_the_window_is_full() -> None:
    """Late flows come hundreds in a report; each must not look at every sum of the last quarter of an hour."""
    assert cost(800) < 10 * cost(20)
