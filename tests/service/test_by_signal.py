"""What a SIGUSR1 asks for while the server is being put together and taken apart."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ess_server.app import running
from ess_server.app.by_signal import SignalTrigger
from ess_server.config.settings import ServerSettings, Settings
from ess_server.core.evaluators import EvaluatorSettings, ManualSettings
from ess_server.core.model import Action, EmergencyState, Scope
from ess_server.core.release import ReleaseRequest
from tests.core.rig import ANNA

MANUAL = (
    ManualSettings(name="desk", scope=Scope.parse("account/a"), action=Action.BLOCK, reason="button"),
    ManualSettings(name="ops", scope=Scope.parse("account/b"), action=Action.FLATTEN),
)


async def life(
    data_dir: Path,
    *,
    evaluators: tuple[EvaluatorSettings, ...] = (),
    before: str = "",
    last: Callable[[SignalTrigger], None] = lambda _: None,
) -> tuple[EmergencyState, EmergencyState]:
    """Run a server once; return its first state, and the one after a reset. ``last`` happens when all is settled."""

    class Watched(SignalTrigger):
        async def settle(self) -> None:
            last(self)
            await super().settle()

    by_signal = Watched()
    if before:
        by_signal._asked(before)
    server = ServerSettings(listen="127.0.0.1:0", data_dir=data_dir)
    async with running(Settings(server=server, evaluators=evaluators), by_signal) as one:
        first = one.system.controller.state
        if first.active and not before:
            request = ReleaseRequest(revision=first.revision, reason="test", actor=ANNA)
            await one.system.reset(request)
        return first, one.system.controller.state


async def test_signal_that_comes_when_everything_else_is_settled_is_on_disk(tmp_path: Path) -> None:
    """Only the closing of the records is too late, and that says so."""

    def ask(by_signal: SignalTrigger) -> None:
        by_signal._asked("SIGUSR1 from here")
        asyncio.get_running_loop().call_soon(by_signal._asked, "and again")

    _, left = await life(tmp_path, last=ask)
    assert not left.active
    found, _ = await life(tmp_path)
    (stop,) = found.stops
    assert (stop.cause.reason, stop.cause_count, stop.action) == ("SIGUSR1 from here", 2, Action.FLATTEN)


async def test_signal_that_comes_too_late_is_loud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said to be stopped that is not."""
    kept: list[SignalTrigger] = []
    await life(tmp_path, last=kept.append)
    kept[0]._asked("SIGUSR1 from here")
    assert "SIGUSR1 from here came too late" in caplog.text
    assert "tripwire" in caplog.text


async def test_every_manual_evaluator_stops_its_own_scope(tmp_path: Path) -> None:
    """With its own action and words; and before the server has served anybody."""
    await life(tmp_path)
    state, _ = await life(tmp_path, evaluators=MANUAL, before="SIGUSR1 from here")
    assert {(str(s.scope), s.action, s.cause.evaluator, s.cause.reason) for s in state.stops} == {
        ("account/a", Action.BLOCK, "desk", "button (SIGUSR1 from here)"),
        ("account/b", Action.FLATTEN, "ops", "SIGUSR1 from here"),
    }
