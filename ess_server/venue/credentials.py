"""API keys: read from private files or the environment, never shown."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ess_server.core.errors import EssError
from ess_server.core.venue_link import KeySource

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES = 65_536


class CredentialError(EssError):
    """A key or secret could not be read; the message names the setting and the remedy, never the content.

    The setting's value is part of it only where it is a file or a variable: else it may be the key itself.
    """


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An API key with its secret, and the passphrase where an exchange has one. None is part of ``repr``."""

    key: str
    secret: str
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Credentials(...)"


def read_credentials(
    key: KeySource,
    secret: KeySource,
    passphrase: KeySource | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> Credentials:
    """Read every part that has a place. Raises CredentialError."""
    third = "" if passphrase is None else _read("passphrase", passphrase, environ)
    return Credentials(_read("api_key", key, environ), _read("secret", secret, environ), third)


def _read(what: str, source: KeySource, environ: Mapping[str, str]) -> str:
    if source.file:
        place = f"{what}_file: {source.file}"
        text = _private_file(Path(source.file), f"{what}_file")
    elif source.env in environ:
        text, place = environ[source.env], f"{what}_env: the environment variable {source.env!r}"
    else:
        raise CredentialError(f"{what}_env names a variable that is not set")
    if not text.strip():
        raise CredentialError(f"{place} holds no key")
    return text.strip()


def _private_file(path: Path, setting: str) -> str:
    try:
        # The descriptor that was checked is the one that is read; O_NONBLOCK so that a named pipe cannot hang us.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if os.path.lexists(path):
            raise CredentialError(f"{setting}: {path}: {error.strerror}") from None
        raise CredentialError(f"{setting} names no file that can be found ({error.strerror})") from None
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise CredentialError(f"{setting}: {path} is not a regular file")
        if mode & _OTHERS:
            detail = f"can be read by others (mode {mode & 0o777:o}): chmod 600 {path}"
            raise CredentialError(f"{setting}: {path} {detail}")
        return os.read(fd, _MAX_BYTES).decode("utf-8", "replace")
    finally:
        os.close(fd)
