"""What a start believes: INACTIVE only what every record proves, and for lack of proof nothing more than BLOCK."""

from dataclasses import replace

import pytest

from ess_server.core import latch
from ess_server.core.model import GLOBAL, Action, CauseSource, EmergencyState, LatchRecord, Scope, Stop
from ess_server.core.ports import Loaded
from ess_server.core.restore import FLOOR_GAP, Restored, restore
from ess_server.testing import START

from .rig import activation

MAIN = Scope.parse("account/main")


def stop_on(scope: str, action: Action, revision: int) -> Stop:
    """Return the stop that a trigger by hand makes."""
    state = EmergencyState(store_id="", revision=0)
    return latch.activate(state, activation(scope, action), revision=revision, stop_id=f"s{revision}").stops[0]


INTACT = LatchRecord(store_id="store", revision=20, floor=15, event_sequence=7, event_hash="aa")
STOPPED = replace(INTACT, stops=(stop_on("account/main", Action.FLATTEN, 20),))
FLOOR_ONLY = replace(INTACT, floor=1015, event_sequence=9, event_hash="bb")

PROVES_NOTHING = {
    "missing": Loaded(record=None, problem="the file is missing"),
    "corrupt": Loaded(record=None, problem="the file is corrupt"),
    "torn": Loaded(record=STOPPED, problem="slot 1 does not match its digest"),
    "older": Loaded(record=replace(INTACT, revision=19)),
    "newer": Loaded(record=replace(INTACT, revision=21)),
    "other store": Loaded(record=replace(INTACT, store_id="another")),
    "other stops": Loaded(record=STOPPED),
    "older and stopped": Loaded(record=replace(STOPPED, revision=19)),
}


def restored(*loaded: Loaded, highest_logged: int = 20, doubt: str = "") -> Restored:
    """Restore from records named ``state.db``, ``latch`` and so on."""
    named = list(zip(("state.db", "latch", "third"), loaded, strict=False))
    return restore(
        named, highest_logged=highest_logged, now=START, new_store_id="new", new_stop_id="block", doubt=doubt
    )


@pytest.mark.parametrize("other", [INTACT, FLOOR_ONLY], ids=["same", "another floor"])
def test_agreement_without_stops_is_inactive(other: LatchRecord) -> None:
    """Records that agree in everything but their floors prove what they say."""
    for pair in ((INTACT, other), (other, INTACT)):
        start = restored(*(Loaded(record=r) for r in pair))
        assert (start.state.active, start.problem, start.state.store_id) == (False, "", "store")


def test_agreement_with_stops_keeps_them_unchanged() -> None:
    """A stop comes back as it was: scope, action, cause and revision, without anything added."""
    start = restored(Loaded(record=STOPPED), Loaded(record=STOPPED))
    assert (start.state.stops, start.problem) == (STOPPED.stops, "")


@pytest.mark.parametrize("stopped", [False, True], ids=["beside INACTIVE", "beside a stop"])
@pytest.mark.parametrize("first", [False, True], ids=["second record", "first record"])
@pytest.mark.parametrize("doubtful", PROVES_NOTHING.values(), ids=PROVES_NOTHING.keys())
def test_lack_of_proof_blocks(doubtful: Loaded, first: bool, stopped: bool) -> None:  # noqa: FBT001 - parametrised
    """One record that proves nothing is a global BLOCK beside all that either one shows, whatever the other says."""
    intact = Loaded(record=STOPPED if stopped else INTACT)
    if doubtful == intact:
        return
    start = restored(*((doubtful, intact) if first else (intact, doubtful)))
    block = start.state.stop_for(GLOBAL)
    assert block
    assert (block.action, block.cause.source) == (Action.BLOCK, CauseSource.STORE)
    assert start.problem
    assert block.cause.reason == start.problem
    shown = [one.record for one in (doubtful, intact) if one.record]
    expected = Action.FLATTEN if any(r.stops for r in shown) else None
    main = start.state.stop_for(MAIN)
    assert (main and main.action) == expected


