"""``ess replay``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from ess_server.cli.config import read as read_config
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.install import install_step
from ess_server.cli.options import json_option
from ess_server.cli.output import heed, plain, print_json, say
from ess_server.config.settings import Settings
from ess_server.core.errors import EssError
from ess_server.core.evaluators import DataFeedSettings

if TYPE_CHECKING:
    from ess_server.replay.recording import ReadOptions, Recording
    from ess_server.replay.run import Replayed, ReplayOptions

INSTALL = install_step("server", "replay")
CHARTS = (".png", ".svg")
LONGEST = 36_500 * 86_400
"""Seconds that an option may say: a hundred years."""

HELP = """Run the evaluators of a configuration over recorded FILES (CSV or Parquet): what would they have stopped?

Nothing is stopped, no server is asked, keys are not read. After a would-be trip the replay goes on as if a person
had reset it once the reading was clearly below the highest warn tier again.

\b
Columns. Every file has `time`, ISO 8601 with an offset or a number since 1970 (s, ms, us, ns); `received`, when
it arrived, if that was recorded too. `kind` tells what a row is; without it the columns do:
  equity     account, equity (or amount), currency
  cash_flow  account, cash_flow (or amount), currency, id
  execution  account, symbol, execution_type (new, trade, canceled, rejected, failed, expired), side, quantity,
             price, expected_price, client_order_id, stop_loss, id, strategy, detail
  quote      feed, symbol, bid, ask, last, sequence, corrupt, detail
  health     component, status (healthy, degraded, critical), detail
`account` and `feed` may be missing where the configuration has only one. docs/replay.md says the rest.
"""

_PATH = click.Path(path_type=Path)
_SECONDS = click.FloatRange(0, LONGEST)


class Zone(click.ParamType[ZoneInfo]):
    """A time zone by its name in the IANA database."""

    name = "zone"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Return the zone, or fail with what to write."""
        try:
            return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone; write one such as Europe/Berlin or UTC", param, ctx)


@click.command(help=HELP, epilog=exit_help(Exit.OK, Exit.USAGE, Exit.WOULD_TRIP, Exit.INTERRUPTED))
@click.option("--config", "config", type=_PATH, required=True, help="the configuration to try")
@click.argument("files", type=_PATH, nargs=-1, required=True)
@click.option("--chart", type=_PATH, metavar="OUT.png|OUT.svg", help="draw reading against limit")
@click.option("--evaluator", "named", multiple=True, metavar="NAME", help="only this one; may be repeated")
@click.option("--from", "first", metavar="TIME", default="", help="leave out what arrived before")
@click.option("--to", "last", metavar="TIME", default="", help="leave out this moment and what arrived after")
@click.option("--timezone", "zone", type=Zone(), help="of times without an offset; else they are refused")
@click.option("--currency", metavar="CODE", help="of files without such a column")
@click.option("--reset-after", type=_SECONDS, metavar="SECONDS", help="reset so long after each trip, not on recovery")
@click.option("--rebaseline", is_flag=True, help="measure losses anew from each reset")
@click.option(
    "--sampled-every", type=_SECONDS, metavar="SECONDS", help="rows so far apart are no silence; 0: every gap is one"
)
@click.option("--every-tick", is_flag=True, help="look at every tick of every gap: slow, and finds the same")
@json_option
def replay(
    *,
    config: Path,
    files: tuple[Path, ...],
    chart: Path | None,
    named: tuple[str, ...],
    first: str,
    last: str,
    zone: ZoneInfo | None,
    currency: str | None,
    reset_after: float | None,
    rebaseline: bool,
    sampled_every: float | None,
    every_tick: bool,
    as_json: bool,
) -> Exit:
    """See ``HELP``."""
    _check_chart(chart)
    settings = read_config(config)
    unknown = [name for name in named if name not in {one.name for one in settings.evaluators}]
    if unknown:
        known = ", ".join(one.name for one in settings.evaluators) or "none"
        raise CommandError(f"there is no evaluator {', '.join(unknown)}; {config} has: {known}", Exit.USAGE)
    try:
        import ess_server.replay.run as running  # noqa: PLC0415 - pyarrow and matplotlib are an extra
    except ModuleNotFoundError as missing:
        message = f"ess replay needs {missing.name}, which is not installed"
        raise CommandError(message, Exit.USAGE, next_steps=(INSTALL,)) from missing
    day = settings.server.day_boundary
    read_options = _read_options(settings, (first, last), zone=zone, currency=currency, sampled_every=sampled_every)
    options = running.ReplayOptions(
        zone=day,
        tick=settings.server.tick,
        reset_after=None if reset_after is None else timedelta(seconds=reset_after),
        rebaseline=rebaseline,
        every_tick=every_tick,
        named=named,
    )
    replayed = _run(settings, files, read_options, options)
    if chart is not None:
        _draw(replayed, chart, zone or day)
    return _show(replayed, as_json=as_json)


