"""Which server a command speaks to. The options stand before or after the command; the later one counts."""

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])

ADDRESS = "127.0.0.1:50051"
TIMEOUT = 5.0
_META = "ess.target."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Address, TLS files and how many seconds one answer may take."""

    address: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    timeout: float
    ess: str = "ess"
    """How the command line is to be typed so that it speaks to this server again."""

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, as far as the address tells."""
        if self.address.startswith("unix:"):
            return True
        host = self.address.rpartition(":")[0].strip("[]")
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def target_of(context: click.Context) -> Target:
    """Return the server that the options and the environment name."""
    named = {name.removeprefix(_META): value for name, value in context.meta.items() if name.startswith(_META)}
    typed = [f"--{n} {v}" for n, v in named.items() if n != "timeout" and os.environ.get(_variable(n)) != str(v)]
    return Target(
        address=named.get("target", ADDRESS),
        ca=named.get("ca"),
        certificate=named.get("cert"),
        key=named.get("key"),
        timeout=named.get("timeout", TIMEOUT),
        ess=" ".join(["ess", *typed]),
    )


def target_options(command: C) -> C:
    """Add the options of ``Target`` to a command; click keeps what is given in the context."""
    return _with_options(command, environment=False)


def target_defaults(group: C) -> C:
    """Add the same options to the group of all commands, which also looks into the environment."""
    return _with_options(group, environment=True)


def _with_options(command: C, *, environment: bool) -> C:
    file = click.Path(path_type=Path)
    options: tuple[tuple[str, Any, str, str], ...] = (
        ("--timeout", click.FloatRange(0.1, 600), "SECONDS", f"how long an answer may take, {TIMEOUT:g} by default"),
        ("--key", file, "FILE", "key of --cert (ESS_KEY)"),
        ("--cert", file, "FILE", "client certificate (ESS_CERT)"),
        ("--ca", file, "FILE", "certificate authority of the server; switches TLS on (ESS_CA)"),
        ("--target", str, "HOST:PORT", f"the server (ESS_TARGET, else {ADDRESS})"),
    )
    for name, kind, metavar, text in options:
        variable = _variable(name.removeprefix("--")) if environment else None
        option = click.option(
            name, type=kind, metavar=metavar, help=text, envvar=variable, expose_value=False, callback=_keep
        )
        command = option(command)
    return command


def _variable(option: str) -> str:
    return f"ESS_{option.upper()}"


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401 - any option's
    if value is not None:
        context.meta[_META + str(parameter.name)] = value
