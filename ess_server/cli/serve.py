"""``ess serve``."""

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
import grpc.aio

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb import emergency_stop_pb2_grpc as rpc
from ess_server.app import ConfigFile
from ess_server.app import serve as run
from ess_server.app.capacity import use_all_files
from ess_server.app.garbage import collect_by_hand
from ess_server.cli.config import read
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit, exit_help
from ess_server.cli.logs import LEVELS, set_up
from ess_server.cli.output import plain, tinted
from ess_server.cli.target import ADDRESS
from ess_server.config import listen as addresses
from ess_server.config.settings import ServerSettings, Settings
from ess_server.core.errors import EssError
from ess_server.core.log_queue import LogQueue

STATE_WITHIN = 2.0
"""Seconds."""
TOLD_WITHIN = timedelta(milliseconds=500)
"""How long the end of the server waits for its last lines to be read."""


@click.command(epilog=exit_help(Exit.OK, Exit.USAGE))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    envvar="ESS_DATA_DIR",
    help="keep the latch and the audit log here (ESS_DATA_DIR)",
)
@click.option("--ephemeral", is_flag=True, help="keep nothing: every start is ACTIVE until it is reset")
@click.option(
    "--listen", metavar="HOST:PORT", help=f"{ADDRESS} unless the configuration names another; port 0 takes a free one"
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="ESS_CONFIG",
    help="TOML file (ESS_CONFIG); none serves without accounts",
)
@click.option("--insecure", is_flag=True, help="listen without TLS on an address that others can reach")
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def serve(
    *,
    data_dir: Path | None,
    ephemeral: bool,
    listen: str | None,
    config: Path | None,
    insecure: bool,
    log_level: str,
    log_format: str,
) -> Exit:
    """Run the server until SIGTERM or Ctrl-C; what is given here counts more than the configuration.

    SIGHUP reads the configuration again: evaluators are taken on, the rest needs a restart.

    SIGUSR1 stops trading, from start to end: kill -USR1 PID. Every manual evaluator says what it stops; without one,
    everything is stopped with the configured action.
    """
    settings = read(config) if config else Settings()
    file = ConfigFile(config, settings) if config else None
    server = settings.server
    if listen is not None:
        server = replace(server, listen=_address(listen))
    if data_dir is not None or ephemeral:
        server = replace(server, data_dir=_place(data_dir, ephemeral=ephemeral))
    elif server.data_dir is None:
        raise click.UsageError("say where the state is kept with --data-dir DIR, or keep nothing with --ephemeral")
    server = replace(server, insecure=insecure or server.insecure)
    lines = set_up(log_level, as_json=log_format == "json")
    return _run(replace(settings, server=server), file, lines)


def _run(settings: Settings, file: ConfigFile | None, lines: LogQueue) -> Exit:
    """Serve. What is said goes by the queue: a stderr that nobody reads holds up neither server nor end."""
    code = 1
    use_all_files()
    collect_by_hand()
    try:
        asyncio.run(run(settings, file=file, ready=_Banner(settings.server, lines).ready))
        lines.say("ess: ended; what is latched stays latched")
        code = Exit.OK
    except EssError as error:
        code = Exit.USAGE
        raise CommandError(str(error), Exit.USAGE) from None
    finally:
        if not lines.drain(TOLD_WITHIN):
            # Whatever is left to print, a traceback too, would hang as well.
            os._exit(code)
    return Exit.OK


def _address(text: str) -> str:
    try:
        addresses.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    return text


def _place(data_dir: Path | None, *, ephemeral: bool) -> Path | None:
    if not ephemeral:
        return data_dir
    # The variable may be set for other commands, so only the option contradicts.
    context = click.get_current_context()
    if context.get_parameter_source("data_dir") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--ephemeral keeps nothing, --data-dir does; leave one out")
    return None


class _Banner:
    """What a person is told when the server is ready."""

    def __init__(self, server: ServerSettings, lines: LogQueue) -> None:
        self._server = server
        self._lines = lines
        self._task: asyncio.Task[None] | None = None

    def ready(self, port: int) -> None:
        """Say where the server listens, and what to type next."""
        address = f"{self._server.listen.rpartition(':')[0]}:{port}"
        tls = "with TLS" if self._server.tls else "without TLS"
        self._lines.say(tinted(f"ess: listening on {address} {tls}", "green"))
        kept = plain(str(self._server.data_dir)) if self._server.data_dir else "nowhere (--ephemeral)"
        self._lines.say(f"ess: state is kept in {kept}")
        if self._server.tls:
            self._lines.say(f"next: ess --target HOST:{port} --ca FILE status")
        else:
            self._task = asyncio.get_running_loop().create_task(_say_state(f"127.0.0.1:{port}", address, self._lines))


async def _say_state(local: str, address: str, lines: LogQueue) -> None:
    """Ask the server itself, as anybody would; that it may listen elsewhere only costs the sentence."""
    named = "" if address == ADDRESS else f"--target {address} "
    steps = [f"ess {named}status"]
    try:
        async with grpc.aio.insecure_channel(local, options=(("grpc.enable_http_proxy", 0),)) as channel:
            stub = rpc.EmergencyStopServiceStub(channel)  # type: ignore[no-untyped-call] # generated
            seen: pb.GetStateResponse = await stub.GetState(pb.GetStateRequest(), timeout=STATE_WITHIN)
    except grpc.RpcError:
        pass
    else:
        lines.say(tinted(f"ess: {plain(seen.summary)}", "red" if seen.state.stops else "green"))
        for stop in seen.state.stops:
            lines.say(f"ess:   {plain(stop.scope)}: {plain(stop.cause.reason)}")
        if seen.state.stops:
            steps.append(f"ess {named}reset")
    for step in steps:
        lines.say(f"next: {step}")
