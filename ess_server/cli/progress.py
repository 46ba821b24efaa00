"""How far a stop has been carried out: watched, shown, and judged."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.connection import Remote
from ess_server.cli.output import heed, plain
from ess_server.cli.views import ACCOUNT_COLUMNS, account_rows, account_word, gates_text

PERIOD = 0.2
"""Seconds between two looks."""
_FLAT = (pb.FLATTEN_STATUS_FLAT, pb.FLATTEN_STATUS_FLAT_WITH_DUST)

Show = Callable[[pb.GetStateResponse | None], None]
"""Shows a state; None is a server that does not answer."""


def follow(remote: Remote, stop: pb.Stop, within: float, show: Show) -> pb.GetStateResponse | None:
    """Look until the stop is carried out or ``within`` seconds are over; return the last state seen."""
    end = time.monotonic() + within
    seen = None
    for _ in range(1 + int(within / PERIOD)):
        try:
            seen = remote.state()
            show(seen)
        except grpc.RpcError:
            show(None)
        if (seen and done(seen, stop)) or time.monotonic() + PERIOD >= end:
            break
        time.sleep(PERIOD)
    return seen


def done(response: pb.GetStateResponse, stop: pb.Stop) -> bool:
    """Whether every gate is known to deny, and every account that the stop works on is flat or held by a person."""
    gates = response.enforcement
    if gates.revision < stop.revision or gates.pending or gates.missing:
        return False
    return all(a.status in (*_FLAT, pb.FLATTEN_STATUS_HELD) for a in _at_work(response, stop))


def finished(response: pb.GetStateResponse | None, stop: pb.Stop) -> bool:
    """Whether all of it was done: as ``done``, but what a person held is not flat."""
    if response is None or not done(response, stop):
        return False
    return all(a.status in _FLAT for a in _at_work(response, stop))


def _at_work(response: pb.GetStateResponse, stop: pb.Stop) -> Iterator[pb.AccountProgress]:
    if stop.action <= pb.STOP_ACTION_BLOCK:
        return
    standing = {s.stop_id for s in response.state.stops}
    for account in response.accounts:
        # A symbol may have positions on every account; a strategy has none of its own.
        covers = stop.scope in ("global", f"account/{account.account}", f"venue/{account.venue}")
        if covers or stop.scope.startswith("symbol/"):
            yield account if account.stop_id in standing else pb.AccountProgress()


@contextmanager
def live() -> Iterator[Show]:
    """Show progress on stderr: on a terminal in place, else a line for every change."""
    from ess_server.cli.tables import console, table  # noqa: PLC0415 - rich is only loaded where something is shown

    screen = console(err=True)
    if not screen.is_terminal:
        yield _lines()
        return
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.live import Live  # noqa: PLC0415 - as above

    with Live(console=screen, transient=True, auto_refresh=False) as display:

        def show(response: pb.GetStateResponse | None) -> None:
            if response is None:
                display.update("the server does not answer", refresh=True)
            else:
                rows = table("", ACCOUNT_COLUMNS, account_rows(response))
                display.update(Group(plain(gates_text(response.enforcement)), rows), refresh=True)

        yield show


def _lines() -> Show:
    said: list[str] = [""]

    def show(response: pb.GetStateResponse | None) -> None:
        line = "the server does not answer" if response is None else _line(response)
        if line != said[-1]:
            said[:] = [line]
            heed(plain(line))

    return show


def _line(response: pb.GetStateResponse) -> str:
    gates = response.enforcement
    known = gates.confirmed + gates.expired
    words = {a.account: account_word(a, response.state) for a in response.accounts}
    accounts = [f"{account} {word}" for account, word in words.items() if word != "-"]
    return ", ".join([f"gates: {known} of {gates.expected} known to deny", *accounts])
