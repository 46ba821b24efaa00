"""What a server starts with when its surroundings are damaged."""

from pathlib import Path

from ess_client.pb import emergency_stop_pb2 as pb
from tests.service.conftest import DRAWDOWN, MAIN, Serve


async def test_baselines_that_cannot_be_opened_keep_no_server_from_starting(serve: Serve, tmp_path: Path) -> None:
    """A directory in the place of metrics.db: the server serves and takes triggers; losses read as unknown."""
    (tmp_path / "data" / "metrics.db").mkdir(parents=True)
    one = await serve(accounts=(MAIN,), evaluators=(DRAWDOWN,))
    answer = await one.stops.Trigger(pb.TriggerRequest())
    state = await one.stops.GetState(pb.GetStateRequest())

    assert answer.stop.durable
    assert [e.status for e in state.evaluators] == [pb.EVALUATOR_STATUS_UNKNOWN]
