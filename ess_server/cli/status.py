"""``ess status``."""

from datetime import UTC, datetime

import click

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import heed, plain, print_json, say, verdict
from ess_server.cli.target import Target, target_of, target_options
from ess_server.cli.views import (
    ACCOUNT_COLUMNS,
    EVALUATOR_COLUMNS,
    STOP_COLUMNS,
    account_rows,
    allows,
    doubts,
    evaluator_rows,
    flattens,
    gates_text,
    stop_rows,
)


@click.command(epilog=exit_help(Exit.OK, Exit.ACTIVE, Exit.UNREACHABLE))
@json_option
@target_options
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> Exit:
    """Show whether trading is stopped: stops, gates, evaluators, accounts."""
    target = target_of(context)
    with Remote(target) as remote:
        response = remote.asking(Remote.state)
    if as_json:
        print_json(response)
    else:
        show(response)
        _next_step(response, target)
    return Exit.OK if allows(response) else Exit.ACTIVE


def show(response: pb.GetStateResponse) -> None:
    """Print everything about a state."""
    from ess_server.cli.tables import print_table  # noqa: PLC0415 - rich is only loaded where a table is printed

    state = response.state
    verdict(response.summary, allowed=allows(response))
    for doubt in doubts(response):
        say(doubt, colour="red")
    installation = f"{plain(state.installation)}, " if state.installation else ""
    say(f"{installation}revision {state.revision}, store {state.store_id}, ess {response.server_version}")
    print_table("stops", STOP_COLUMNS, stop_rows(state))
    for waiting in flattens(state, datetime.now(UTC)):
        say(plain(waiting), colour="yellow")
    say(plain(gates_text(response.enforcement)))
    for warning in state.warnings:
        say(plain(f"warning: {warning.evaluator} is past {warning.tier_percent} % of its limit"), colour="yellow")
    print_table("accounts", ACCOUNT_COLUMNS, account_rows(response))
    print_table("evaluators", EVALUATOR_COLUMNS, evaluator_rows(response))


def _next_step(response: pb.GetStateResponse, target: Target) -> None:
    if any(stop.HasField("flatten_time") for stop in response.state.stops):
        heed(f"next: {target.ess} hold --revision {response.state.revision} --reason 'why it must not be flattened'")
    if response.state.stops:
        heed(f"next: {target.ess} reset --revision {response.state.revision} --reason 'why it is safe'")
