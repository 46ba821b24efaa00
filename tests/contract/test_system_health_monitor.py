"""The contract of ``SystemHealthMonitor``, checked on every adapter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import pytest

from ess_server.adapters.telemetry import MAX_COMPONENTS, ReportedHealthMonitor
from ess_server.core.errors import CapacityError
from ess_server.core.ports import SystemHealthMonitor
from ess_server.core.readings import ComponentHealth, ComponentPoll, HealthStatus
from ess_server.testing import START, FakeClock, FakeHealth, host_figures

Build = Callable[[FakeClock], SystemHealthMonitor]
ADAPTERS: list[Build] = [ReportedHealthMonitor, lambda _: FakeHealth()]


@pytest.fixture(params=ADAPTERS, ids=["reported", "fake"])
def monitor(request: pytest.FixtureRequest, clock: FakeClock) -> SystemHealthMonitor:
    """Each adapter in turn."""
    build: Build = request.param
    return build(clock)


def word(clock: FakeClock, status: HealthStatus, component: str = "feed-handler") -> ComponentHealth:
    """A component's word of now."""
    return ComponentHealth(component=component, status=status, detail="", time=clock.now(), received=clock.uptime())


def poll(component: str, tried: float) -> ComponentPoll:
    """How asking a component goes."""
    return ComponentPoll(component=component, max_silence=None, asked_since=1000.0, tried=tried)


def test_latest_word_on_every_component_is_returned(monitor: SystemHealthMonitor, clock: FakeClock) -> None:
    """By name, each with its own."""
    monitor.record(word(clock, HealthStatus.HEALTHY))
    monitor.record(word(clock, HealthStatus.DEGRADED, "router"))
    clock.advance(1)
    monitor.record(word(clock, HealthStatus.CRITICAL))

    assert {name: health.status for name, health in monitor.components().items()} == {
        "feed-handler": HealthStatus.CRITICAL,
        "router": HealthStatus.DEGRADED,
    }


def test_nothing_is_known_before_the_first_word(monitor: SystemHealthMonitor) -> None:
    """No component is made up."""
    assert monitor.components() == {}


def test_same_word_later_shows_that_the_component_lives(monitor: SystemHealthMonitor, clock: FakeClock) -> None:
    """A component that says since when it is well, again and again, is not silent."""
    since = word(clock, HealthStatus.HEALTHY)
    monitor.record(since)
    clock.advance(5)
    monitor.record(replace(since, received=clock.uptime()))

    assert monitor.components()["feed-handler"].received == clock.uptime()


def test_what_was_read_does_not_change_afterwards(monitor: SystemHealthMonitor, clock: FakeClock) -> None:
    """An evaluator works on one picture, whatever arrives meanwhile."""
    monitor.record(word(clock, HealthStatus.HEALTHY))
    before = monitor.components()
    monitor.record(word(clock, HealthStatus.CRITICAL, "router"))

    assert list(before) == ["feed-handler"]


def test_reads_from_another_thread_are_whole(monitor: SystemHealthMonitor, clock: FakeClock) -> None:
    """While words on new components arrive, another thread reads without an error, and ever more of them."""
    done, counts, failures = Event(), list[int](), list[Exception]()

    def read() -> None:
        try:
            while not done.is_set():
                counts.append(len(monitor.components()))
        except RuntimeError as error:
            failures.append(error)

    reader = Thread(target=read)
    reader.start()
    for number in range(900):
        monitor.record(word(clock, HealthStatus.HEALTHY, f"c{number}"))
    done.set()
    reader.join(10)

    assert failures == []
    assert counts == sorted(counts)


def test_component_that_is_asked_is_known_before_it_answers(monitor: SystemHealthMonitor) -> None:
    """How asking goes is kept by name, the latest of each, and makes up no word of the component."""
    first = poll("oms", tried=1000.0)
    monitor.record_poll(first)
    monitor.record_poll(poll("router", tried=1000.0))
    before = monitor.polls()
    monitor.record_poll(replace(first, tried=1001.0, problem="no answer"))

    assert before == {"oms": first, "router": poll("router", tried=1000.0)}
    assert monitor.polls()["oms"].problem == "no answer"
    assert monitor.components() == {}


def test_latest_figures_of_the_host_are_returned(monitor: SystemHealthMonitor) -> None:
    """None before the first, and then the last that was recorded."""
    assert monitor.host() is None
    monitor.record_host(host_figures())
    monitor.record_host(host_figures(memory_percent=None, received=1001.0))

    assert monitor.host() == host_figures(memory_percent=None, received=1001.0)


def test_word_that_was_overtaken_hides_no_newer_one(clock: FakeClock) -> None:
    """HEALTHY from before CRITICAL, delivered after it, is old news."""
    monitor = ReportedHealthMonitor(clock)
    healthy = word(clock, HealthStatus.HEALTHY)
    clock.advance(1)
    monitor.record(word(clock, HealthStatus.CRITICAL))
    monitor.record(healthy)

    assert monitor.components()["feed-handler"].status is HealthStatus.CRITICAL


def test_word_from_the_future_counts_as_of_now(clock: FakeClock) -> None:
    """A host whose clock was ahead cannot hide that it became CRITICAL after its clock was put right."""
    monitor = ReportedHealthMonitor(clock)
    monitor.record(replace(word(clock, HealthStatus.HEALTHY), time=clock.now() + timedelta(hours=1)))
    first = monitor.components()["feed-handler"]
    clock.advance(1)
    monitor.record(word(clock, HealthStatus.CRITICAL))

    assert monitor.components()["feed-handler"].status is HealthStatus.CRITICAL
    assert first.time == START


def test_words_count_after_the_wall_clock_went_back(clock: FakeClock) -> None:
    """An hour back is no hour of blindness."""
    monitor = ReportedHealthMonitor(clock)
    monitor.record(word(clock, HealthStatus.HEALTHY))
    clock.jump(-3600)
    monitor.record(word(clock, HealthStatus.CRITICAL))

    assert monitor.components()["feed-handler"].status is HealthStatus.CRITICAL


def test_components_are_bounded(clock: FakeClock) -> None:
    """One too many is refused by name of the limit; those that are known are still heard."""
    monitor = ReportedHealthMonitor(clock)
    for number in range(MAX_COMPONENTS):
        monitor.record(word(clock, HealthStatus.HEALTHY, f"c{number}"))
    with pytest.raises(CapacityError, match="1000 components"):
        monitor.record(word(clock, HealthStatus.HEALTHY, "one-too-many"))
    monitor.record(word(clock, HealthStatus.CRITICAL, "c0"))

    assert len(monitor.components()) == MAX_COMPONENTS
    assert monitor.components()["c0"].status is HealthStatus.CRITICAL


def test_component_that_is_asked_is_heard_whoever_fills_the_table(clock: FakeClock) -> None:
    """A flood of names that were made up keeps no configured component from being heard."""
    monitor = ReportedHealthMonitor(clock)
    monitor.record_poll(poll("oms", tried=clock.uptime()))
    for number in range(MAX_COMPONENTS):
        monitor.record(word(clock, HealthStatus.HEALTHY, f"c{number}"))
    monitor.record(word(clock, HealthStatus.CRITICAL, "oms"))

    assert monitor.components()["oms"].status is HealthStatus.CRITICAL
