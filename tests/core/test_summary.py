"""The sentence that people read: what is stopped, since when and why, and who is not known to deny."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ess_server.core import latch
from ess_server.core.model import (
    AccountProgress,
    Action,
    CauseSource,
    DelayedFlatten,
    EmergencyState,
    FlattenStatus,
)
from ess_server.core.subscribers import Enforcement
from ess_server.core.summary import accounts_in_words, cause_in_words, gates_in_words, state_in_words
from ess_server.testing import START

from .rig import activation

NO_GATES = Enforcement(
    revision=1, expected=0, confirmed=0, expired=0, pending=0, missing=0, elapsed=None, unconfirmed=()
)
SOME_GATES = replace(NO_GATES, expected=5, confirmed=2, expired=1, pending=1, missing=1, unconfirmed=("mm-1", "arb"))


def stopped(*scopes: str) -> EmergencyState:
    """Return a state with a stop on each scope, one second apart."""
    at = EmergencyState(store_id="store", revision=0)
    for scope in scopes:
        one = activation(scope)
        one = replace(one, cause=replace(one.cause, time=one.cause.time + timedelta(seconds=at.revision)))
        at = latch.activate(at, one, revision=at.revision + 1, stop_id=f"s{at.revision + 1}")
    return at


def account(name: str, status: FlattenStatus, stop_id: str = "s1") -> AccountProgress:
    """Return the progress of an account under work."""
    return AccountProgress(account=name, venue="paper", status=status, stop_id=stop_id)


def test_inactive_says_that_trading_is_allowed() -> None:
    """INACTIVE is told in plain words, with the revision that a reset has to name."""
    words = state_in_words(EmergencyState(store_id="store", revision=7), SOME_GATES)
    assert words == "Trading is allowed: no stop is latched (revision 7)"


def test_active_is_never_shown_bare() -> None:
    """ACTIVE comes with TRADING STOPPED, since when, the cause, the scopes and the gates."""
    words = state_in_words(stopped("account/main"), SOME_GATES, [account("main", FlattenStatus.CLOSING)])
    assert words == (
        "TRADING STOPPED (ESS ACTIVE) since 2026-01-05 12:00:00 UTC (manual): account/main FLATTEN; "
        "2 of 5 gates confirmed, 1 denying by expired lease, not confirmed: mm-1, arb; 0 of 1 accounts flat"
    )


def test_first_stop_leads_and_many_are_counted() -> None:
    """The oldest stop tells since when; of many scopes four are named and the rest counted."""
    state = stopped("symbol/A", "symbol/B", "symbol/C", "symbol/D", "symbol/E", "symbol/F")
    state = replace(state, stops=tuple(reversed(state.stops)))
    words = state_in_words(state, NO_GATES)
    assert "since 2026-01-05 12:00:00 UTC" in words
    assert words.endswith("symbol/C FLATTEN and 2 more; no gate is connected or expected")


def test_held_stop_says_so() -> None:
    """A held stop is told as held, it still stops trading."""
    held = latch.hold(stopped("account/main"), stopped("account/main").stops[0].scope, revision=2)
    assert "account/main BLOCK held;" in state_in_words(held, NO_GATES)


@pytest.mark.parametrize(
    ("source", "evaluator", "words"),
    [
        (CauseSource.EVALUATOR, "drawdown", "drawdown"),
        (CauseSource.EVALUATOR_FAULT, "", "evaluator fault"),
        (CauseSource.TRIPWIRE, "", "tripwire"),
    ],
)
def test_cause_is_the_evaluator_or_the_source(source: CauseSource, evaluator: str, words: str) -> None:
    """A cause is named by its evaluator, else by where it came from."""
    stop = stopped("").stops[0]
    assert cause_in_words(replace(stop, cause=replace(stop.cause, source=source, evaluator=evaluator))) == words


def test_all_gates_confirmed() -> None:
    """When every gate is known to deny nothing else is told of them."""
    assert gates_in_words(replace(NO_GATES, expected=38, confirmed=38)) == "38 of 38 gates confirmed"


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ([], ""),
        ([account("main", FlattenStatus.FLAT, stop_id="older")], ""),
        ([account("main", FlattenStatus.FLAT), account("b", FlattenStatus.FLAT_WITH_DUST)], "2 of 2 accounts flat"),
        ([account("main", FlattenStatus.UNKNOWN), account("b", FlattenStatus.HELD)], "0 of 2 accounts flat, 1 held"),
    ],
)
def test_accounts_at_work_are_counted(accounts: list[AccountProgress], words: str) -> None:
    """Only accounts with work of a standing stop count, and only what the venue has shown counts as flat."""
    assert accounts_in_words(accounts, stopped("global").stops) == words


@pytest.mark.parametrize(
    ("positions", "words"),
    [(0, "1 of 1 accounts flat"), (2, "0 of 1 accounts flat, 1 without orders but with positions")],
)
def test_what_is_only_cancelled_is_not_called_flat(positions: int, words: str) -> None:
    """A stop that closes nothing is done when no order is left; with a position that is not flat."""
    done = replace(account("main", FlattenStatus.CANCELLED), open_positions=positions)
    assert accounts_in_words([done], [replace(stopped("global").stops[0], action=Action.CANCEL)]) == words


def test_what_will_be_flattened_says_when() -> None:
    """Who reads the sentence sees that there is something to hold, and until when."""
    one = activation("account/main", Action.CANCEL)
    due = DelayedFlatten(time=START + timedelta(seconds=75), delay=timedelta(seconds=75))
    at = EmergencyState(store_id="store", revision=0)
    words = state_in_words(latch.activate(at, one, revision=1, stop_id="s", flatten=due), NO_GATES)
    assert "account/main CANCEL, flattens at 12:01:15 UTC unless held; " in words
