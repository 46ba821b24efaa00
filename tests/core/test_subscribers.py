"""Which gates are known to deny: those that say so, and those whose lease has certainly run out."""

import asyncio
from datetime import timedelta

import pytest

from ess_server.core import subscribers
from ess_server.core.errors import CapacityError
from ess_server.core.model import Scope
from ess_server.core.subscribers import Subscriber, SubscriberRegistry, SubscriberStatus

from .disks import waits
from .rig import ANNA
from .virtual_time import VirtualTimeLoop, running_clock

EVENT_LOOP = VirtualTimeLoop

LEASE = timedelta(seconds=1)
LAPSED = 1.02
"""Seconds after which a lease of one second has certainly run out."""


def registry_of(*expected: str, limit: int = 10) -> SubscriberRegistry:
    """Return a registry that expects these gates."""
    return SubscriberRegistry(expected=expected, lease=LEASE, limit=lambda: limit, clock=running_clock())


@pytest.fixture
async def registry() -> SubscriberRegistry:
    """A registry that expects nobody."""
    return registry_of()


def opened(registry: SubscriberRegistry, name: str = "mm", session: str = "1", *scopes: str) -> Subscriber:
    """Count a stream of a gate."""
    gate = registry.opened(
        subscriber_id=name, session_id=session, actor=ANNA, scopes=scopes, client_version="ess-python/1"
    )
    assert gate
    return gate


def counts(registry: SubscriberRegistry) -> tuple[int, int, int, int, int]:
    """Return expected, confirmed, expired, pending and missing."""
    seen = registry.enforcement()
    return seen.expected, seen.confirmed, seen.expired, seen.pending, seen.missing


async def test_nobody_is_complete(registry: SubscriberRegistry) -> None:
    """Without gates there is nothing to wait for."""
    assert counts(registry) == (0, 0, 0, 0, 0)
    assert registry.enforcement().complete


async def test_gate_confirms(registry: SubscriberRegistry) -> None:
    """A gate is pending from the latch until it has confirmed that revision or a later one."""
    gate = opened(registry)
    registry.latched(7)
    assert (registry.status(gate), registry.enforcement().complete) == (SubscriberStatus.PENDING, False)
    assert registry.confirm("mm", "1", 6)
    assert registry.status(gate) is SubscriberStatus.PENDING
    running_clock().advance(0.02)
    assert registry.confirm("mm", "1", 7)
    assert counts(registry) == (1, 1, 0, 0, 0)
    assert registry.enforcement().elapsed == timedelta(milliseconds=20)
    assert registry.enforcement().revision == 7


async def test_confirmation_of_nothing_latched(registry: SubscriberRegistry) -> None:
    """A gate confirms what it is told also where nothing was latched since the start."""
    opened(registry)
    assert registry.confirm("mm", "1", 1000)
    assert counts(registry) == (1, 1, 0, 0, 0)
    assert registry.enforcement().elapsed is None


async def test_later_confirmations_do_not_lengthen_the_stop(registry: SubscriberRegistry) -> None:
    """How long a stop took to be confirmed is not changed by what is confirmed later, such as its release."""
    opened(registry)
    registry.latched(7)
    registry.confirm("mm", "1", 7)
    running_clock().advance(3600)
    registry.confirm("mm", "1", 8)
    assert registry.enforcement().elapsed == timedelta(0)
    registry.latched(9)
    assert registry.enforcement().elapsed is None
    running_clock().advance(0.5)
    registry.confirm("mm", "1", 9)
    assert registry.enforcement().elapsed == timedelta(seconds=0.5)


async def test_gate_that_came_after_the_stop_does_not_lengthen_it(registry: SubscriberRegistry) -> None:
    """How long a stop took is told of the gates that had to be told, and not of one that was started later."""
    registry.latched(7)
    running_clock().advance(30)
    opened(registry)
    registry.confirm("mm", "1", 7)
    assert (counts(registry), registry.enforcement().elapsed) == ((1, 1, 0, 0, 0), None)
    registry.latched(8)
    registry.confirm("mm", "1", 8)
    assert registry.enforcement().elapsed == timedelta(0)


