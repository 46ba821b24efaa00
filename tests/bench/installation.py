"""An installation of the size that figures are given for: 50 accounts, 500 symbols, all five evaluators."""

from decimal import Decimal

from ess_server.core.evaluators import (
    DataFeedSettings,
    DrawdownSettings,
    EvaluatorSettings,
    ExecutionErrorsSettings,
    ManualSettings,
    SystemHealthSettings,
)
from ess_server.core.model import Action

ACCOUNTS = tuple(f"account-{n}" for n in range(50))
COMPONENTS = tuple(f"component-{n}" for n in range(50))
FEEDS = {f"feed-{f}": tuple(f"SYM{f * 100 + n}/USDT:USDT" for n in range(100)) for f in range(5)}


def evaluators() -> tuple[EvaluatorSettings, ...]:
    """Return the settings of every evaluator: two for each account, one for each feed, health and the manual one."""
    drawdowns = (
        DrawdownSettings(account=a, max_drawdown_percent=Decimal(10), max_daily_loss_percent=Decimal(5))
        for a in ACCOUNTS
    )
    executions = (
        ExecutionErrorsSettings(
            account=a,
            max_stop_losses=5,
            max_failed_orders=50,
            max_failed_percent=Decimal(50),
            max_repeated_orders=20,
            max_slippage_percent=Decimal(2),
            max_orders_after_stop=3,
        )
        for a in ACCOUNTS
    )
    feeds = (
        DataFeedSettings(feed=feed, symbols=symbols, max_jump_percent=Decimal(10), action=Action.CANCEL)
        for feed, symbols in FEEDS.items()
    )
    return (
        ManualSettings(),
        SystemHealthSettings(components=COMPONENTS),
        *drawdowns,
        *executions,
        *feeds,
    )
