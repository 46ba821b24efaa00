"""Keys: from private files or the environment, and nowhere else."""

import os
from pathlib import Path

import pytest

from ess_server.core.venue_link import KeySource
from ess_server.venue.credentials import CredentialError, read_credentials

ENV = KeySource(env="ESS_SECRET")


def key_file(tmp_path: Path, mode: int, content: str = "the-key\n") -> KeySource:
    """Write a key file."""
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(mode)
    return KeySource(file=str(path))


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_private_file_and_environment_are_read(tmp_path: Path, mode: int) -> None:
    """A file that only its owner can read, and a variable, give key and secret without surrounding space."""
    found = read_credentials(key_file(tmp_path, mode), ENV, environ={"ESS_SECRET": " the-secret\n"})

    assert (found.key, found.secret) == ("the-key", "the-secret")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others is refused, with the command that mends it and without the content."""
    with pytest.raises(CredentialError, match="chmod 600") as raised:
        read_credentials(key_file(tmp_path, mode), ENV, environ={"ESS_SECRET": "x"})

    assert "the-key" not in str(raised.value)


def test_what_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    """A missing file, an empty one, an unset variable and an empty one are errors that name the setting to look at."""
    good = key_file(tmp_path, 0o600)
    with pytest.raises(CredentialError, match=r"api_key_file names no file that can be found \(No such file"):
        read_credentials(KeySource(file=str(tmp_path / "nowhere")), ENV, environ={"ESS_SECRET": "x"})
    with pytest.raises(CredentialError, match="secret_env names a variable that is not set"):
        read_credentials(good, ENV, environ={})
    with pytest.raises(CredentialError, match="secret_env: the environment variable 'ESS_SECRET' holds no key"):
        read_credentials(good, ENV, environ={"ESS_SECRET": " "})
    with pytest.raises(CredentialError, match=f"api_key_file: {tmp_path}/key holds no key"):
        read_credentials(key_file(tmp_path, 0o600, "\n"), ENV, environ={"ESS_SECRET": "x"})


@pytest.mark.parametrize("secret", ["hunter2", "h" * 300, "hunter2/+Aa9=="])
def test_a_key_in_place_of_the_name_of_its_place_is_never_shown(tmp_path: Path, secret: str) -> None:
    """Whatever is nowhere a file or a variable may be the key itself: the setting is named, and not its value."""
    good = key_file(tmp_path, 0o600)
    for pasted in (KeySource(file=str(tmp_path / secret)), KeySource(env=secret)):
        for sources in ((pasted, good), (good, pasted), (good, good, pasted)):
            with pytest.raises(CredentialError, match=r"^(api_key|secret|passphrase)_(file|env) names") as raised:
                read_credentials(*sources, environ={})

            assert secret not in str(raised.value)


def test_a_place_that_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """A directory or a named pipe is refused; the pipe does not hang the reader."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", "."):
        with pytest.raises(CredentialError, match="not a regular file"):
            read_credentials(KeySource(file=str(tmp_path / name)), ENV, environ={"ESS_SECRET": "x"})


def test_credentials_do_not_show_themselves(tmp_path: Path) -> None:
    """Neither repr nor str of credentials holds a part of them."""
    found = read_credentials(key_file(tmp_path, 0o600), ENV, environ={"ESS_SECRET": "the-secret"})

    assert "the-" not in f"{found!r} {found}"


def test_a_passphrase_is_read_like_a_key_and_held_as_close(tmp_path: Path) -> None:
    """It comes from a private file or a variable, is refused from a file that others can read, and never shows."""
    found = read_credentials(ENV, ENV, key_file(tmp_path, 0o600), environ={"ESS_SECRET": "x"})
    with pytest.raises(CredentialError, match="chmod 600") as raised:
        read_credentials(ENV, ENV, key_file(tmp_path, 0o644), environ={"ESS_SECRET": "x"})

    assert found.passphrase == "the-key"
    assert read_credentials(ENV, ENV, environ={"ESS_SECRET": "x"}).passphrase == ""
    assert "the-key" not in f"{found!r} {raised.value}"
