"""``ess paper``."""

import asyncio
from pathlib import Path

import click

from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.venue.paper.run import serve
from ess_server.venue.paper.venue import PaperConfig


@click.command(epilog=exit_help(Exit.OK, Exit.USAGE))
@click.option(
    "--cert-dir",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="where the certificate authority is kept that clients have to trust",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="0, by default, takes a free one"
)
@click.option("--accounts", type=click.Path(path_type=Path), metavar="FILE", help="JSON list of accounts to open")
@click.option("--walk", type=int, metavar="SEED", help="let prices walk at random")
def paper(*, cert_dir: Path, host: str, port: int, accounts: Path | None, walk: int | None) -> Exit:
    """Run a paper venue that speaks exchanges' own protocols over TLS; prints port and accounts as JSON."""
    try:
        asyncio.run(serve(cert_dir=cert_dir, host=host, port=port, accounts=accounts, config=PaperConfig(walk=walk)))
    except (ValueError, OSError) as error:
        raise CommandError(f"paper venue: {error}", Exit.USAGE) from None
    return Exit.OK
