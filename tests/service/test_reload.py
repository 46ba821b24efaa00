"""A reload beside a running server: whatever the file or its evaluators do, the loop goes on and nothing is lost."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.app import ConfigFile, reload
from ess_server.app.reload import Reloader
from ess_server.config.load import load
from ess_server.core.evaluators import ManualEvaluator
from ess_server.testing import eventually
from tests.service.conftest import Serve, Served

MANUAL = "[[evaluators]]\nkind = 'manual'\naction = 'block'\n"
OWN = "python_path = ['.']\n" + MANUAL + "[[evaluators]]\nkind = 'slow_one:Own'\nmode = 'shadow'\n"
MODULE = """
import pathlib, time
from ess_server.core.evaluators import ManualEvaluator as Own
here = pathlib.Path(__file__).parent
(here / "importing").touch()
for _ in range(500):
    if (here / "go").exists():
        break
    time.sleep(0.01)
"""


@dataclass
class Reloading:
    """A server and what asks for its reload."""

    served: Served
    path: Path
    asked: asyncio.Event

    async def events(self) -> list[pb.Event]:
        """What is logged of the configuration, newest first."""
        return list((await self.served.stops.ListEvents(pb.ListEventsRequest(kind="config."))).events)

    async def reload(self, text: str) -> None:
        """Ask for this text to be taken on."""
        await asyncio.to_thread(self.path.write_text, text)
        self.asked.set()

    async def told(self, count: int) -> pb.Event:
        """Wait for so many events; return the newest."""
        for _ in range(500):
            if len(await self.events()) >= count:
                return (await self.events())[0]
            await asyncio.sleep(0.01)
        raise AssertionError("nothing was told")


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """Modules and directories of a test are gone after it."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("slow_one", None)


@asynccontextmanager
async def reloading(serve: Serve, tmp_path: Path) -> AsyncIterator[Reloading]:
    """A commissioned server with the manual evaluator, and its file."""
    path = tmp_path / "ess.toml"
    await asyncio.to_thread(path.write_text, MANUAL)
    await asyncio.to_thread((tmp_path / "slow_one.py").write_text, MODULE)
    settings = await asyncio.to_thread(load, path)
    one = await serve(evaluators=settings.evaluators)
    await one.commission()
    asked = asyncio.Event()
    task = asyncio.create_task(Reloader(ConfigFile(path, settings), one.running.system).run(asked))
    try:
        yield Reloading(one, path, asked)
    finally:
        task.cancel()


async def test_a_slow_import_holds_nothing_up(serve: Serve, tmp_path: Path) -> None:
    """While a module takes its time, ticks prove and triggers latch; it is taken on when it is there."""
    async with reloading(serve, tmp_path) as here:
        monitor = here.served.running.system.monitor
        await here.reload(OWN)
        await eventually((tmp_path / "importing").exists)
        proven, began = monitor.proven_uptime, time.monotonic()
        await here.served.stops.Trigger(pb.TriggerRequest(scope="strategy/a"))
        assert time.monotonic() - began < 0.5
        await eventually(lambda: monitor.proven_uptime > proven)
        assert await here.events() == []
        (tmp_path / "go").touch()
        event = await here.told(1)

    assert (event.kind, event.summary) == (
        "config.reloaded",
        'slow_one:Own added (slow_one:Own, shadow, "flatten")',
    )


async def test_one_that_hangs_is_given_up_and_keeps_no_later_file_out(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, the old rules stay, and the next file is read by a thread of its own."""
    monkeypatch.setattr(reload, "READ_WITHIN", timedelta(milliseconds=300))
    async with reloading(serve, tmp_path) as here:
        await here.reload(OWN)
        hung = await here.told(1)
        await here.reload(MANUAL.replace("block", "cancel"))
        taken = await here.told(2)
        (tmp_path / "go").touch()

    assert (hung.kind, "was not read within 0.3 s" in hung.summary) == ("config.rejected", True)
    assert taken.summary == 'manual: action "block" -> "cancel"'


async def test_a_request_by_hand_outlives_a_change_of_its_evaluator(serve: Serve, tmp_path: Path) -> None:
    """What a person asked for, and nobody has latched yet, is asked of the changed evaluator too."""
    async with reloading(serve, tmp_path) as here:
        system = here.served.running.system
        manual = system.monitor.watched[0].evaluator
        assert isinstance(manual, ManualEvaluator)
        async with system.monitor._evaluating:
            manual.request("smoke")
            await here.reload(MANUAL.replace("block", "cancel"))
            await asyncio.sleep(0.05)
        await here.told(1)
        await eventually(lambda: system.controller.state.active)
        (stop,) = system.controller.state.stops
        assert "smoke" in stop.cause.reason


async def test_what_may_be_a_key_is_not_kept_in_the_log(serve: Serve, tmp_path: Path) -> None:
    """A key pasted into the wrong place is named by line and key of the file, and not by itself."""
    secret = "Zr8ouFgWm2kX1CqJ5TfL"
    async with reloading(serve, tmp_path) as here:
        await here.reload(MANUAL + f"confirm = '{secret}'\nkinds = '{secret}'\n")
        event = await here.told(1)
        state = await here.served.stops.GetState(pb.GetStateRequest())

    assert ":4: evaluators.confirm: expected a whole number" in event.summary
    assert secret not in str(event) + state.summary
    assert state.summary.endswith("(and 1 more mistakes)")


async def test_whatever_goes_wrong_inside_is_told_and_the_next_file_is_taken(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the reload itself ends neither the reloading nor the server."""
    async with reloading(serve, tmp_path) as here:
        with monkeypatch.context() as broken:
            broken.setattr(reload, "load", lambda *_: 1 / 0)
            await here.reload(MANUAL)
            fault = await here.told(1)
        await here.reload(MANUAL)
        taken = await here.told(2)

    assert "the reload failed: ZeroDivisionError" in fault.summary
    assert (taken.kind, taken.summary) == ("config.reloaded", "nothing has changed")


async def test_a_file_that_is_nothing_but_mistakes_fills_no_log(serve: Serve, tmp_path: Path) -> None:
    """The event lists the first hundred and says how many more there are."""
    async with reloading(serve, tmp_path) as here:
        await here.reload("".join(f"key_{n} = 1\n" for n in range(150)) + MANUAL)
        event = await here.told(1)

    assert len(event.details) == 101
    assert event.details["line_101"] == "and 50 more"
    assert len(event.summary) <= 1024


async def test_an_evaluator_that_was_not_edited_goes_on_as_the_same(serve: Serve, tmp_path: Path) -> None:
    """Its counts and last readings are in it; only what was edited is built anew, in the order of the file."""
    other = "[[evaluators]]\nkind = 'system_health'\nmode = 'shadow'\n"
    async with reloading(serve, tmp_path) as here:
        monitor = here.served.running.system.monitor
        (before,) = monitor.watched
        await here.reload(other + MANUAL)
        await here.told(1)
        added, after = monitor.watched
        await here.reload(other + "confirm = 2\n" + MANUAL)
        await here.told(2)

        assert after is before
        assert monitor.watched[1] is before
        assert (monitor.watched[0].name, monitor.watched[0] is added) == ("system_health", False)
