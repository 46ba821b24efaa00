"""The judges of the fault suite see what they are there for: each is shown one thing that must not be."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ess_server.core.model import Action
from tests.e2e.process import ROOT
from tests.fault.disk import Disk
from tests.fault.hand import both_say_inactive
from tests.fault.installation import LATCH, STATE_DB, opened
from tests.fault.mutants import Copy, problem_of
from tests.fault.races import Effect, order_problem, replayed
from tests.fault.run import FAMILIES
from tests.fault.seeds import FAMILY, SEEDS, Seed, table

DIRECTORY, TOLD = "/d", "/told"


def shown(text: str) -> str:
    """Return a text as strace prints it."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def log(*calls: str) -> str:
    """Return the log of one thread; texts in quotes and brackets are turned into what strace prints."""
    lines = []
    for call in calls:
        parts = call.split("'")
        lines.append("7 " + "".join(shown(part) if number % 2 else part for number, part in enumerate(parts)))
    return "\n".join(lines)


WRITTEN = (
    "openat(AT_FDCWD<'/'>, \"'/d/new'\", O_RDWR|O_CREAT, 0600) = 3<'/d/new'>",
    "pwrite64(3<'/d/new'>, \"'whole'\", 5, 0) = 5",
)
SYNCED = (*WRITTEN, "fdatasync(3<'/d/new'>) = 0")
RENAMED = (*SYNCED, "rename(\"'/d/new'\", \"'/d/kept'\") = 0")
DIRECTORY_SYNCED = ("openat(AT_FDCWD<'/'>, \"'/d'\", O_RDONLY) = 4<'/d'>", "fsync(4<'/d'>) = 0")
NAMED = (*WRITTEN, *DIRECTORY_SYNCED)
KEPT = (*RENAMED, *DIRECTORY_SYNCED)


@pytest.mark.parametrize(
    ("calls", "left"),
    [(WRITTEN, {}), (SYNCED, {}), (RENAMED, {}), (NAMED, {"new": b""}), (KEPT, {"kept": b"whole"})],
    ids=["written", "synced", "renamed", "only its name", "both"],
)
def test_only_what_was_synced_with_its_name_outlives_the_power(calls: tuple[str, ...], left: dict[str, bytes]) -> None:
    """Content needs a sync of its file, and its name one of the directory."""
    *_, last = Disk(DIRECTORY, TOLD).moments(log(*calls))

    assert last.only_synced() == left


def test_a_call_that_changes_files_in_a_way_that_is_not_understood_is_an_error() -> None:
    """A disk that is rebuilt wrongly would prove nothing."""
    with pytest.raises(ValueError, match="does not know: fallocate"):
        list(Disk(DIRECTORY, TOLD).moments(log("fallocate(3<'/d/kept'>, 0, 0, 100) = 0")))


async def test_both_records_have_to_say_inactive(tmp_path: Path) -> None:
    """By hand, and apart from what a start believes: a stop in either one is no INACTIVE."""
    async with opened(tmp_path) as one:
        await one.reset("", one.controller.state.revision)
        assert both_say_inactive(tmp_path)
        before = {name: (tmp_path / name).read_bytes() for name in (STATE_DB, LATCH)}
        one.trigger("account/a", Action.BLOCK)
        await one.controller.settle()

    assert not both_say_inactive(tmp_path)
    for name, content in before.items():
        after = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content)
        assert not both_say_inactive(tmp_path)
        (tmp_path / name).write_bytes(after)


def test_a_reset_that_takes_a_newer_trigger_with_it_is_seen() -> None:
    """The trigger at 12 came after the revision that the reset names."""
    trigger = Effect("account/a", 12, asked=1, answered=2)
    covered, not_covered = (Effect("global", 13, asked=3, answered=4, named=named) for named in (12, 11))

    assert [problem for _, _, problem in replayed({}, [trigger, covered])] == ["", ""]
    assert "released {'account/a': 12}" in list(replayed({}, [trigger, not_covered]))[-1][2]


def test_revisions_that_run_against_time_are_seen() -> None:
    """What was asked after an answer has a higher revision than that answer; calls at once may have either."""
    first, at_once = Effect("global", 12, asked=1, answered=3), Effect("global", 11, asked=2, answered=4)
    later = Effect("global", 10, asked=5, answered=6)

    assert order_problem([first, at_once]) == ""
    assert "asked after 12" in order_problem([first, at_once, later])


def test_every_seeded_bug_finds_its_line_and_its_check() -> None:
    """The table follows the code: each line is in its file exactly once, and each test that is named exists."""
    lost = [seed for seed in SEEDS if (ROOT / seed.file).read_text().count(seed.old) != 1]
    checks = Counter(seed.check for seed in SEEDS if "::" in seed.check)
    gone = [check for check in checks if f"def {check.rpartition('::')[2]}(" not in _text(check)]

    assert not lost
    assert not gone
    assert len(SEEDS) >= 25


def test_every_family_is_shown_a_bug_that_it_finds() -> None:
    """A family that cannot fail proves nothing; the seeded bugs themselves are the family that is left."""
    shown = {seed.check.removeprefix(FAMILY) for seed in SEEDS if seed.check.startswith(FAMILY)}

    assert shown == {family.name for family in FAMILIES} - {"mutants"}


def test_a_bug_that_its_check_does_not_see_is_a_finding(tmp_path: Path) -> None:
    """The check stays green, or the line is gone: both are told, and the copy is mended."""
    (tmp_path / "code.py").write_text("ONE = 1\n")
    (tmp_path / "test_code.py").write_text("import json\n\n\ndef test() -> None:\n    assert True\n")
    copy, unseen = Copy(tmp_path), Seed("code.py", "ONE = 1", "ONE = 2", "one is two", "test_code.py::test")

    assert "stays green" in problem_of(unseen, copy)
    assert "holds 0 times" in problem_of(replace(unseen, old="TWO"), copy)
    assert (tmp_path / "code.py").read_text() == "ONE = 1\n"


def test_documentation_shows_the_table_of_seeds() -> None:
    """As ``python -m tests.fault.mutants`` prints it."""
    assert table() in (ROOT / "docs" / "fault-tests.md").read_text()


def _text(check: str) -> str:
    path = ROOT / check.partition("::")[0]
    return path.read_text() if path.exists() else ""