async def test_of_processes_that_ended_the_last_of_each_name_is_listed(registry: SubscriberRegistry) -> None:
    """A program that is started again and again, such as a script, counts as one gate also after its end."""
    for session in ("1", "2", "3"):
        registry.closed(opened(registry, "script", session))
        running_clock().advance(LAPSED)
    registry.closed(opened(registry, "other"))
    running_clock().advance(LAPSED)
    assert [(g.subscriber_id, g.session_id) for g, _ in registry.gates()] == [("other", "1"), ("script", "3")]


async def test_confirmations_never_go_back(registry: SubscriberRegistry) -> None:
    """A confirmation that arrives late takes none back."""
    gate = opened(registry)
    registry.latched(7)
    registry.confirm("mm", "1", 7)
    registry.confirm("mm", "1", 5)
    assert (gate.confirmed_revision, registry.status(gate)) == (7, SubscriberStatus.CONFIRMED)


async def test_unknown_gate_confirms_nothing(registry: SubscriberRegistry) -> None:
    """A confirmation of a gate or process that is not known is not counted."""
    opened(registry)
    registry.latched(7)
    assert not registry.confirm("mm", "2", 7)
    assert not registry.confirm("other", "1", 7)
    assert counts(registry) == (1, 0, 0, 1, 0)


@pytest.mark.parametrize(("after", "status"), [(1.0, SubscriberStatus.PENDING), (LAPSED, SubscriberStatus.EXPIRED)])
async def test_lease_runs_out(registry: SubscriberRegistry, after: float, status: SubscriberStatus) -> None:
    """A gate that says nothing denies for certain only once its lease, and what clocks may differ, have passed."""
    gate = opened(registry)
    running_clock().advance(100)
    registry.latched(7)
    running_clock().advance(after)
    assert registry.status(gate) is status
    assert registry.enforcement().complete is (status is SubscriberStatus.EXPIRED)


async def test_each_latch_has_its_own_lease(registry: SubscriberRegistry) -> None:
    """A later trigger is confirmed, or lapses, for itself."""
    gate = opened(registry)
    registry.latched(7)
    running_clock().advance(LAPSED)
    registry.latched(8)
    assert registry.status(gate) is SubscriberStatus.PENDING


async def test_expected_gate_is_missing_until_it_comes() -> None:
    """A configured gate counts before it was ever seen, so that all of all cannot lie."""
    registry = registry_of("mm", "arb", "mm")
    registry.latched(7)
    assert counts(registry) == (2, 0, 0, 0, 2)
    assert registry.enforcement().unconfirmed == ("mm", "arb")
    running_clock().advance(3600)
    assert not registry.enforcement().complete
    opened(registry, "arb")
    assert registry.missing() == ("mm",)
    assert (registry.expects("mm"), registry.expects("else")) == (True, False)


async def test_unconfirmed_names_are_few() -> None:
    """At most eight names are told, missing ones first."""
    registry = registry_of("m1", "m2")
    registry.latched(7)
    for number in range(9):
        opened(registry, f"p{number}")
    assert registry.enforcement().unconfirmed == ("m1", "m2", "p0", "p1", "p2", "p3", "p4", "p5")
    assert registry.enforcement().pending == 9


async def test_pending_gates_are_listed_first(registry: SubscriberRegistry) -> None:
    """Gates are listed by how urgent they are, then by name."""
    registry.latched(7)
    for name in ("c", "a", "b"):
        opened(registry, name)
    registry.confirm("a", "1", 7)
    assert [(g.subscriber_id, s.name) for g, s in registry.gates()] == [
        ("b", "PENDING"),
        ("c", "PENDING"),
        ("a", "CONFIRMED"),
    ]


async def test_two_processes_of_one_name_both_count(registry: SubscriberRegistry) -> None:
    """Two engines that use one name are told apart, and both have to confirm."""
    opened(registry, "mm", "1")
    opened(registry, "mm", "2")
    registry.latched(7)
    registry.confirm("mm", "1", 7)
    assert counts(registry) == (2, 1, 0, 1, 0)