@pytest.mark.parametrize("second", PROVES_NOTHING.values(), ids=PROVES_NOTHING.keys())
@pytest.mark.parametrize("first", PROVES_NOTHING.values(), ids=PROVES_NOTHING.keys())
def test_two_doubtful_records_block(first: Loaded, second: Loaded) -> None:
    """Doubt on both sides is ACTIVE, unless both are intact and say the same."""
    start = restored(first, second)
    proven = first == second and not first.problem
    assert bool(start.problem) is not proven
    if not proven:
        block = start.state.stop_for(GLOBAL)
        assert block
        assert block.action is Action.BLOCK


def test_never_commissioned() -> None:
    """Nothing anywhere is a new store that is ACTIVE with BLOCK, and says which command commissions it."""
    missing = PROVES_NOTHING["missing"]
    start = restored(missing, missing, highest_logged=0)
    assert (start.state.store_id, start.state.active) == ("new", True)
    assert start.state.stops[0].cause.reason == "this store was never commissioned; commission it with: ess reset"


def test_missing_with_a_trace_is_not_a_new_store() -> None:
    """A file that is gone while something of it is left was there once, and the reason says so."""
    left = Loaded(record=None, problem="the file is missing, although state.db-wal is there")
    start = restored(left, PROVES_NOTHING["missing"], highest_logged=0)
    assert start.problem == f"state.db: {left.problem}; latch: the file is missing"


def test_doubt_of_the_caller_blocks() -> None:
    """Records that agree prove nothing if the log they were written with was cut."""
    start = restored(Loaded(record=INTACT), Loaded(record=INTACT), doubt="the event log was cut")
    assert (start.problem, start.state.stops[0].cause.reason) == ("the event log was cut",) * 2


def test_doubt_raises_no_action() -> None:
    """A global stop that is restored beside a doubt keeps its action, it is not worked on harder."""
    record = replace(INTACT, stops=(stop_on("", Action.CANCEL, 20),))
    start = restored(Loaded(record=record), PROVES_NOTHING["corrupt"])
    (stop,) = start.state.stops
    assert (stop.action, stop.cause_count, stop.cause.source) == (Action.CANCEL, 2, CauseSource.MANUAL)


def test_a_global_stop_that_stands_tells_the_doubt_too() -> None:
    """What cannot be proven is read in the state, also where everything is stopped already; a former doubt is over."""
    by_hand = replace(INTACT, stops=(stop_on("", Action.CANCEL, 20),))
    (told,) = restored(Loaded(record=by_hand), PROVES_NOTHING["corrupt"]).state.stops
    assert told.cause.reason == "fat finger; and at a later start: latch: the file is corrupt"
    doubted = restored(Loaded(record=INTACT), PROVES_NOTHING["missing"]).record()
    (again,) = restored(Loaded(record=doubted), PROVES_NOTHING["corrupt"]).state.stops
    assert again.cause.reason == "latch: the file is corrupt"


@pytest.mark.parametrize(
    ("records", "highest_logged", "known"),
    [
        ((INTACT, INTACT), 20, 20),
        ((INTACT, FLOOR_ONLY), 20, 1015),
        ((INTACT, INTACT), 4711, 4711),
        ((INTACT, replace(INTACT, stops=(stop_on("", Action.BLOCK, 99),))), 20, 99),
        ((INTACT, replace(INTACT, revision=300)), 20, 300),
    ],
    ids=["revision", "floor", "log", "stop", "newer record"],
)
def test_floor_is_above_everything_known(
    records: tuple[LatchRecord, LatchRecord], highest_logged: int, known: int
) -> None:
    """A start uses no revision that may ever have been told, whichever record, stop or event still knows it."""
    start = restored(*(Loaded(record=r) for r in records), highest_logged=highest_logged)
    assert start.state.revision == known + FLOOR_GAP
    assert start.record().floor == start.state.revision


def test_record_of_a_clean_start_is_the_same_transition() -> None:
    """Only the floor changes with a start, so that one interrupted between two records is no contradiction."""
    start = restored(Loaded(record=STOPPED), Loaded(record=STOPPED))
    record = start.record()
    assert (record.revision, record.stops, record.store_id) == (20, STOPPED.stops, "store")


def test_record_of_a_doubtful_start_is_a_new_transition() -> None:
    """A BLOCK for lack of proof is a transition: a start interrupted between two records leaves a contradiction."""
    start = restored(Loaded(record=INTACT), PROVES_NOTHING["missing"])
    assert start.record().revision == start.state.revision == start.state.stops[0].revision
