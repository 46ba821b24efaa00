"""Every interleaving of triggers, resets, crashes, write errors and a reconnecting gate, within bounds."""

from dataclasses import dataclass, fields, replace

import pytest

from .explore import explore
from .rules import Bounds, Rules
from .state import BLOCK, FLATTEN, GLOBAL
from .trace import told

ONE = ((GLOBAL, FLATTEN),)
TWO_SCOPES = ((1, FLATTEN), (2, BLOCK))
SCOPE_THEN_GLOBAL = ((1, FLATTEN), (GLOBAL, BLOCK))
GLOBAL_THEN_SCOPE = ((GLOBAL, FLATTEN), (1, FLATTEN))

KEPT = Rules()
HARDENED = Rules(floors_differ=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An exploration that finds nothing, of ``at_least`` so many states: fewer, and it has stopped looking."""

    name: str
    at_least: int
    bounds: Bounds
    rules: Rules = KEPT


WHOLE = (
    Whole(name="everything at once", at_least=154_000, bounds=Bounds(resets=2, crashes=2, errors=1)),
    Whole(name="two write errors", at_least=25_000, bounds=Bounds(resets=2, crashes=1, errors=2)),
    Whole(name="two scopes", at_least=69_000, bounds=Bounds(triggers=TWO_SCOPES, resets=2, crashes=2)),
    Whole(
        name="two scopes and a write error",
        at_least=26_000,
        bounds=Bounds(triggers=TWO_SCOPES, resets=2, crashes=1, errors=1),
    ),
    Whole(
        name="a scope, then all of them",
        at_least=20_000,
        bounds=Bounds(triggers=SCOPE_THEN_GLOBAL, resets=2, crashes=1, errors=1),
    ),
    Whole(
        name="all scopes, then one",
        at_least=17_000,
        bounds=Bounds(triggers=GLOBAL_THEN_SCOPE, resets=2, crashes=1, errors=1),
    ),
    Whole(name="an operator who read long ago", at_least=77_000, bounds=Bounds(resets=1, crashes=2, notes=1)),
    Whole(name="a tripwire", at_least=8_800, bounds=Bounds(triggers=ONE, resets=2, crashes=1, tripwires=1)),
    Whole(name="messages that linger", at_least=21_000, bounds=Bounds(resets=1, crashes=1, errors=1, late=True)),
    Whole(name="records that get lost", at_least=41_000, bounds=Bounds(resets=1, crashes=2, losses=1)),
    Whole(
        name="records that get lost and a write error",
        at_least=25_000,
        bounds=Bounds(triggers=ONE, resets=1, crashes=2, errors=1, losses=1),
    ),
    Whole(name="lost records and old ones", at_least=8_000, bounds=Bounds(crashes=2, losses=1, rollbacks=1)),
    Whole(
        name="an old copy of both records, floors drawn",
        at_least=18_000,
        bounds=Bounds(resets=1, crashes=2, rollbacks=1),
        rules=HARDENED,
    ),
    Whole(
        name="state shown without a floor, floors drawn",
        at_least=8_000,
        bounds=Bounds(triggers=ONE, resets=1, crashes=2, errors=1),
        rules=replace(HARDENED, floor_before_shown=False),
    ),
)


@pytest.mark.parametrize("whole", WHOLE, ids=lambda whole: whole.name)
def test_no_interleaving_breaks_a_promise(whole: Whole) -> None:
    """With every rule kept, promises 1, 2, 4, 5 and 7 hold in every reachable state."""
    result = explore(whole.rules, whole.bounds)
    assert result.broken is None, f"\n{told(result.trace)}"
    assert result.states >= whole.at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A rule, the promise that breaks without it, and narrow bounds that show it."""

    rule: str
    promise: int
    bounds: Bounds
    otherwise: Rules = KEPT


SHORT = Bounds(resets=1, crashes=1)
STARTS = Bounds(triggers=ONE, resets=1, crashes=2, errors=1)

LEFT_OUT = (
    LeftOut(rule="start_compares_both", promise=1, bounds=SHORT),
    LeftOut(rule="doubt_latches_block", promise=2, bounds=replace(SHORT, triggers=TWO_SCOPES)),
    LeftOut(rule="doubt_only_blocks", promise=2, bounds=SHORT),
    LeftOut(rule="floor", promise=4, bounds=SHORT),
    LeftOut(rule="floor_gap_exceeds_run", promise=4, bounds=SHORT),
    LeftOut(rule="floor_in_log", promise=4, bounds=replace(STARTS, losses=1)),
    LeftOut(rule="floor_before_shown", promise=4, bounds=STARTS),
    LeftOut(rule="no_floor_is_active", promise=2, bounds=STARTS),
    LeftOut(rule="late_block_new_revision", promise=4, bounds=STARTS),
    LeftOut(rule="trigger_takes_revision", promise=7, bounds=Bounds(resets=1, notes=1)),
    LeftOut(rule="action_only_rises", promise=1, bounds=SHORT),
    LeftOut(rule="witness", promise=4, bounds=SHORT),
    LeftOut(rule="writes_in_order", promise=1, bounds=SHORT),
    LeftOut(rule="reset_checks_revision", promise=7, bounds=Bounds(resets=1, notes=1)),
    LeftOut(rule="reset_waits_for_durable", promise=1, bounds=SHORT),
    LeftOut(rule="durable_means_both", promise=1, bounds=SHORT),
    LeftOut(rule="looks_before_writes", promise=1, bounds=SHORT),
    LeftOut(rule="looks_in_memory_step", promise=7, bounds=SHORT),
    LeftOut(rule="looks_at_every_scope", promise=7, bounds=replace(SHORT, triggers=TWO_SCOPES)),
    LeftOut(rule="failed_write_rewrites", promise=5, bounds=replace(SHORT, errors=1)),
    LeftOut(rule="tripwire_refuses_reset", promise=7, bounds=replace(SHORT, triggers=ONE, tripwires=1)),
    LeftOut(rule="gate_ignores_lower", promise=4, bounds=Bounds(resets=1, crashes=2, rollbacks=1), otherwise=HARDENED),
    LeftOut(rule="gate_remembers_stop", promise=4, bounds=Bounds(crashes=2, losses=1, rollbacks=1)),
    LeftOut(rule="gate_refuses_other_store", promise=4, bounds=replace(STARTS, losses=1)),
    LeftOut(rule="gate_drops_old_stream", promise=4, bounds=replace(SHORT, late=True)),
)


@pytest.mark.parametrize("row", LEFT_OUT, ids=lambda row: row.rule)
def test_each_rule_is_needed(row: LeftOut) -> None:
    """Leaving out any one rule breaks the promise that its row names."""
    result = explore(replace(row.otherwise, **{row.rule: False}), row.bounds)
    assert result.broken, f"nothing found in {result.states} states"
    assert result.broken.promise == row.promise, f"\n{told(result.trace)}"


@pytest.mark.parametrize("row", LEFT_OUT, ids=lambda row: row.rule)
def test_the_whole_protocol_holds_where_a_rule_is_left_out(row: LeftOut) -> None:
    """The bounds of each row lie within an exploration that finds nothing: it is the rule that makes the difference."""
    assert any(whole.rules == row.otherwise and whole.bounds.cover(row.bounds) for whole in WHOLE)


def test_no_rule_is_without_its_row() -> None:
    """Every switch of Rules is shown to be needed, so that none is there for decoration."""
    assert {f.name for f in fields(Rules)} - {"floors_differ"} == {row.rule for row in LEFT_OUT}


def test_an_old_copy_of_both_records_can_deceive_the_witness() -> None:
    """A known limit: floors at a fixed distance are used again after a rollback, floors that are drawn are not."""
    bounds = Bounds(resets=1, crashes=2, rollbacks=1)
    result = explore(KEPT, bounds)
    assert result.broken
    assert result.broken.promise == 4, f"\n{told(result.trace)}"