async def test_restarted_engine_is_counted_once(registry: SubscriberRegistry) -> None:
    """A process that ended counts until its lease has run out, and not any more once its name is connected again."""
    old = opened(registry, "mm", "1")
    registry.closed(old)
    opened(registry, "mm", "2")
    assert counts(registry)[0] == 2
    running_clock().advance(LAPSED)
    assert [g.session_id for g, _ in registry.gates()] == ["2"]


async def test_gate_that_went_away_still_counts(registry: SubscriberRegistry) -> None:
    """A gate that nobody has replaced stays listed, pending and then expired."""
    gate = opened(registry)
    registry.closed(gate)
    registry.latched(7)
    assert counts(registry) == (1, 0, 0, 1, 0)
    running_clock().advance(LAPSED)
    opened(registry, "another")
    assert counts(registry)[:3] == (2, 0, 2)


async def test_same_process_reconnects(registry: SubscriberRegistry) -> None:
    """A stream that comes again belongs to the gate that was there, with what it says of itself now."""
    gate = opened(registry, "mm", "1", "account/main")
    registry.closed(gate)
    running_clock().advance(5)
    again = opened(registry, "mm", "1", "account/hedge")
    assert again is gate
    assert (gate.connected, gate.scopes, gate.last_seen) == (1, ("account/hedge",), running_clock().uptime())
    assert registry.knows_scope(Scope.parse("account/hedge"))
    assert not registry.knows_scope(Scope.parse("account/main"))


async def test_capacity_refuses_the_new_one() -> None:
    """When all streams are taken a new one is refused, those that are there stay, and room that is made is used."""
    registry = registry_of(limit=2)
    gate = opened(registry)
    unnamed = registry.opened(subscriber_id="", session_id="", actor=ANNA, scopes=(), client_version="")
    assert unnamed is None
    with pytest.raises(CapacityError, match="max_subscribers: 2 streams are open"):
        opened(registry, "another")
    assert (registry.open_streams, counts(registry)[0]) == (2, 1)
    registry.closed(unnamed)
    opened(registry, "another")
    registry.closed(gate)
    assert registry.open_streams == 1


async def test_memory_of_gates_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many gates those are forgotten first that were not seen for longest; connected ones never are."""
    monkeypatch.setattr(subscribers, "MAX_REMEMBERED", 20)
    registry = registry_of(limit=100)
    stays = opened(registry, "stays")
    for number in range(40):
        running_clock().advance(1)
        registry.closed(opened(registry, f"g{number}"))
    names = [g.subscriber_id for g, _ in registry.gates()]
    assert len(names) <= 20
    assert "stays" in names
    assert "g39" in names
    assert "g0" not in names
    assert stays.connected == 1


async def test_waiting_ends_with_the_last_confirmation(registry: SubscriberRegistry) -> None:
    """Whoever waits for gates goes on as soon as none is pending."""
    opened(registry, "a")
    opened(registry, "b")
    registry.latched(7)
    began = running_clock().uptime()
    settled = asyncio.create_task(registry.settled(7, timedelta(seconds=5)))
    for name in "ab":
        await asyncio.sleep(0.1)
        assert not settled.done()
        registry.confirm(name, "1", 7)
    await settled
    assert running_clock().uptime() - began == pytest.approx(0.2, abs=0.001)


async def test_waiting_ends_when_leases_lapse(registry: SubscriberRegistry) -> None:
    """A gate that never answers is waited for until it denies for certain, and no longer."""
    opened(registry)
    registry.latched(7)
    began = running_clock().uptime()
    await registry.settled(7, timedelta(seconds=5))
    assert running_clock().uptime() - began == pytest.approx(LAPSED, abs=0.02)


async def test_waiting_ends_in_time(registry: SubscriberRegistry) -> None:
    """Nobody waits longer than asked."""
    opened(registry)
    registry.latched(7)
    began = running_clock().uptime()
    await registry.settled(7, timedelta(seconds=0.3))
    assert running_clock().uptime() - began == pytest.approx(0.3, abs=0.01)


async def test_waiting_for_an_older_revision_ends(registry: SubscriberRegistry) -> None:
    """Once something newer was latched nobody waits for the older revision."""
    opened(registry)
    registry.latched(8)
    await asyncio.wait_for(registry.settled(7, timedelta(seconds=5)), 0.001)
    assert await waits(registry.settled(8, timedelta(seconds=5)))
