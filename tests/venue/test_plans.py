"""The table of exchanges, and what its budgets mean for sweeps."""

import asyncio
import gc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import ccxt.async_support as ccxt
import pytest

from ess_server.config.account_checks import WITH_PASSPHRASE
from ess_server.core.clock import SystemClock
from ess_server.core.dead_man import TIMERS
from ess_server.core.errors import EssError
from ess_server.core.spot_sale import SpotSale
from ess_server.core.venue_link import KeySource, VenueAccount
from ess_server.core.venue_wire import PaperEndpoint
from ess_server.venue.budget import Purpose
from ess_server.venue.facts import GENERIC, all_facts
from ess_server.venue.paper.tls import PaperAuthority
from ess_server.venue.plans import PLANS, Budgets, open_clients, plan_of, sweep_intervals
from ess_server.venue.unified import generic
from ess_server.venue.unified.table import UNIFIED

ACCOUNT = VenueAccount(id="a", venue="v", exchange="binanceusdm", key=KeySource(env="K"), secret=KeySource(env="S"))


def test_sweeps_of_all_accounts_together_keep_within_the_budget() -> None:
    """However many accounts share an address, their sweeps leave a part of the budget's income to the rest."""
    plan = PLANS["binanceusdm"]
    for count in (1, 5, 20):
        accounts = tuple(replace(ACCOUNT, id=str(n)) for n in range(count))
        intervals = sweep_intervals(accounts, timedelta(seconds=2))
        spent = sum(plan.snapshot_weight / intervals[account.id].total_seconds() for account in accounts)

        assert spent <= 0.8 * plan.limits.per_second


def test_an_account_is_looked_at_as_often_as_its_own_exchange_sustains() -> None:
    """A crowd on one address, and an exchange that takes few requests, slow nobody else down."""
    crowd = tuple(replace(ACCOUNT, id=str(n)) for n in range(20))
    paper = PaperEndpoint(host="127.0.0.1", port=9, ca_file="ca.pem")
    others = (
        replace(ACCOUNT, id="bybit", exchange="bybit"),
        replace(ACCOUNT, id="kraken", exchange="kraken"),
        replace(ACCOUNT, id="elsewhere", paper=paper),
    )
    intervals = sweep_intervals((*crowd, *others), timedelta(seconds=2))

    assert intervals["elsewhere"] == sweep_intervals((ACCOUNT,), timedelta(seconds=2))["a"]
    assert intervals["bybit"] == timedelta(seconds=2) < intervals["kraken"] < intervals["elsewhere"] < intervals["0"]


def test_slower_sweeps_and_unknown_exchanges_are_left_as_they_are() -> None:
    """What is configured slower stays, and an exchange without a row has no budget to keep."""
    minute = timedelta(minutes=1)

    assert sweep_intervals((ACCOUNT,), minute) == {"a": minute}
    assert sweep_intervals((replace(ACCOUNT, exchange="nowhere"),), timedelta(seconds=2)) == {"a": timedelta(seconds=2)}


@pytest.mark.parametrize("exchange", ["nosuchexchange", "alpaca"])
async def test_a_client_that_refuses_leaves_no_session_open(
    exchange: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown or unfit, beside a paper venue: each call fails, and what was opened to reach that venue is closed."""
    monkeypatch.setenv("K", "key")
    monkeypatch.setenv("S", "secret")
    paper = PaperEndpoint(host="127.0.0.1", port=9, ca_file=str(PaperAuthority([]).write(tmp_path)))
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    clock = SystemClock()
    (client,) = open_clients((replace(ACCOUNT, exchange=exchange, paper=paper),), clock, Budgets(clock))
    with pytest.raises(EssError):
        await client.snapshot()
    gc.collect()

    assert told == []


async def test_what_is_to_be_sold_reaches_the_client_of_a_spot_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spot account without a list gets a client that sells nothing; futures are another exchange."""
    monkeypatch.setenv("K", "key")
    monkeypatch.setenv("S", "secret")
    named = replace(ACCOUNT, exchange="binance", spot=SpotSale(sell=("BTC",)))
    clients = open_clients((named, replace(named, spot=None), ACCOUNT), SystemClock(), Budgets(SystemClock()))
    opened = [client._open() for client in clients]

    assert [getattr(client, "_sale", None) for client in opened] == [SpotSale(sell=("BTC",)), SpotSale(), None]


def test_who_must_name_a_passphrase_is_what_ccxt_says() -> None:
    """The configuration asks for a passphrase exactly where ccxt cannot sign without one."""
    asking = {name for name in ccxt.exchanges if getattr(ccxt, name)().requiredCredentials["password"]}

    assert asking == WITH_PASSPHRASE


def test_every_exchange_of_ccxt_has_a_plan_and_its_clients_take_no_more_than_it_allows() -> None:
    """Rows of the one client, the generic plan, and a refusal for what ccxt does not know; each with its own budget."""
    names = ("krakenfutures", "deribit", "delta", "nosuchexchange")
    accounts = tuple(replace(ACCOUNT, id=name, exchange=name) for name in names)
    budgets = Budgets(SystemClock())
    clients = open_clients(accounts, SystemClock(), budgets)

    assert [type(c).__name__ for c in clients] == ["DeferredClient"] * 4
    assert [plan_of(name).limits for name in names[:2]] == [UNIFIED[name].limits for name in names[:2]]
    assert plan_of("delta").limits == generic.LIMITS
    assert budgets.of("deribit", None, "one") is not budgets.of("deribit", None, "two")
    assert budgets.of("deribit", None) is budgets.of("deribit", None)
    # What feeds read must not wait for the few requests that are there for stops.
    assert budgets.of("kraken", None) is not budgets.of("kraken", None, "one")
    budgets.of("kraken", None).read(150, Purpose.OBSERVING)


def test_no_plan_asks_for_more_than_its_exchange_allows() -> None:
    """A whole reading fits into what may be asked at once, and a minute of asking into the limit of a minute."""
    for name in (*PLANS, "delta"):
        limits, weight = plan_of(name).limits, plan_of(name).snapshot_weight

        assert 0 < weight <= limits.burst, name
        assert limits.burst + 60 * limits.per_second <= limits.per_minute, name
        assert limits.reserve < limits.burst, name


def test_the_table_for_people_is_that_of_the_code() -> None:
    """Every exchange with a plan is told of, by name and with what is left out; timers are where they can be armed."""
    facts = {one.exchange: one for one in all_facts()}

    assert facts.keys() == {*PLANS, GENERIC}
    assert all(one.coverage.covered and one.coverage.not_covered and one.name for one in facts.values())
    assert {name for name, plan in UNIFIED.items() if plan.switch} == TIMERS.keys() & UNIFIED.keys()
    assert facts["bybit"].timer == "false safety"
