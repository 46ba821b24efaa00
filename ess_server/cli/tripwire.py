"""The stop that needs no server: a file in its data directory."""

import os
from pathlib import Path

import click

NAME = "tripwire"


def trip(data_dir: Path, reason: str) -> str:
    """Make the tripwire with ``reason`` in it; return what a person should know about it beyond that.

    A tripwire that is there already is left as it is. Raises OSError if none could be made.
    """
    if not data_dir.is_dir():
        raise NotADirectoryError(f"{data_dir} is no directory")
    try:
        _place(data_dir, reason)
        _sync(data_dir)
    except FileExistsError:
        return "it was there already"
    except OSError:
        return _place_bare(data_dir, reason)
    return ""


def is_used(data_dir: Path) -> bool:
    """Whether a server has ever used the directory; in any other one nobody would look for a tripwire."""
    return (data_dir / "lock").exists()


def data_directory(named: Path | None, config: Path | None) -> Path | None:
    """Return the data directory that is named, else that of the configuration, else None. Raises ConfigError."""
    if named or not config:
        return named
    from ess_server.config.load import load  # noqa: PLC0415 - only this case pays for reading a configuration

    return load(config).server.data_dir


def data_dir_options(command: click.decorators.FC) -> click.decorators.FC:
    """Add ``--data-dir`` and ``--config``."""
    file = click.Path(path_type=Path)
    text = "the server's data directory (ESS_DATA_DIR), for the tripwire"
    command = click.option("--config", type=file, metavar="FILE", envvar="ESS_CONFIG", help="... or its configuration")(
        command
    )
    return click.option("--data-dir", type=file, metavar="DIR", envvar="ESS_DATA_DIR", help=text)(command)


def _place(data_dir: Path, reason: str) -> None:
    """Let the file appear with its content: the server may look at any moment."""
    new = data_dir / f".{NAME}-{os.getpid()}"
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(reason + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(new, data_dir / NAME)
    finally:
        new.unlink(missing_ok=True)


def _place_bare(data_dir: Path, reason: str) -> str:
    """Make the file as simply as can be: that it exists is what counts, and on a full disk all there is room for."""
    descriptor = os.open(data_dir / NAME, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o644)
    try:
        os.write(descriptor, reason.encode() + b"\n")
        os.fsync(descriptor)
    except OSError as error:
        return f"but the disk would not take the reason: {error.strerror}"
    finally:
        os.close(descriptor)
    return ""


def _sync(data_dir: Path) -> None:
    descriptor = os.open(data_dir, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
