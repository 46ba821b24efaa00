"""Conflation keeps a pipe from being flooded, and hides nothing that is wrong."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.feeds import FeedTrack, follow
from ess_server.core.readings import FeedUpdate
from ess_server.core.venue_feeds import MOST_UPDATES, read_feed
from ess_server.testing import START
from ess_server.venue.conflation import Conflation, Outlet
from ess_server.venue.pipe import Outbox

MOST_KEPT = 9
prices = st.none() | st.sampled_from([Decimal(p) for p in ("99", "100", "101", "0", "-1", "NaN", "sNaN", "Infinity")])
_FIELDS = {
    "bid": prices,
    "ask": prices,
    "last": prices,
    "sequence": st.none() | st.integers(0, 4),
    "corrupt": st.sampled_from([False] * 9 + [True]),
    "time": st.integers(0, 9).map(lambda s: START + timedelta(seconds=s)),
}
_SOUND = {
    "ask": st.sampled_from([Decimal(101), Decimal(102)]),
    "sequence": st.none() | st.integers(0, 4),
    "time": st.integers(0, 2).map(lambda s: START + timedelta(seconds=s)),
}
batches = st.sampled_from([_FIELDS, _SOUND]).flatmap(
    lambda fields: st.lists(st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=8), max_size=3)
)


def _update(received: float, symbol: str = "BTC", **fields: Any) -> FeedUpdate:
    told = FeedUpdate(
        feed="f",
        symbol=symbol,
        bid=Decimal(99),
        ask=Decimal(101),
        last=None,
        sequence=None,
        corrupt=False,
        detail="",
        time=START + timedelta(seconds=received),
        received=received,
    )
    return replace(told, **fields)


def _track(updates: Sequence[FeedUpdate]) -> FeedTrack | None:
    track = None
    for update in updates:
        track = follow(track, update)
    return track


@given(batches)
def test_what_follows_from_all_updates_follows_from_those_that_are_kept(drawn: list[list[dict[str, Any]]]) -> None:
    """Property: newest, range of prices and each kind of fault survive, none looks fresher; nine updates at most."""
    conflation, every, kept = Conflation(), list[FeedUpdate](), list[FeedUpdate]()
    # A source numbers all of its updates or none.
    told_without = any(fields.get("sequence", 0) is None for batch in drawn for fields in batch)
    unnumbered: dict[str, Any] = {"sequence": None} if told_without else {}
    for batch in drawn:
        updates = [_update(len(every) + n + 0.0, **fields | unnumbered) for n, fields in enumerate(batch)]
        every += updates
        for update in updates:
            conflation.add(update)
        taken = conflation.take()
        assert len(taken) <= MOST_KEPT
        assert all(a.received < b.received for a, b in pairwise(taken))
        kept += taken
    full, part = _track(every), _track(kept)

    assert not conflation
    assert (full is None) is (part is None)
    if full is not None and part is not None:
        assert repr(part.latest) == repr(full.latest)
        assert (part.renewed is None) is (full.renewed is None)
        assert part.renewed is None or full.renewed is None or part.renewed <= full.renewed
        assert (part.low, part.high) == (full.low, full.high)
        assert (part.defect is None) is (full.defect is None)
        assert (part.setback is None) is (full.setback is None)
        if full.setback is not None and part.setback is not None:
            assert part.setback.by >= full.setback.by


def test_a_bad_update_among_thousands_of_good_ones_arrives() -> None:
    """Property: one crossed book and one spike of a moment are among the few that are handed on."""
    conflation = Conflation()
    for n in range(3000):
        conflation.add(_update(n / 1e4, sequence=n))
    conflation.add(_update(0.3, bid=Decimal(102), sequence=3000))
    conflation.add(_update(0.3, ask=Decimal(201), sequence=3001))
    for n in range(3002, 6000):
        conflation.add(_update(n / 1e4, sequence=n))
    taken = conflation.take()
    track = _track(taken)

    assert len(taken) <= MOST_KEPT
    assert track is not None
    assert track.defect is not None
    assert track.high == Decimal(150)


def test_a_frozen_source_does_not_look_fresh() -> None:
    """Property: while updates wait, repetitions of the last one do not put off the time at which it was news."""
    conflation = Conflation()
    for second, ask in enumerate(("101", "103", "102", "102", "102")):
        conflation.add(_update(float(second), ask=Decimal(ask), time=START + timedelta(seconds=min(second, 2))))
    track = _track(conflation.take())

    assert track is not None
    assert (track.renewed, track.latest.received) == (2.0, 4.0)


def test_many_symbols_go_in_turns() -> None:
    """Property: no take is larger than a message, those that waited longest go first, and all have their turn."""
    conflation = Conflation()
    for n in range(250):
        conflation.add(_update(0.0, symbol=f"S{n:03}"))
    takes = [conflation.take() for _ in range(4)]

    assert [len(t) for t in takes] == [MOST_UPDATES, MOST_UPDATES, 50, 0]
    assert [u.symbol for t in takes for u in t] == [f"S{n:03}" for n in range(250)]


async def test_a_server_that_does_not_read_gets_few_messages_and_every_fault() -> None:
    """Property: while the pipe is full updates gather; when it is read, one message holds newest and crossed book."""
    outbox = Outbox()
    outlet = Outlet("f", outbox)
    outlet(_update(0.0))
    await asyncio.sleep(0)
    outlet(_update(0.1, bid=Decimal(102)))
    for n in range(500):
        outlet(_update(0.2 + n / 1e4))
    outbox.put({"type": "last"})
    end, writing = os.pipe()
    task = asyncio.create_task(outbox.run(writing))
    await asyncio.wait_for(outbox.flush(), 5)
    lines = [json.loads(line) for line in os.read(end, 1 << 20).splitlines()]
    task.cancel()
    os.close(end)
    updates = [u for line in lines if line["type"] == "feed" for u in read_feed(line, {"f"}, 10.0)]

    assert [line["type"] for line in lines] == ["last", "feed"]
    assert len(updates) <= MOST_KEPT
    assert any(u.bid == Decimal(102) for u in updates)
    assert updates[-1].received == 0.2 + 499 / 1e4


async def test_messages_of_a_feed_keep_their_distance() -> None:
    """Property: the first update goes at once; those that follow it share the message of the next tenth of a second."""
    outbox, loop = Outbox(), asyncio.get_running_loop()
    outlet = Outlet("f", outbox)
    end, writing = os.pipe()
    task = asyncio.create_task(outbox.run(writing))
    began = loop.time()
    for n in range(30):
        outlet(_update(n / 100))
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await asyncio.wait_for(outbox.flush(), 5)
    lines = os.read(end, 1 << 20).splitlines()
    task.cancel()
    os.close(end)

    assert 2 <= len(lines) <= 1 + (loop.time() - began) / 0.1
    assert len(json.loads(lines[0])["updates"]) == 1
