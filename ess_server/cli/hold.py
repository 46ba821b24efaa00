"""``ess hold``: for the false trip whose flatten must not go on."""

from uuid import uuid4

import click
import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote, failure
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.looked_at import confirmed, look, reason_given
from ess_server.cli.options import by_option, json_option, utf8
from ess_server.cli.output import heed, print_json, say, verdict
from ess_server.cli.refusals import is_refusal, refused
from ess_server.cli.target import target_of, target_options

QUESTION = "why must cancelling and closing end?"


@click.command(epilog=exit_help(Exit.OK, Exit.REFUSED, Exit.USAGE, Exit.UNREACHABLE))
@click.argument("scope", default="")
@click.option("-m", "--reason", default="", metavar="TEXT", help="why; goes into the audit log")
@click.option("--revision", type=click.IntRange(1), metavar="N", help="highest revision that you have looked at")
@click.option("--yes", is_flag=True, help="do not ask for confirmation")
@by_option
@json_option
@target_options
@click.pass_context
def hold(
    context: click.Context, *, scope: str, reason: str, revision: int | None, yes: bool, by: str, as_json: bool
) -> Exit:
    """End cancelling and closing in SCOPE, everywhere by default; trading stays blocked.

    On a terminal the state is shown and its revision used; elsewhere --revision is required.
    """
    with Remote(target_of(context)) as remote:
        looked = look(remote, f"hold {scope}".strip(), revision)
        request = pb.HoldFlattenRequest(
            revision=looked.revision,
            reason=utf8(reason_given(reason, QUESTION)),
            scope=utf8(scope),
            requested_by=utf8(by),
            request_id=uuid4().hex,
        )
        question = f"end cancelling and closing of {scope or 'every stop'} at revision {looked.revision}?"
        return _send(remote, request, as_json=as_json) if confirmed(question, yes=yes, looked=looked) else Exit.REFUSED


def _send(remote: Remote, request: pb.HoldFlattenRequest, *, as_json: bool) -> Exit:
    try:
        response: pb.HoldFlattenResponse = remote.call("HoldFlatten", request)
    except grpc.RpcError as error:
        if is_refusal(error):
            raise refused("the hold", error.details() or "", remote.target.ess) from None
        raise failure(error, remote.target) from None
    if as_json:
        print_json(response)
    else:
        verdict(response.summary, allowed=response.state.status == pb.STOP_STATUS_INACTIVE)
        say("open orders and positions stay as they are")
        heed(f"next: {remote.target.ess} status")
    return Exit.OK
