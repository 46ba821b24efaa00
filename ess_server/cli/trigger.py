"""``ess trigger``: stop, with or without a server that answers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click
import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote, failure
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import by_option, json_option, utf8
from ess_server.cli.output import as_document, heed, plain, print_json, say, verdict
from ess_server.cli.progress import finished, follow, live
from ess_server.cli.target import Target, target_of, target_options
from ess_server.cli.tripwire import NAME, data_dir_options, data_directory, is_used, trip
from ess_server.cli.views import cause_text, gates_text
from ess_server.config.problems import ConfigError

ANSWER_WITHIN = 2.0
"""Seconds in which a server must have answered before the tripwire is made."""
_ACTIONS = {"block": pb.STOP_ACTION_BLOCK, "cancel": pb.STOP_ACTION_CANCEL, "flatten": pb.STOP_ACTION_FLATTEN}
_DIRECT = "if no server can be started, close without one: ess flatten --direct --config FILE"


@dataclass(frozen=True, slots=True)
class _Triggered:
    """What came of it; ``state`` is the last one seen while waiting."""

    response: pb.TriggerResponse
    state: pb.GetStateResponse | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """What was said about where the data directory is."""

    data_dir: Path | None
    config: Path | None


@click.command(epilog=exit_help(Exit.OK, Exit.USAGE, Exit.UNREACHABLE, Exit.UNMATCHED, Exit.UNFINISHED))
@click.argument("scope", default="")
@click.option("-m", "--reason", default="", metavar="TEXT", help="why; goes into the audit log")
@click.option("--action", type=click.Choice(list(_ACTIONS)), help="what to do, if not what the server is configured to")
@click.option(
    "--wait", type=click.FloatRange(0, 3600), metavar="SECONDS", help="show progress until gates and venues are done"
)
@click.option("--request-id", default="", metavar="ID", help="the same id again is the same trigger; new by default")
@by_option
@data_dir_options
@json_option
@target_options
@click.pass_context
def trigger(
    context: click.Context,
    *,
    scope: str,
    reason: str,
    action: str | None,
    wait: float | None,
    request_id: str,
    by: str,
    data_dir: Path | None,
    config: Path | None,
    as_json: bool,
) -> Exit:
    """Stop trading in SCOPE, everywhere by default.

    SCOPE is global, venue/ID, account/ID, strategy/ID or symbol/SYMBOL.

    If a server on this machine does not answer, everything is stopped by the file `tripwire` in its data directory.
    """
    request = pb.TriggerRequest(
        reason=utf8(reason) or f"stopped by {utf8(by)}",
        scope=utf8(scope),
        action=_ACTIONS[action] if action else pb.STOP_ACTION_UNSPECIFIED,
        requested_by=utf8(by),
        request_id=utf8(request_id) or uuid4().hex,
    )
    return _send(request, target_of(context), _Place(data_dir, config), wait or 0, as_json=as_json)


def _send(request: pb.TriggerRequest, target: Target, place: _Place, wait: float, *, as_json: bool) -> Exit:
    with Remote(target) as remote:
        try:
            response = remote.insist("Trigger", request, within=min(target.timeout, ANSWER_WITHIN))
        except grpc.RpcError as error:
            return _fall_back(request, failure(error, target), target, place, as_json=as_json)
        done = _Triggered(response, _wait(remote, response.stop, wait) if wait else None)
    _report(done, target, as_json=as_json)
    return _exit(done, waited=bool(wait))


def _wait(remote: Remote, stop: pb.Stop, within: float) -> pb.GetStateResponse | None:
    with live() as show:
        return follow(remote, stop, within, show)


def _exit(done: _Triggered, *, waited: bool) -> Exit:
    if done.response.warnings:
        return Exit.UNMATCHED
    return Exit.UNFINISHED if waited and not finished(done.state, done.response.stop) else Exit.OK


def _report(done: _Triggered, target: Target, *, as_json: bool) -> None:
    response, stop = done.response, done.response.stop
    if as_json:
        state = {"state": as_document(done.state)} if done.state else {}
        print_json(as_document(response) | state)
        return
    verdict(done.state.summary if done.state else response.summary, allowed=False)
    say(plain(f"stop {stop.stop_id}, {stop.scope}, revision {stop.revision}: {cause_text(stop)}"))
    if not stop.durable:
        say("NOT YET ON DISK: the stop holds and is written as soon as the disk takes it", colour="red")
    say(plain(gates_text(done.state.enforcement if done.state else response.enforcement)))
    for warning in response.warnings:
        say(f"warning: {plain(warning)}", colour="yellow")
    heed(f"next: {target.ess} status")


def _fall_back(
    request: pb.TriggerRequest, error: CommandError, target: Target, place: _Place, *, as_json: bool
) -> Exit:
    """Stop by the tripwire. Raises CommandError, saying what is left to do by hand, if that cannot be."""
    if not target.is_local:
        raise _left_to_do(error, f"on its own machine: touch DATA_DIR/{NAME}")
    if request.scope not in ("", "global") or request.action:
        # The tripwire stops everything with the configured action; that must not come of asking for less.
        raise _left_to_do(error, f"nothing was done, because the {NAME} can only stop everything: {target.ess} trigger")
    try:
        data_dir = data_directory(place.data_dir, place.config)
    except ConfigError as bad:
        raise _left_to_do(
            error, f"the data directory is not known ({bad}): {target.ess} trigger --data-dir DIR"
        ) from None
    if data_dir is None:
        raise _left_to_do(error, f"make the {NAME}: {target.ess} trigger --data-dir DIR")
    try:
        remark = trip(data_dir, _words(request, target))
    except OSError as bad:
        raise _left_to_do(error, f"the {NAME} could not be made ({bad}): touch {data_dir}/{NAME}") from None
    if not is_used(data_dir):
        raise _left_to_do(error, f"no server has ever used {data_dir}, where the {NAME} was made: name another one")
    _report_tripwire(data_dir / NAME, error.message, remark, target, as_json=as_json)
    return Exit.OK


def _left_to_do(error: CommandError, step: str) -> CommandError:
    steps = (step, *error.next_steps, _DIRECT)
    return CommandError(f"NOT STOPPED. {error.message}", Exit.UNREACHABLE, next_steps=steps)


def _words(request: pb.TriggerRequest, target: Target) -> str:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return plain(f"{request.reason} (ess trigger by {request.requested_by} at {now}; {target.address} did not answer)")


def _report_tripwire(path: Path, error: str, remark: str, target: Target, *, as_json: bool) -> None:
    heed(f"ess: {plain(error)}", colour="red")
    if as_json:
        print_json({"tripwire": str(path), "remark": remark})
    else:
        say(f"TRIPWIRE MADE: {path}" + (f" ({remark})" if remark else ""), colour="red", bold=True)
        say("It stops everything, with the configured action, when the server reads it: within a second if it runs,")
        say("else when it starts. Gates that hear nothing from the server deny by themselves within two seconds.")
    heed(f"next: {target.ess} status")
    heed(f"next: {_DIRECT}")
    heed(f"next: once it is safe: rm {path}, then: {target.ess} reset")