def _check_chart(chart: Path | None) -> None:
    if chart is not None and chart.suffix.lower() not in CHARTS:
        raise CommandError(f"{chart} is neither .png nor .svg; name it so", Exit.USAGE)


def _read_options(
    settings: Settings,
    bounds: tuple[str, str],
    *,
    zone: ZoneInfo | None,
    currency: str | None,
    sampled_every: float | None,
) -> "ReadOptions":
    from ess_server.replay.recording import ReadOptions  # noqa: PLC0415 - as above

    accounts = tuple(account.id for account in settings.accounts)
    feeds = {one.feed for one in settings.evaluators if isinstance(one, DataFeedSettings)}
    defaults = {"account": accounts[0]} if len(accounts) == 1 else {}
    defaults |= {"feed": feeds.pop()} if len(feeds) == 1 else {}
    defaults |= {"currency": currency} if currency else {}
    first, last = (
        _bound(text, name, zone or settings.server.day_boundary)
        for name, text in zip(("--from", "--to"), bounds, strict=True)
    )
    return ReadOptions(
        zone=zone,
        defaults=defaults,
        accounts=accounts,
        first=first,
        last=None if last is None else last - 1,
        pace=None if sampled_every is None else int(sampled_every * 1_000_000),
    )


def _bound(text: str, option: str, zone: ZoneInfo) -> int | None:
    from ess_server.replay.times import TimeMistakeError, parse_time  # noqa: PLC0415 - as above

    try:
        return parse_time(text, zone) if text else None
    except TimeMistakeError as error:
        raise CommandError(f"{option}: {error}", Exit.USAGE) from None


def _run(settings: Settings, files: tuple[Path, ...], read: "ReadOptions", options: "ReplayOptions") -> "Replayed":
    from ess_server.replay import halves  # noqa: PLC0415 - as above

    task = halves.Task(files=files, read=read, evaluators=settings.evaluators, options=options)
    with halves.second_process(task) as second:
        recording = _recording(files, read)
        try:
            with _progress(recording.rows) as progress:
                return halves.replay(task, recording, second, progress)
        except EssError as error:
            raise CommandError(str(error), Exit.USAGE) from None


def _recording(files: tuple[Path, ...], options: "ReadOptions") -> "Recording":
    from ess_server.replay.problems import RecordingError  # noqa: PLC0415 - as above
    from ess_server.replay.recording import read_recording  # noqa: PLC0415 - as above

    try:
        return read_recording(files, options)
    except RecordingError as error:
        lines = tuple(str(p) for p in error.problems)
        if len(lines) == 1:
            raise CommandError(lines[0], Exit.USAGE) from None
        raise CommandError("the recording has mistakes", Exit.USAGE, lines=lines) from None


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    """Show how far the replay is, on a terminal only."""
    from rich.progress import Progress  # noqa: PLC0415 - rich is only loaded where something is shown

    from ess_server.cli.tables import console  # noqa: PLC0415 - as above

    screen = console(err=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("replaying", total=rows)
        yield lambda done: bar.update(task, completed=done)


def _draw(replayed: "Replayed", chart: Path, zone: ZoneInfo) -> None:
    try:
        from ess_server.replay.chart import draw  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        message = f"--chart needs {missing.name}, which is not installed"
        raise CommandError(message, Exit.USAGE, next_steps=(INSTALL,)) from missing
    try:
        draw(replayed, chart, zone)
    except OSError as error:
        raise CommandError(f"{chart} cannot be written ({error.strerror})", Exit.USAGE) from None
    heed(f"chart: {plain(str(chart))}")


def _show(replayed: "Replayed", *, as_json: bool) -> Exit:
    from ess_server.cli.tables import print_table  # noqa: PLC0415 - rich is only loaded where something is shown
    from ess_server.replay import report  # noqa: PLC0415 - as above

    trips = report.would_trip(replayed)
    if as_json:
        print_json(report.document(replayed))
    else:
        print_table("would-be trips and near misses", report.EPISODE_COLUMNS, report.episode_rows(replayed))
        print_table("evaluators", report.SUMMARY_COLUMNS, report.summary_rows(replayed))
        for note in report.notes(replayed):
            heed(f"note: {plain(note)}")
        say(
            "at least one evaluator would have tripped" if trips else "no evaluator would have tripped",
            colour="red" if trips else "green",
            bold=True,
        )
    return Exit.WOULD_TRIP if trips else Exit.OK
