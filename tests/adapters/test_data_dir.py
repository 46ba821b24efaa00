"""The data directory and its lock."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ess_server.adapters.data_dir import DataDirectory
from ess_server.core.errors import StoreError, StoreLockedError

HOLDER = """
import sys
from pathlib import Path
from ess_server.adapters.data_dir import DataDirectory
directory = DataDirectory.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_missing_directory_is_created_for_this_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory and its parents are made, readable by nobody else, from an absolute or a relative path."""
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "a" / "b", Path("c") / "d"):
        with DataDirectory.open(path) as directory:
            assert directory.path == path
        assert path.stat().st_mode & 0o777 == 0o700


def test_every_file_has_its_place(tmp_path: Path) -> None:
    """All files of a server lie in its directory, under the names that operators are told."""
    with DataDirectory.open(tmp_path) as directory:
        places = (directory.state_db, directory.latch, directory.metrics_db, directory.tripwire, directory.venue_lock)
    assert places == tuple(tmp_path / name for name in ("state.db", "latch", "metrics.db", "tripwire", "venue.lock"))


def test_second_server_is_refused_and_told_which_process_holds_it(tmp_path: Path) -> None:
    """While a process holds the directory another is refused, with its number; a killed one holds nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLockedError, match=rf"{tmp_path} is held by process {holder.pid}, another ess serve"):
            DataDirectory.open(tmp_path)
        holder.kill()
    DataDirectory.open(tmp_path).close()


def test_holder_without_a_number_is_still_a_holder(tmp_path: Path) -> None:
    """A lock whose file says nothing readable keeps a second server out all the same."""
    with DataDirectory.open(tmp_path):
        (tmp_path / "lock").write_bytes(b"\xff\xfe")
        with pytest.raises(StoreLockedError, match="held by another process"):
            DataDirectory.open(tmp_path)


def test_close_lets_the_next_server_in(tmp_path: Path) -> None:
    """After close, which may be called twice, the directory can be opened again."""
    directory = DataDirectory.open(tmp_path)
    directory.close()
    directory.close()
    DataDirectory.open(tmp_path).close()


def test_shorter_process_number_replaces_a_longer_one(tmp_path: Path) -> None:
    """The lock file names its present holder only."""
    (tmp_path / "lock").write_text("123456789012345\n")
    with DataDirectory.open(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_full_disk_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    """The number in the lock file is for people: where it cannot be written, the directory is held nevertheless."""
    (tmp_path / "lock").symlink_to("/dev/full")
    DataDirectory.open(tmp_path).close()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_file_in_its_place_is_named(tmp_path: Path, name: str) -> None:
    """A path that is a file, or lies below one, is refused in one sentence that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=f"data directory {tmp_path / name}: there is a file of that name"):
        DataDirectory.open(tmp_path / name)


@pytest.mark.parametrize("path", ["/proc/self/fdinfo", "/proc/none/of/this"])
def test_unwritable_directory_is_named(path: str) -> None:
    """A directory in which nothing can be made, even by root, is refused in one sentence that names it."""
    with pytest.raises(StoreError, match=f"data directory {path} cannot be used .*make it writable"):
        DataDirectory.open(Path(path))


def test_tripwire_is_seen_in_any_form(tmp_path: Path) -> None:
    """A file, a directory or a dangling link named tripwire counts; it is gone when a person removes it."""
    with DataDirectory.open(tmp_path) as directory:
        assert not directory.tripwire_exists()
        directory.tripwire.touch()
        assert directory.tripwire_exists()
        directory.tripwire.unlink()
        assert not directory.tripwire_exists()
        directory.tripwire.mkdir()
        assert directory.tripwire_exists()
        directory.tripwire.rmdir()
        directory.tripwire.symlink_to("nowhere")
        assert directory.tripwire_exists()


def test_lost_directory_is_not_a_missing_tripwire(tmp_path: Path) -> None:
    """When the directory is gone, or another lies in its place, nobody can say that there is no tripwire."""
    path = tmp_path / "data"
    with DataDirectory.open(path) as directory:
        path.rename(tmp_path / "moved")
        with pytest.raises(StoreError, match="removed or replaced"):
            directory.tripwire_exists()
        path.mkdir()
        with pytest.raises(StoreError, match="removed or replaced"):
            directory.tripwire_exists()
        path.rmdir()
        path.touch()
        with pytest.raises(StoreError, match="cannot be looked for"):
            directory.tripwire_exists()
