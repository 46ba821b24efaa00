"""The table of a fault run: what it prints and how it ends, with families that are quick."""

import pytest

from tests.fault.result import NOT_SURVIVED, Result
from tests.fault.run import NOTHING_RAN, Family, main


def survives(_: float, __: int) -> Result:
    """Two faults, both survived."""
    return Result(tried=2, survived=2)


def does_not(_: float, __: int) -> Result:
    """Two faults, one of them not survived."""
    return Result(tried=2, survived=1, findings=["round 1: lost"])


def raises(_: float, __: int) -> Result:
    """A family that is broken itself."""
    raise RuntimeError("cannot begin")


def tries_nothing(_: float, __: int) -> Result:
    """A family for which there was no time."""
    return Result()


def lacks(_: float, __: int) -> Result:
    """A family that needs what this machine does not have."""
    return Result(missing="strace is not on this machine")


@pytest.mark.parametrize(
    ("runs", "code", "said"),
    [
        ([survives], 0, "in all"),
        ([survives, does_not], NOT_SURVIVED, "f1: 1 NOT SURVIVED; again with: python -m tests.fault.run 3 --only f1"),
        ([raises, survives], NOT_SURVIVED, "cannot begin"),
        ([tries_nothing], NOT_SURVIVED, "nothing was tried"),
        ([survives, lacks], 0, "LEFT OUT: f1"),
        ([lacks, does_not], NOT_SURVIVED, "LEFT OUT: f0"),
        ([lacks], NOTHING_RAN, "NOT RUN: strace is not on this machine"),
    ],
)
def test_a_run_ends_with_zero_only_if_all_that_ran_was_survived(
    runs: list, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not survived names the command that repeats it; what this machine lacks is said aloud."""
    families = [Family(f"f{number}", 1.0, run, "what") for number, run in enumerate(runs)]

    assert main(["3", "--seed", "7"], families) == code

    printed = capsys.readouterr().out
    assert said in printed
    assert printed.splitlines()[0].endswith("seed 7")
