"""What of a configuration is judged before arming."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from ess_server.app import doctor
from ess_server.app.doctor import arrangement, diagnose
from ess_server.app.venues import venue_settings
from ess_server.config.settings import ClosingSettings, ServerSettings, Settings
from ess_server.core.doctor import Arrangement
from ess_server.core.evaluators import DrawdownSettings, ManualSettings, Mode
from ess_server.core.evaluators.execution_errors import ExecutionErrorsSettings
from ess_server.core.examination import Capability
from ess_server.core.findings import Grade
from ess_server.core.model import Action
from tests.service.conftest import DRAWDOWN, MAIN


def test_keys_are_told_apart_by_exchange_and_place() -> None:
    """One key on one exchange for two accounts is one account twice; on two exchanges, or from elsewhere, it is not."""
    by_file = replace(MAIN, id="file", api_key_env="", api_key_file=Path("/keys/a"))
    settings = Settings(
        accounts=(
            MAIN,
            replace(MAIN, id="again"),
            replace(MAIN, id="elsewhere", exchange="okx"),
            by_file,
            replace(by_file, id="same file", api_key_file=Path("/keys/b/../a")),
            replace(by_file, id="real", paper=None),
        )
    )

    assert arrangement(settings).same_keys == (("main", "again"), ("file", "same file"))


def test_evaluators_gates_and_paper_venues_are_counted() -> None:
    """A manual evaluator judges nothing by itself, one in shadow mode stops nothing."""
    shadow = DrawdownSettings(name="other", account="main", max_drawdown_percent=Decimal(5), mode=Mode.SHADOW)
    settings = Settings(
        server=ServerSettings(expected_subscribers=("a", "b"), default_action=Action.CANCEL),
        accounts=(MAIN, replace(MAIN, id="real", paper=None, api_key_env="OTHER")),
        evaluators=(DRAWDOWN, shadow, ManualSettings()),
    )

    assert arrangement(settings) == Arrangement(
        accounts=2,
        same_keys=(),
        paper=("main",),
        live=1,
        shadow=1,
        expected=2,
        default_action=Action.CANCEL,
    )


def test_what_is_asked_of_an_account_is_known() -> None:
    """Equity by a drawdown of it or of a sum, executions by an evaluator of them, bounds by its closing rules."""
    closing = ClosingSettings(collar_percent=Decimal(1))
    settings = Settings(
        accounts=(
            MAIN,
            *(replace(MAIN, id=name) for name in ("sum", "fills", "idle")),
            replace(MAIN, id="bound", closing=closing),
        ),
        evaluators=(
            DRAWDOWN,
            DrawdownSettings(accounts=("sum", "main"), currency="USDT", confirm=2, max_drawdown_percent=Decimal(5)),
            ExecutionErrorsSettings(account="fills", max_stop_losses=3),
        ),
    )
    told = venue_settings(settings, Path("venue.lock")).accounts

    assert {account.id: doctor._wanted(account, settings) for account in told} == {
        "main": {Capability.EQUITY},
        "sum": {Capability.EQUITY},
        "fills": {Capability.EXECUTIONS},
        "idle": set(),
        "bound": {Capability.BOUNDED_CLOSES},
    }


async def test_without_accounts_no_process_is_started() -> None:
    """The configuration alone is judged, at once."""
    findings = await diagnose(Settings(), within=ServerSettings().examine_within)

    assert {f.account for f in findings} == {""}
    assert max(f.grade for f in findings) is Grade.WARN
