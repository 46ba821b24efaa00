"""Processes that are killed while they make files."""

import random
import subprocess
import sys
from pathlib import Path

import pytest


def killed_while_creating(program: str, directory: Path, chance: random.Random, longest: float) -> int:
    """Run a program that prints a line for each file it has made; return after how many, at least, it was killed.

    It dies at a random moment, at most ``longest`` seconds after the beginning of a file.
    """
    with subprocess.Popen([sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        complete = chance.randrange(3)
        for _ in range(complete + 1):
            assert child.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0.0, longest))
        child.kill()
    return complete
