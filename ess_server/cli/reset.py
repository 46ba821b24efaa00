"""``ess reset``: the only way to trade again."""

from uuid import uuid4

import click
import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote, failure
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.looked_at import confirmed, look, reason_given
from ess_server.cli.options import by_option, json_option, utf8
from ess_server.cli.output import as_document, heed, plain, print_json, say, verdict
from ess_server.cli.refusals import KNOWN, in_words, is_refusal, lines, refused
from ess_server.cli.target import target_of, target_options

OVERRIDABLE = ("NOT_FLAT", "CONDITION_TRUE", "UNCONFIRMED_GATES")
QUESTION = "why is it safe to trade again?"


def _known(name: str, context: click.Context, parameter: click.Parameter) -> str:
    if name.upper() not in KNOWN:
        problem = f"{plain(name)!r} is no refusal; what can be gone past is {', '.join(OVERRIDABLE)}"
        raise click.BadParameter(problem, context, parameter)
    return name.upper()


@click.command(epilog=exit_help(Exit.OK, Exit.REFUSED, Exit.USAGE, Exit.UNREACHABLE))
@click.argument("scope", default="")
@click.option("-m", "--reason", default="", metavar="TEXT", help="why it is safe; goes into the audit log")
@click.option("--revision", type=click.IntRange(1), metavar="N", help="highest revision that you have looked at")
@click.option(
    "--override",
    "overrides",
    multiple=True,
    callback=lambda context, parameter, names: tuple(_known(name, context, parameter) for name in names),
    metavar="NAME",
    help=f"go past this refusal, one of {', '.join(OVERRIDABLE)}; may be repeated",
)
@click.option("--rebaseline", is_flag=True, help="measure losses of what tripped from now on")
@click.option("--dry-run", is_flag=True, help="list what stands in the way and change nothing")
@click.option("--yes", is_flag=True, help="do not ask for confirmation")
@by_option
@json_option
@target_options
@click.pass_context
def reset(
    context: click.Context,
    *,
    scope: str,
    reason: str,
    revision: int | None,
    overrides: tuple[str, ...],
    rebaseline: bool,
    dry_run: bool,
    yes: bool,
    by: str,
    as_json: bool,
) -> Exit:
    """Release the stop of SCOPE, every stop by default.

    On a terminal the state is shown and its revision used; elsewhere --revision is required.
    """
    request = pb.ResetRequest(
        scope=utf8(scope),
        reason=utf8(reason),
        overrides=overrides,
        rebaseline=rebaseline,
        requested_by=utf8(by),
        request_id=uuid4().hex,
    )
    with Remote(target_of(context)) as remote:
        if dry_run:
            return _check(remote, request, revision, as_json=as_json)
        agreed = _completed(remote, request, revision, yes=yes)
        return _send(remote, request, as_json=as_json) if agreed else Exit.REFUSED


def _completed(remote: Remote, request: pb.ResetRequest, revision: int | None, *, yes: bool) -> bool:
    """Fill in what the person has looked at, and ask for what is missing; False if the person does not agree."""
    looked = look(remote, f"reset {request.scope}".strip(), revision)
    request.revision, request.store_id = looked.revision, looked.store_id
    if looked.store_id:
        _show_obstacles(remote, request)
    request.reason = utf8(reason_given(request.reason, QUESTION))
    question = f"release {request.scope or 'every stop'} at revision {looked.revision}, so that engines trade again?"
    return confirmed(question, yes=yes, looked=looked)


def _check(remote: Remote, request: pb.ResetRequest, revision: int | None, *, as_json: bool) -> Exit:
    request.revision = revision or remote.asking(Remote.state).state.revision
    response = _validated(remote, request)
    if as_json:
        print_json(response)
    else:
        say(plain(response.summary))
        for line in lines(response.refusals, remote.target.ess):
            say(plain(line))
    passed = all(r.overridable and r.reason in request.overrides for r in response.refusals)
    return Exit.OK if passed else Exit.REFUSED


def _show_obstacles(remote: Remote, request: pb.ResetRequest) -> None:
    for line in lines(_validated(remote, request).refusals, remote.target.ess):
        heed(plain(line), colour="yellow")


def _validated(remote: Remote, request: pb.ResetRequest) -> pb.ResetResponse:
    check = pb.ResetRequest()
    check.CopyFrom(request)
    check.validate_only, check.request_id, check.reason = True, "", request.reason or "looking at what is in the way"
    response: pb.ResetResponse = remote.asking(lambda r: r.call("Reset", check))
    return response


def _send(remote: Remote, request: pb.ResetRequest, *, as_json: bool) -> Exit:
    try:
        response: pb.ResetResponse = remote.call("Reset", request)
    except grpc.RpcError as error:
        if not is_refusal(error):
            raise failure(error, remote.target) from None
        if as_json:
            found = [as_document(r) for r in in_words(error.details() or "")]
            print_json({"outcome": "REFUSED", "summary": error.details(), "refusals": found})
        raise refused("the reset", error.details() or "", remote.target.ess) from None
    if as_json:
        print_json(response)
    else:
        verdict(response.summary, allowed=response.state.status == pb.STOP_STATUS_INACTIVE)
        heed(f"next: {remote.target.ess} status")
    return Exit.OK if response.outcome == pb.RESET_OUTCOME_RELEASED else Exit.REFUSED
