"""``ess watch``: the stream as it comes, one line per change."""

import queue
import threading
import time
from datetime import UTC, datetime
from typing import Any

import click
import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote, failure
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import ALLOWED, STOPPED, heed, plain, print_json, say, seconds, time_text
from ess_server.cli.target import Target, target_of, target_options
from ess_server.cli.views import GATE_LEVEL, action_text, cause_text

RECONNECT_AFTER = 1.0
"""Seconds."""


@click.command(epilog=exit_help(Exit.UNREACHABLE, Exit.INTERRUPTED))
@click.option("--heartbeats", is_flag=True, help="print every message, with the age of its proof")
@click.option("--follow", is_flag=True, help="connect again when the stream ends")
@json_option
@target_options
@click.pass_context
def watch(context: click.Context, *, heartbeats: bool, follow: bool, as_json: bool) -> Exit:
    """Print every change of the state until the stream ends."""
    target = target_of(context)
    lines = _Lines(heartbeats=heartbeats, as_json=as_json)
    while True:
        try:
            with Remote(target) as remote:
                _stream(remote, lines)
        except CommandError as ended:
            if not follow:
                raise
            lines.note(ended.message)
            time.sleep(RECONNECT_AFTER)


def _stream(remote: Remote, lines: "_Lines") -> None:
    """Print until the stream ends or falls silent; raises CommandError then."""
    messages = queue.SimpleQueue[Any]()
    last = lines.last.state if lines.last else pb.StopState()
    # As gates do: naming the newest revision seen lets the server notice a stop that it has lost.
    call = remote.watch(pb.WatchStateRequest(store_id=last.store_id, highest_revision=lines.highest))
    # The stream itself cannot be waited for with a time limit, and a server that hangs ends no stream.
    threading.Thread(target=_read, args=(call, messages), daemon=True).start()
    try:
        while True:
            message = messages.get(timeout=remote.target.timeout)
            if not isinstance(message, pb.WatchStateResponse):
                raise failure(message, remote.target)
            lines.take(message)
    except queue.Empty:
        raise _silence(remote.target) from None
    finally:
        call.cancel()


def _read(call: Any, messages: "queue.SimpleQueue[Any]") -> None:  # noqa: ANN401 - grpc's stream
    try:
        for message in call:
            messages.put(message)
        messages.put(_Ended())
    except grpc.RpcError as error:
        messages.put(error)


class _Ended(grpc.RpcError):
    """A stream that ended without an error, which the contract does not know."""

    def code(self) -> grpc.StatusCode:
        """As an outage."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """Say what happened."""
        return "the stream ended"


def _silence(target: Target) -> CommandError:
    message = f"{target.address} has said nothing for {target.timeout:g} s; gates deny by themselves"
    return CommandError(message, Exit.UNREACHABLE, next_steps=(f"{target.ess} status",))


class _Lines:
    """Prints messages that differ from the one before."""

    def __init__(self, *, heartbeats: bool, as_json: bool) -> None:
        self.last: pb.WatchStateResponse | None = None
        self.highest = 0
        self._heartbeats = heartbeats
        self._as_json = as_json

    def take(self, message: pb.WatchStateResponse) -> None:
        """Print a message if it is news."""
        before, self.last = self.last, message
        if before is None or before.state.store_id != message.state.store_id:
            self.highest = 0
        self.highest = max(self.highest, message.state.revision)
        news = before is None or _gist(before) != _gist(message)
        if self._as_json:
            if news or self._heartbeats:
                print_json(message, one_line=True)
        elif news:
            self._print(message)
        elif self._heartbeats:
            say(f"{_now()}  heartbeat, proof {_age(message)} old, revision {message.state.revision}")

    def note(self, text: str) -> None:
        """Print what happened to the stream."""
        heed(f"{_now()}  {plain(text)}", colour="yellow")

    def _print(self, message: pb.WatchStateResponse) -> None:
        state = message.state
        allowed = state.status == pb.STOP_STATUS_INACTIVE and not state.stops and message.gate_level <= GATE_LEVEL
        parts = [ALLOWED if allowed else STOPPED, f"revision {state.revision}", *map(_stop, state.stops)]
        parts += [f"{w.evaluator} past {w.tier_percent} % of its limit" for w in state.warnings]
        if message.draining:
            parts.append("the server is going down")
        if message.gate_level > GATE_LEVEL:
            parts.append(f"contract level {message.gate_level} is newer than this command")
        say(plain(f"{_now()}  {'; '.join(parts)}"), colour="green" if allowed else "red")


def _gist(message: pb.WatchStateResponse) -> tuple[bytes, str, bool, int]:
    state = message.state.SerializeToString(deterministic=True)
    return state, message.server_instance_id, message.draining, message.gate_level


def _stop(stop: pb.Stop) -> str:
    pending = "" if stop.durable else " [not yet on disk]"
    due = f", flattens at {time_text(stop.flatten_time)} UTC unless held" if stop.HasField("flatten_time") else ""
    return f"{stop.scope} {action_text(stop)}{due} ({cause_text(stop)}){pending}"


def _age(message: pb.WatchStateResponse) -> str:
    sent, proven = seconds(message.sent_uptime), seconds(message.proven_uptime)
    return f"{(sent - proven) * 1000:.0f} ms"


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3]
