"""Observations as a reporter sends them, and the stop that comes of them."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import telemetry_pb2 as tel
from tests.service.conftest import Served


def equity(amount: str, account: str = "main", currency: str = "USDT") -> tel.Observation:
    """An equity observation."""
    return tel.Observation(equity=tel.Equity(account=account, amount=amount, currency=currency))


def at(moment: Timestamp, observation: tel.Observation) -> tel.Observation:
    """The observation, stamped with a time."""
    observation.observe_time.CopyFrom(moment)
    return observation


def stamp(moment: datetime) -> Timestamp:
    """A time as the contract has it."""
    stamped = Timestamp()
    stamped.FromDatetime(moment)
    return stamped


async def report(served: Served, *observations: tel.Observation) -> tel.ReportResponse:
    """Send observations in one call."""
    return await served.telemetry.Report(tel.ReportRequest(observations=observations))


async def active(served: Served) -> pb.StopState:
    """Wait for the stream to show a stop, at most a few heartbeats."""
    stream = served.stops.WatchState(pb.WatchStateRequest())
    for _ in range(40):
        message = await stream.read()
        if message.state.stops:
            stream.cancel()
            return message.state
    raise AssertionError("no stop came")
