"""``ess demo``."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the timeline as JSON.")
@click.option("--keep", is_flag=True, help="Keep the folder with logs and data.")
def demo(*, as_json: bool, keep: bool) -> None:
    """Show a stop from crash to reset: paper venue, server and two engines, in less than a minute.

    Ends 0 only if every step was observed. Talks to this machine only.
    """
    # Imported here: ccxt and rich take a second that no other command should pay.
    from ess_server.demo.play import DemoError, Play  # noqa: PLC0415
    from ess_server.demo.report import as_json as to_json  # noqa: PLC0415
    from ess_server.demo.report import print_table  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="ess-demo-"))
    play = Play(folder, lambda words: click.echo(words, err=True))
    failure = ""
    try:
        asyncio.run(play.run())
    except DemoError as error:
        failure = str(error)
    finally:
        if keep:
            click.echo(f"logs and data are in {folder}", err=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        click.echo(to_json(play.timeline, failure))
    else:
        print_table(play.timeline, failure)
    sys.exit(1 if failure or play.timeline.missing else 0)
