"""A delayed flatten in a real process: it goes on after a kill, at the time that was told, and a person can hold it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from tests.e2e.conftest import Servers
from tests.e2e.process import ServerProcess, eventually
from tests.e2e.test_bad_evaluators import ACCOUNT, fail_orders

DELAY = 3.0


async def only(server: ServerProcess, action: int) -> pb.Stop:
    """Return the one stop, once it has this action."""

    async def look() -> pb.Stop | None:
        stops = (await server.state()).state.stops
        return stops[0] if len(stops) == 1 and stops[0].action == action else None

    return await eventually(look)


@pytest.mark.parametrize("held", [False, True], ids=["nobody holds it", "held"])
async def test_breach_flattens_at_its_time_through_a_kill_unless_held(
    servers: Servers,
    tmp_path: Path,
    held: bool,  # noqa: FBT001 - parametrised
) -> None:
    """CANCEL at once; killed and started again it is still due at the same time, and the condition does not matter."""
    (tmp_path / "ess.toml").write_text(f"{ACCOUNT}flatten_delay_seconds = {DELAY}\n")
    server = servers(arguments=("--config", tmp_path / "ess.toml"))
    await server.start()
    await server.reset()
    await fail_orders(server, 3)
    first = await only(server, pb.STOP_ACTION_CANCEL)
    due = first.flatten_time.ToDatetime(UTC)
    assert due - first.activate_time.ToDatetime(UTC) >= timedelta(seconds=DELAY)
    if held:
        assert (await server.ess("hold", "--revision", str(first.revision), "-m", "hedged", "--by", "ann")).code == 0
    await server.kill()
    (found,) = (await server.start()).state.stops
    if held:
        assert (found.action, found.held, found.HasField("flatten_time")) == (pb.STOP_ACTION_BLOCK, True, False)
        return
    # A machine that is slow to start it again may be past the time already.
    if datetime.now(UTC) < due:
        assert (found.action, found.flatten_time) == (pb.STOP_ACTION_CANCEL, first.flatten_time)
    raised = await only(server, pb.STOP_ACTION_FLATTEN)
    assert datetime.now(UTC) >= due
    assert (raised.stop_id, raised.revision > first.revision, raised.cause) == (first.stop_id, True, first.cause)
    async with server.stub() as stub:
        (event,) = (await stub.ListEvents(pb.ListEventsRequest(kind="stop.raised"))).events
    assert event.event_time.ToDatetime(UTC) >= due
    assert event.summary == "nobody held account/main within 3 s"
