"""Python's collector of cycles: never by itself in a server, by hand when it is quiet, and everything in the end."""

import gc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ess_server.app.garbage import ENDED, PUT_OFF_AT_MOST, QUIET, Garbage
from ess_server.core.model import SERVER
from ess_server.core.subscribers import SubscriberRegistry
from ess_server.testing import FakeClock


@pytest.fixture
def generations() -> Iterator[list[int]]:
    """What was collected meanwhile, by generation."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.disable()
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.enable()


@pytest.fixture
def clock() -> FakeClock:
    """Time as the test says."""
    return FakeClock()


@pytest.fixture
def registry(clock: FakeClock) -> SubscriberRegistry:
    """Nobody yet."""
    return SubscriberRegistry(expected=(), lease=timedelta(seconds=1), limit=lambda: 10_000, clock=clock)


def test_what_is_new_is_collected_while_it_is_quiet(
    generations: list[int], clock: FakeClock, registry: SubscriberRegistry
) -> None:
    """Only the young generations: what is old was looked through, and is most."""
    garbage = Garbage(registry, clock.uptime)
    garbage.look()
    assert generations == [1]


def test_nothing_is_collected_around_a_stop(
    generations: list[int], clock: FakeClock, registry: SubscriberRegistry
) -> None:
    """Not for QUIET seconds; and a flood of stops puts it off for PUT_OFF_AT_MOST seconds only."""
    garbage = Garbage(registry, clock.uptime)
    garbage.latched(7)
    clock.advance(timedelta(seconds=QUIET - 0.1))
    garbage.look()
    assert generations == []
    clock.advance(timedelta(seconds=0.2))
    garbage.look()
    assert generations == [1]
    clock.advance(timedelta(seconds=PUT_OFF_AT_MOST + 1))
    garbage.latched(8)
    garbage.look()
    assert generations == [1, 1]


def test_streams_that_ended_are_worth_a_look_at_everything(
    generations: list[int], clock: FakeClock, registry: SubscriberRegistry
) -> None:
    """Once as many have ended as are open, ENDED at least, so that what they left is bounded."""
    garbage = Garbage(registry, clock.uptime)
    for number in range(2 * ENDED):
        registry.closed(registry.opened(subscriber_id="", session_id="", actor=SERVER, scopes=(), client_version=""))
        if number in (ENDED - 2, ENDED - 1, 2 * ENDED - 1):
            garbage.look()
    assert generations == [1, 2, 2]
