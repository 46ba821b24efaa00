"""The latch as pure functions: whatever is sent to it, texts, ids and places stay within their bounds."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.adapters.latch_file import LatchFile
from ess_server.core import latch
from ess_server.core.errors import InvalidRequestError
from ess_server.core.latch import Activation
from ess_server.core.model import GLOBAL, MAX_CAUSE_REASON_BYTES, MAX_REQUEST_IDS, MAX_STOPS, Action, LatchRecord, Scope

from .latched import NOTHING, only, stopped
from .rig import activation, cause


def test_newest_request_ids_are_kept() -> None:
    """A stop remembers its newest ids, up to a bound."""
    stop = only(stopped(*(activation(request_id=f"r{n}") for n in range(MAX_REQUEST_IDS + 3))))
    assert stop.request_ids == tuple(f"r{n}" for n in range(3, MAX_REQUEST_IDS + 3))


def test_long_request_id_is_not_kept() -> None:
    """An id longer than the contract allows is not remembered, cut it could be taken for another one."""
    stop = only(stopped(activation(request_id="r" * 65), activation(request_id="s" * 64)))
    assert stop.request_ids == ("s" * 64,)


@given(st.text(), st.integers(min_value=6, max_value=60))
def test_cut_text_is_marked_and_fits(text: str, limit: int) -> None:
    """Whatever is too long ends with a mark and is what it was before that; whatever fits is unchanged."""
    text = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    short = latch.cut(text, limit)
    assert len(short.encode()) <= limit
    if len(text.encode()) <= limit:
        assert short == text
    else:
        assert short.endswith(latch.ELLIPSIS_MARK)
        assert text.startswith(short.removesuffix(latch.ELLIPSIS_MARK))


@given(st.text(st.characters(categories=["Cc"])))
def test_control_characters_become_spaces(text: str) -> None:
    """Nothing that a terminal would obey is left of a text."""
    assert latch.cut(text, 10_000) == " " * len(text)


def test_text_without_an_encoding_is_cut_too() -> None:
    """Lone surrogates, which no text on the wire may hold, are replaced and do not fail the trigger."""
    assert latch.cut("a\ud800b", 100) == "a?b"
    assert only(stopped(activation(reason="\ud800" * 2000))).cause.reason.startswith("??")


def test_every_text_of_a_cause_is_bounded() -> None:
    """No text of a cause may swell the record until it does not fit its place on disk."""
    long = "x" * 100_000
    actor = replace(cause().actor, id=long, peer=long, requested_by=long)
    odd = replace(cause(long, evaluator=long, reading=long, limit=long), actor=actor)
    kept = only(stopped(replace(activation(), cause=odd))).cause
    assert len(kept.reason.encode()) == MAX_CAUSE_REASON_BYTES
    bounded = (kept.evaluator, kept.actor.id, kept.actor.peer, kept.actor.requested_by)
    assert {len(text.encode()) for text in bounded} == {latch.MAX_TEXT_BYTES}
    assert len(kept.reading.encode()) == len(kept.limit.encode()) == latch.MAX_NUMBER_BYTES


@pytest.mark.parametrize("character", ["x", "é", "漢", "😀", '"'])
def test_largest_state_fits_its_place_on_disk(tmp_path: Path, character: str) -> None:
    """Whatever is sent to it, the latch makes no state that the latch file cannot hold: it could not be released."""
    fill = character * 1000
    actor = replace(cause().actor, id=fill, peer=fill, requested_by=fill)
    odd = replace(cause(fill, evaluator=fill, reading=fill, limit=fill), actor=actor)
    state = replace(NOTHING, store_id="s" * 32)
    for scope in (*(f"symbol/{n}" for n in range(MAX_STOPS - 1)), ""):
        long = within(f"{scope}{fill}", 128) if scope else ""
        for number in range(MAX_REQUEST_IDS):
            one = Activation(
                scope=Scope.parse(long), action=Action.FLATTEN, cause=odd, request_id=within(f"{number}{fill}", 64)
            )
            state = latch.activate(state, one, revision=state.revision + 1, stop_id="i" * 32)
    assert len(state.stops) == MAX_STOPS
    record = LatchRecord(
        store_id=state.store_id,
        revision=2**62,
        floor=2**62,
        stops=state.stops,
        event_sequence=2**62,
        event_hash="h" * 64,
    )
    file = LatchFile(tmp_path / "latch")
    file.commit(record, ())
    file.close()


def within(text: str, size: int) -> str:
    """Return as many characters of ``text`` as fit."""
    return text.encode()[:size].decode(errors="ignore")


GLOBAL_STOP = Activation(scope=GLOBAL, action=Action.BLOCK, cause=cause())


def test_ids_and_scopes_hold_only_what_can_be_printed() -> None:
    """Control characters take six bytes each on disk and hide text: no scope has them, and no id is kept with them."""
    with pytest.raises(InvalidRequestError, match="scope"):
        Scope.parse("account/\x01")
    kept = latch.activate(NOTHING, replace(GLOBAL_STOP, request_id="a\x01"), revision=2, stop_id="i")
    assert kept.stops[0].request_ids == ()


def test_a_scope_beyond_the_last_place_joins_the_global_stop() -> None:
    """Where a stop is latched is asked before anything else is decided about it."""
    state = NOTHING
    for number in range(MAX_STOPS):
        one = replace(GLOBAL_STOP, scope=Scope.parse(f"symbol/{number}"))
        state = latch.activate(state, one, revision=number + 2, stop_id=str(number))
    assert latch.place(state, Scope.parse("symbol/new")) == GLOBAL
    assert latch.place(state, Scope.parse("symbol/1")) == Scope.parse("symbol/1")
