"""What can be said of every exchange with a plan, for people: the table of docs/venues.md is made from it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ess_server.core.dead_man import FALSE_SAFETY, TIMERS
from ess_server.core.examination import Coverage
from ess_server.core.spot_sale import SpotSale
from ess_server.venue import examine_bybit, examine_okx, examine_spot, examine_usdm
from ess_server.venue.unified import generic
from ess_server.venue.unified.plan import UnifiedPlan
from ess_server.venue.unified.table import UNIFIED

GENERIC = ""
"""Stands for the exchange id of any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """One exchange.

    ``exchange`` is ccxt's id; ``expires`` tells whether orders carry an expiry of less than 2 s. ``timer`` is what the
    exchange's own cancel-after timer is worth here. ``witness`` and ``equity`` tell whether the exchange has such
    figures of an account, ``rights`` whether it tells what the key may do, ``executions`` whether they are read.
    ``remark`` is what else has to be known to configure it.
    """

    exchange: str
    name: str
    coverage: Coverage
    expires: bool
    timer: str
    witness: bool
    equity: bool
    rights: bool
    executions: bool
    remark: str = ""


def all_facts() -> Iterator[VenueFacts]:
    """Yield every exchange: those with a client of their own, those with a plan, any other."""
    yield from _OWN
    for plan in UNIFIED.values():
        yield _of_plan(plan)
    yield VenueFacts(
        exchange=GENERIC,
        name="any other of ccxt",
        coverage=generic.COVERAGE,
        expires=False,
        timer="none",
        witness=False,
        equity=False,
        rights=False,
        executions=False,
    )


def _of_plan(plan: UnifiedPlan) -> VenueFacts:
    return VenueFacts(
        exchange=plan.exchange,
        name=plan.name,
        coverage=plan.coverage,
        expires=plan.expires,
        timer=_timer(plan.exchange),
        witness=bool(plan.witness),
        equity=plan.equity is not None,
        rights=plan.withdraws is not None,
        executions=False,
        remark=plan.remark,
    )


def _timer(exchange: str) -> str:
    if exchange in FALSE_SAFETY:
        return "false safety"
    if exchange not in TIMERS:
        return "none"
    return "per symbol" if TIMERS[exchange].each_symbol else "per account"


def _own(exchange: str, name: str, coverage: Coverage) -> VenueFacts:
    return VenueFacts(
        exchange=exchange,
        name=name,
        coverage=coverage,
        expires=True,
        timer=_timer(exchange),
        witness=True,
        equity=True,
        rights=True,
        executions=True,
    )


_SOLD = SpotSale(sell=("what spot.sell names",), into="spot.into")
_OWN = (
    _own("binanceusdm", "Binance USD-M", examine_usdm.COVERAGE),
    replace(_own("binance", "Binance spot", examine_spot.coverage(_SOLD)), executions=False),
    _own("okx", "OKX", examine_okx.COVERAGE),
    _own("bybit", "Bybit", examine_bybit.COVERAGE),
)
