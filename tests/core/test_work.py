"""Which work on which account the latched stops ask for."""

import pytest

from ess_server.core import latch
from ess_server.core.flatten_plan import same_but_for_the_stop
from ess_server.core.model import Account, Action, EmergencyState, Scope
from ess_server.core.work import touches, work_for

from .rig import HEDGE, MAIN, activation

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def state(*stops: tuple[str, Action]) -> EmergencyState:
    """Return a state with these stops, at revisions 1, 2 and so on."""
    at = EmergencyState(store_id="store", revision=0)
    for scope, action in stops:
        at = latch.activate(at, activation(scope, action), revision=at.revision + 1, stop_id=f"s{at.revision + 1}")
    return at


@pytest.mark.parametrize(
    ("scope", "touched"),
    [
        ("", [MAIN, HEDGE]),
        (f"symbol/{BTC}", [MAIN, HEDGE]),
        ("venue/paper", [MAIN]),
        ("venue/main", []),
        ("account/hedge", [HEDGE]),
        ("account/other", []),
        ("strategy/main", []),
    ],
)
def test_scope_touches(scope: str, touched: list[Account]) -> None:
    """Global and symbols touch every account, venue and account their own, strategies none: they block only."""
    stop = state((scope, Action.FLATTEN)).stops[0]
    assert [a for a in (MAIN, HEDGE) if touches(stop, a)] == touched
    assert list(work_for(state((scope, Action.FLATTEN)), (MAIN, HEDGE))) == [a.id for a in touched]


def test_nothing_stopped_is_no_work() -> None:
    """Without a stop no account is named, so that a flattener leaves all of them alone."""
    assert work_for(state(), (MAIN, HEDGE)) == {}


def test_strongest_action_wins() -> None:
    """Several stops on one account ask for the strongest of their actions, in the name of the newest such stop."""
    work = work_for(
        state(("", Action.BLOCK), ("account/main", Action.FLATTEN), ("venue/paper", Action.FLATTEN)), [MAIN]
    )
    assert (work["main"].action, work["main"].stop_id, work["main"].held) == (Action.FLATTEN, "s3", False)


def test_symbols_are_worked_on_alone() -> None:
    """A symbol's stop works on that symbol; the rest of the account is blocked, or worked on for its own stop."""
    work = work_for(state(("account/main", Action.CANCEL), (f"symbol/{BTC}", Action.FLATTEN)), (MAIN, HEDGE))
    assert (work["main"].action_for(BTC), work["main"].action_for(ETH)) == (Action.FLATTEN, Action.CANCEL)
    assert (work["hedge"].action_for(BTC), work["hedge"].action_for(ETH)) == (Action.FLATTEN, Action.BLOCK)


def test_held_stop_is_held_work() -> None:
    """After a hold the account is shown as held, until another stop asks for work on it."""
    held = latch.hold(state(("account/main", Action.FLATTEN)), Scope.parse("account/main"), revision=2)
    assert work_for(held, [MAIN])["main"].held
    joined = latch.activate(held, activation("", Action.CANCEL), revision=3, stop_id="s3")
    work = work_for(joined, [MAIN])["main"]
    assert (work.held, work.action) == (False, Action.CANCEL)


def test_block_alone_is_not_held() -> None:
    """A stop that never asked for work is not shown as held by a person."""
    assert not work_for(state(("", Action.BLOCK)), [MAIN])["main"].held


def test_a_symbol_of_which_no_more_is_wanted_changes_nothing() -> None:
    """Its stop joins the work on the account under way, and what was begun and proven for that goes on."""
    before = work_for(state(("account/main", Action.FLATTEN)), [MAIN])["main"]
    joined = work_for(
        state(("account/main", Action.FLATTEN), (f"symbol/{BTC}", Action.FLATTEN), (f"symbol/{ETH}", Action.BLOCK)),
        [MAIN],
    )["main"]
    assert same_but_for_the_stop(before, joined)


def test_the_order_in_which_symbols_were_stopped_changes_nothing() -> None:
    """The same symbols ask for the same, whichever was stopped first."""
    one, other = ((f"symbol/{BTC}", Action.FLATTEN), (f"symbol/{ETH}", Action.CANCEL))
    works = [work_for(state(*stops), [MAIN])["main"] for stops in ((one, other), (other, one))]
    assert same_but_for_the_stop(*works)
