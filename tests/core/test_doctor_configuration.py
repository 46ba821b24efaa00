"""What the doctor says of a configuration, and all of it in a sentence."""

from dataclasses import replace

import pytest

from ess_server.core.doctor import in_a_sentence, judge_arrangement
from ess_server.core.examination import Topic
from ess_server.core.findings import Finding, Grade
from ess_server.core.model import Action

from .examined import ARRANGED


@pytest.mark.parametrize(
    ("changes", "grade", "words"),
    [
        ({"accounts": 0}, Grade.WARN, "no account is configured"),
        ({"same_keys": (("a", "b"),)}, Grade.UNSAFE, "a and b use the same key"),
        ({"live": 0}, Grade.WARN, "no evaluator is live: only people and the tripwire stop anything"),
        ({"live": 0, "shadow": 3}, Grade.WARN, "3 in shadow mode"),
        ({"default_action": Action.BLOCK}, Grade.WARN, "default_action is block"),
        ({"expected": 0}, Grade.WARN, "no gate is expected"),
        ({"paper": ("main",)}, Grade.INFO, "on a paper venue: main"),
    ],
)
def test_dangers_in_the_configuration(changes: dict[str, object], grade: Grade, words: str) -> None:
    """Property: one danger is one finding with its next step, and without any there is none."""
    assert judge_arrangement(ARRANGED) == ()

    (finding,) = judge_arrangement(replace(ARRANGED, **changes))  # type: ignore[arg-type] # fields of Arrangement

    assert (finding.grade, words in finding.words, finding.account) == (grade, True, "")
    assert finding.remedy


def test_without_accounts_the_default_action_is_no_danger() -> None:
    """It has nothing to close."""
    (only,) = judge_arrangement(replace(ARRANGED, accounts=0, default_action=Action.BLOCK))

    assert "no account" in only.words


def test_the_sentence_names_the_worst_first_and_counts_the_rest() -> None:
    """Two in full, UNSAFE before UNKNOWN, and nothing where nothing is serious."""

    def one(account: str, grade: Grade) -> Finding:
        return Finding(account=account, topic=Topic.KEY, grade=grade, words="w")

    some = [one("a", Grade.UNKNOWN), one("", Grade.UNSAFE), one("c", Grade.UNKNOWN), one("d", Grade.WARN)]

    assert in_a_sentence(some) == (
        "configuration: UNSAFE, key: w; a: UNKNOWN, key: w; and 1 more; look with: ess doctor"
    )
    assert in_a_sentence(some[:2]).count("more") == 0
    assert in_a_sentence(some[3:]) == ""
