"""``ess events``: the audit log."""

from collections.abc import Iterator
from pathlib import Path

import click

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.follow import follow_events
from ess_server.cli.options import json_option
from ess_server.cli.output import print_json, say, time_text
from ess_server.cli.target import target_of, target_options
from ess_server.cli.verify import Witnesses, offline, online, report
from ess_server.core.model import EventHead

PAGE = 1000
HASH_BYTES = 32
COLUMNS = ("no", "time (UTC)", "kind", "scope", "revision", "who", "summary")


class _ListByDefault(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListByDefault)
def events() -> None:
    """List, follow or verify the audit log; `ess events` alone lists."""


events.add_command(follow_events)


@events.command("list", epilog=exit_help(Exit.OK, Exit.UNREACHABLE))
@click.option("--kind", default="", metavar="KIND", help="only this kind, such as stop.activated; stop. is all of stop")
@click.option("--stop", default="", metavar="ID", help="only events of this stop")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=50, metavar="N", show_default=True, help="how many at most"
)
@click.option("--oldest-first", is_flag=True, help="begin with the first event")
@json_option
@target_options
@click.pass_context
def list_events(context: click.Context, *, kind: str, stop: str, limit: int, oldest_first: bool, as_json: bool) -> Exit:
    """List events, the newest first."""
    first = pb.ListEventsRequest(kind=kind, stop_id=stop, oldest_first=oldest_first)
    with Remote(target_of(context)) as remote:
        found = remote.asking(lambda r: list(_pages(r, first, limit)))
    if as_json:
        print_json(pb.ListEventsResponse(events=found))
        return Exit.OK
    from ess_server.cli.tables import print_table  # noqa: PLC0415 - rich is only loaded where a table is printed

    print_table("", COLUMNS, map(_row, found))
    if not found:
        say("no events")
    return Exit.OK


def _pages(remote: Remote, first: pb.ListEventsRequest, limit: int) -> Iterator[pb.Event]:
    left, token = limit, ""
    while left > 0:
        request = pb.ListEventsRequest(page_size=min(left, PAGE), page_token=token)
        request.MergeFrom(first)
        page: pb.ListEventsResponse = remote.call("ListEvents", request)
        yield from page.events
        left -= len(page.events)
        token = page.next_page_token
        if not token or not page.events:
            return


def _row(event: pb.Event) -> tuple[str, ...]:
    who = event.actor.requested_by or event.actor.id
    return (
        str(event.sequence),
        time_text(event.event_time),
        event.kind,
        event.scope,
        str(event.revision),
        who,
        event.summary,
    )


def _heads(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[EventHead, ...]:
    return tuple(_head(text, context, parameter) for text in texts)


def _head(text: str, context: click.Context, parameter: click.Parameter) -> EventHead:
    sequence, _, digits = text.partition(":")
    try:
        head = EventHead(sequence=int(sequence), hash=bytes.fromhex(digits))
    except ValueError:
        head = EventHead(sequence=0, hash=b"")
    if head.sequence < 1 or len(head.hash) != HASH_BYTES:
        problem = f"{text!r} is not SEQUENCE:HASH, as an earlier ess events verify printed it"
        raise click.BadParameter(problem, context, parameter)
    return head


@events.command("verify", epilog=exit_help(Exit.OK, Exit.REFUSED, Exit.UNREACHABLE))
@click.option(
    "--head", "heads", multiple=True, callback=_heads, metavar="SEQ:HEX", help="a head noted earlier; may be repeated"
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="verify the files of a server that does not run",
)
@json_option
@target_options
@click.pass_context
def verify_events(
    context: click.Context, *, heads: tuple[EventHead, ...], data_dir: Path | None, as_json: bool
) -> Exit:
    """Recompute the hash chain of the whole log.

    Finds every change, gap and cut tail, against the head that the server publishes and those noted earlier.
    """
    witnesses = Witnesses(heads)
    if data_dir is not None:
        return report(offline(data_dir, witnesses), as_json=as_json)
    with Remote(target_of(context)) as remote:
        return report(online(remote, witnesses), as_json=as_json)
