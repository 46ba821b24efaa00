"""Tables as people see them: on a terminal and in a file."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tests.cli.running import environment

PROGRAM = """
from ess_server.cli.tables import print_table
print_table("evaluators", ("evaluator", "read (UTC)", "detail"), [
    ("drawdown/main", "2026-11-22 21:00:15", "account main: daily loss 63.8524 % reached the limit of 3 %"),
    ("host", "", ""),
])
"""
CODES = re.compile(r"\x1b\[[0-9;]*m")


def _on_terminal(columns: int) -> list[str]:
    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdout=other,
        stdin=other,
        env={k: v for k, v in environment().items() if k not in ("COLUMNS", "LINES")} | {"TERM": "xterm"},
        timeout=20,
        check=True,
    )
    os.close(other)
    text = os.read(own, 65536).decode()
    os.close(own)
    return CODES.sub("", text).splitlines()


@pytest.mark.parametrize("columns", [60, 70])
def test_sentences_without_room_stand_below_their_row(columns: int) -> None:
    """Names and times stay whole on a narrow terminal; no line is longer than it is wide."""
    lines = _on_terminal(columns)
    assert [line for line in lines if line.startswith("drawdown/main  2026-11-22 21:00:15")]
    assert "    account main: daily loss 63.8524 % reached" in "\n".join(lines)
    assert max(map(len, lines)) <= columns


def test_sentences_with_room_stand_beside() -> None:
    """A terminal that is wide enough shows a row on one line, without blanks at its end."""
    lines = _on_terminal(120)
    assert len(lines) == 4
    assert lines[2].endswith("reached the limit of 3 %")
    assert lines[3] == "host"


def test_files_have_one_line_for_each_row() -> None:
    """What is no terminal is searched by other programs: nothing is cut, folded, or filled up."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment(), timeout=20, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all(line == line.rstrip() for line in lines)
