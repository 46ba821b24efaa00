"""Limits of one account and of a sum, and readings that break none or count for nothing."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from ess_server.core.evaluators import DrawdownSettings
from ess_server.testing import START
from tests.exploration import explored

LIMIT = Decimal(10)
BAD = st.sampled_from(["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-5"])
HEALTHY = st.integers(970, 1030).map(str)
# A minute before midnight in Berlin: most sequences see a day begin.
NEAR_MIDNIGHT = START.replace(hour=22, minute=59)

quick = explored(120)


def of_one(confirm: int = 1, confirm_of: int = 0) -> DrawdownSettings:
    """Limits of one account."""
    return DrawdownSettings(
        account="main",
        max_drawdown_percent=LIMIT,
        max_daily_loss_percent=LIMIT,
        confirm=confirm,
        confirm_of=confirm_of,
        confirm_within=timedelta(minutes=10),
        currency="USDT",
    )


def of_sum(confirm: int = 2) -> DrawdownSettings:
    """Limits of the sum of two."""
    return DrawdownSettings(
        accounts=("main", "hedge"),
        currency="USDT",
        max_drawdown_percent=LIMIT,
        max_daily_loss_percent=LIMIT,
        confirm=confirm,
        confirm_within=timedelta(minutes=10),
    )
