"""Examines what a configuration names: its accounts on their venues, and itself."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ess_server.adapters.venue_process.examining import examine
from ess_server.app.venues import venue_settings
from ess_server.config.settings import AccountSettings, Settings
from ess_server.core.clock import SystemClock
from ess_server.core.doctor import Arrangement, judge, judge_arrangement
from ess_server.core.evaluators import DrawdownSettings, ManualSettings, Mode
from ess_server.core.examination import Capability
from ess_server.core.findings import Finding
from ess_server.core.venue_link import VenueAccount, most_timed


async def diagnose(
    settings: Settings, *, within: timedelta, accounts: Sequence[str] = (), stderr: int | None = None
) -> tuple[Finding, ...]:
    """Return the findings on the configuration, and on these accounts or all of them, after ``within`` and 2 s.

    Sends nothing that changes anything, takes no lock, and may run beside a server. ``stderr`` is where the log of the
    examining process goes.
    """
    told = venue_settings(settings, Path("venue.lock"))
    chosen = tuple(a for a in told.accounts if a.id in accounts or not accounts)
    findings = list(judge_arrangement(arrangement(settings)))
    if not chosen:
        return tuple(findings)
    sharing = Counter((a.exchange, a.paper) for a in told.accounts)
    now = SystemClock().now()
    seen = await examine(replace(told, accounts=chosen, feeds=()), within, stderr=stderr)
    for account, facts in zip(chosen, seen, strict=True):
        rules = account.closing
        sliced = timedelta() if rules.at_market else min((rules.slices - 1) * rules.slice_interval, rules.market_after)
        pauses = told.flatten.verify_gap + told.flatten.quiet_window + sliced
        findings += judge(
            facts,
            now=now,
            sharing=sharing[account.exchange, account.paper],
            pauses=pauses,
            timer=account.dead_man.after if account.dead_man else timedelta(),
            most_timed=most_timed(account, told.accounts),
            wanted=_wanted(account, settings),
        )
    return tuple(findings)


def arrangement(settings: Settings) -> Arrangement:
    """Return what of the configuration decides whether anything would be stopped."""
    judging = [e for e in settings.evaluators if not isinstance(e, ManualSettings)]
    live = sum(e.mode is Mode.LIVE for e in judging)
    return Arrangement(
        accounts=len(settings.accounts),
        same_keys=_same_keys(settings.accounts),
        paper=tuple(a.id for a in settings.accounts if a.paper),
        live=live,
        shadow=len(judging) - live,
        expected=len(settings.server.expected_subscribers),
        default_action=settings.server.default_action,
    )


def _wanted(account: VenueAccount, settings: Settings) -> set[Capability]:
    """Return what the configuration asks of an account that not every client can do."""
    losses = [e for e in settings.evaluators if isinstance(e, DrawdownSettings)]
    wishes = {
        Capability.EQUITY: any(account.id == e.account or account.id in (e.accounts or ()) for e in losses),
        Capability.EXECUTIONS: account.executions_interval is not None,
        Capability.BOUNDED_CLOSES: account.closing.collar is not None,
    }
    return {capability for capability, is_wanted in wishes.items() if is_wanted}


def _same_keys(accounts: Sequence[AccountSettings]) -> tuple[tuple[str, ...], ...]:
    groups = defaultdict(list)
    for account in accounts:
        place = account.api_key_file.resolve() if account.api_key_file else account.api_key_env
        groups[account.exchange, account.paper, place].append(account.id)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
