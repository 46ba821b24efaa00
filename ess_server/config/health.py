"""What can be wrong with ``[host]`` and ``[[components]]``, and with evaluators that watch them."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ess_server.config import listen
from ess_server.config.checks import LONGEST_POLL, SHORTEST_POLL, ms, repeated_at
from ess_server.config.problems import Mistake
from ess_server.config.settings import ComponentSettings, HostSettings
from ess_server.core.evaluators import EvaluatorSettings, SystemHealthSettings
from ess_server.core.evaluators.limits import MAX_NAME_BYTES
from ess_server.core.evaluators.settings import MAX_AGE

MOST_COMPONENTS = 200
SHORTEST_TIMEOUT = timedelta(milliseconds=10)


def host_mistakes(host: HostSettings) -> Iterator[Mistake]:
    """Yield what is wrong with ``[host]``; paths start at the table."""
    if not SHORTEST_POLL <= host.interval <= LONGEST_POLL:
        yield Mistake(("interval_ms",), f"{ms(host.interval)} is not {ms(SHORTEST_POLL)} to {ms(LONGEST_POLL)}")
    for _, path in repeated_at([str(path) for path in host.disk_paths]):
        yield Mistake(("disk_paths",), f'"{path}" is listed twice; leave one out')


def host_age_mistakes(evaluator: EvaluatorSettings, host: HostSettings) -> Iterator[Mistake]:
    """Yield where an evaluator takes figures of the host for old that are read on time."""
    if not isinstance(evaluator, SystemHealthSettings) or not evaluator.host_limits.any:
        return
    if evaluator.host_max_age < 2 * host.interval:
        detail = f"is less than twice host.interval_ms ({ms(host.interval)}): one late reading would be a fault"
        yield Mistake(("host_max_age_seconds",), detail)


def component_mistakes(component: ComponentSettings, watching: Sequence[SystemHealthSettings]) -> Iterator[Mistake]:
    """Yield what is wrong with one component beside the evaluators that watch it; paths start at its table."""
    if not 0 < len(component.name.encode()) <= MAX_NAME_BYTES:
        yield Mistake(("name",), f"is not 1 to {MAX_NAME_BYTES} bytes long")
    yield from _address_mistakes(component)
    if len(component.service.encode()) > MAX_NAME_BYTES:
        yield Mistake(("service",), f"is longer than {MAX_NAME_BYTES} bytes")
    if not SHORTEST_POLL <= component.interval <= LONGEST_POLL:
        limits = f"{ms(SHORTEST_POLL)} to {ms(LONGEST_POLL)}"
        yield Mistake(("interval_ms",), f"{ms(component.interval)} is not {limits}")
        if not SHORTEST_TIMEOUT <= component.timeout <= LONGEST_POLL:
            yield Mistake(("timeout_ms",), f"{ms(component.timeout)} is not {ms(SHORTEST_TIMEOUT)} to interval_ms")
    elif not SHORTEST_TIMEOUT <= component.timeout <= component.interval:
        limits = f"{ms(SHORTEST_TIMEOUT)} to interval_ms ({ms(component.interval)})"
        yield Mistake(("timeout_ms",), f"{ms(component.timeout)} is not {limits}: it is asked once at a time")
    else:
        yield from _silence_mistakes(component, watching)


def unwatched_mistake(watching: Sequence[SystemHealthSettings]) -> Iterator[Mistake]:
    """Yield where nothing would come of what a component answers, because no evaluator watches it."""
    if not watching:
        detail = 'is watched by no evaluator; add one of kind "system_health" that names it, or that has others = true'
        yield Mistake(("name",), detail)


def _address_mistakes(component: ComponentSettings) -> Iterator[Mistake]:
    try:
        host, port = listen.parse(component.address)
    except ValueError as error:
        yield Mistake(("address",), str(error))
        return
    if not port:
        yield Mistake(("address",), "needs the port of the component, not 0")
    elif not (listen.is_loopback(host) or component.tls or component.insecure):
        detail = "is elsewhere and has no TLS: set [components.tls], or insist with insecure = true"
        yield Mistake(("address",), f"{component.address} {detail}")
    if component.tls and component.insecure:
        yield Mistake(("insecure",), "stands beside [components.tls]; keep one of the two")
    if component.tls and (component.tls.certificate is None) != (component.tls.key is None):
        yield Mistake(("tls", "certificate"), "and key go together: name both, or none")


def _silence_mistakes(component: ComponentSettings, watching: Sequence[SystemHealthSettings]) -> Iterator[Mistake]:
    shortest = 2 * component.interval + component.timeout
    needs = f"less than two intervals and a timeout ({ms(shortest)}): one lost answer would be a breach"
    if component.max_silence:
        if not shortest <= component.max_silence <= MAX_AGE:
            allowed = needs if component.max_silence < shortest else "more than a day (86400 s)"
            yield Mistake(("max_silence_seconds",), f"{_s(component.max_silence)} is {allowed}")
        return
    for evaluator in watching:
        if evaluator.max_silence < shortest:
            whose = f'{_s(evaluator.max_silence)}, the max_silence_seconds of evaluator "{evaluator.name}", is'
            yield Mistake(("interval_ms",), f"{whose} {needs}; give this component a max_silence_seconds")


def _s(value: timedelta) -> str:
    return f"{value.total_seconds():g} s"
