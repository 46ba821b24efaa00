"""``ess subscribers``."""

from collections.abc import Iterator

import click

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import millis, name_of, plain, print_json, say, time_text
from ess_server.cli.target import target_of, target_options
from ess_server.cli.views import gates_text

PAGE = 1000
MOST_PAGES = 200
COLUMNS = (
    "gate",
    "status",
    "revision",
    "confirmed in",
    "connected (UTC)",
    "last seen (UTC)",
    "peer, client, scopes",
)


@click.command(epilog=exit_help(Exit.OK, Exit.UNREACHABLE))
@click.option("--unconfirmed", is_flag=True, help="only gates that have not confirmed the newest stop")
@json_option
@target_options
@click.pass_context
def subscribers(context: click.Context, *, unconfirmed: bool, as_json: bool) -> Exit:
    """List the gates, those first that are not known to deny."""
    with Remote(target_of(context)) as remote:
        response = remote.asking(lambda r: _all(r, unconfirmed_only=unconfirmed))
    if as_json:
        print_json(response)
        return Exit.OK
    from ess_server.cli.tables import print_table  # noqa: PLC0415 - rich is only loaded where a table is printed

    print_table("", COLUMNS, _rows(response))
    say(plain(gates_text(response.enforcement)))
    return Exit.OK


def _all(remote: Remote, *, unconfirmed_only: bool) -> pb.ListSubscribersResponse:
    whole, token = pb.ListSubscribersResponse(), ""
    for _ in range(MOST_PAGES):
        request = pb.ListSubscribersRequest(page_size=PAGE, page_token=token, unconfirmed_only=unconfirmed_only)
        page: pb.ListSubscribersResponse = remote.call("ListSubscribers", request)
        whole.subscribers.extend(page.subscribers)
        whole.enforcement.CopyFrom(page.enforcement)
        token = page.next_page_token
        if not token:
            break
    whole.next_page_token = token
    return whole


def _rows(response: pb.ListSubscribersResponse) -> Iterator[tuple[str, ...]]:
    for gate in response.subscribers:
        yield (
            gate.subscriber_id + (" (expected)" if gate.expected else ""),
            name_of(pb.SubscriberStatus, gate.status),
            str(gate.revision or ""),
            millis(gate.confirm_duration) if gate.HasField("confirm_duration") else "",
            time_text(gate.connect_time),
            time_text(gate.last_seen_time),
            " ".join(filter(None, (gate.actor.peer, gate.client_version, *gate.scopes))),
        )
