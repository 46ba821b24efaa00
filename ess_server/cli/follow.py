"""``ess events follow``: events as they are written, for people and for scripts that act on them."""

import time
from collections.abc import Iterator

import click

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.options import json_option
from ess_server.cli.output import heed, plain, print_json, say, time_text
from ess_server.cli.target import Target, target_of, target_options

PAGE = 1000


@click.command("follow", epilog=exit_help(Exit.UNREACHABLE, Exit.INTERRUPTED))
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="begin behind this event, the last one that was handled; without it, with what happens from now on",
)
@click.option("--kind", default="", metavar="KIND", help="only this kind, such as stop.activated; stop. is all of stop")
@click.option(
    "--every",
    type=click.FloatRange(0.05, 60),
    default=1.0,
    metavar="SECONDS",
    show_default=True,
    help="between two looks",
)
@json_option
@target_options
@click.pass_context
def follow_events(context: click.Context, *, after: int | None, kind: str, every: float, as_json: bool) -> Exit:
    """Print each event once, in order, until interrupted; a server that is away is waited for."""
    target = target_of(context)
    last = _newest(target) if after is None else after
    lost = ""
    while True:
        try:
            for event in _new_events(target, last, kind):
                last = event.sequence
                _print(event, as_json=as_json)
            lost = ""
        except CommandError as away:
            if away.code is not Exit.UNREACHABLE:
                raise
            if not lost:
                heed(f"waiting: {away.message}", colour="yellow")
            lost = away.message
        time.sleep(every)


def _newest(target: Target) -> int:
    with Remote(target) as remote:
        page = remote.asking(lambda r: r.call("ListEvents", pb.ListEventsRequest(page_size=1)))
    return page.events[0].sequence if page.events else 0


def _new_events(target: Target, last: int, kind: str) -> Iterator[pb.Event]:
    with Remote(target) as remote:
        while True:
            request = pb.ListEventsRequest(page_size=PAGE, oldest_first=True, after_sequence=last, kind=kind)
            page: pb.ListEventsResponse = remote.asking(lambda r: r.call("ListEvents", request))  # noqa: B023 - called at once
            yield from page.events
            if not page.next_page_token or not page.events:
                return
            last = page.events[-1].sequence


def _print(event: pb.Event, *, as_json: bool) -> None:
    if as_json:
        print_json(event, one_line=True)
        return
    scope = f" {event.scope}" if event.scope else ""
    say(plain(f"{event.sequence}  {time_text(event.event_time)}  {event.kind}{scope}  {event.summary}"))
