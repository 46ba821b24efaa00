"""Events and state as OpenTelemetry metrics."""

import sys
from collections.abc import Callable, Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricReader, PeriodicExportingMetricReader

from ess_server.core.model import EventDraft

EXPORT_EVERY_MS = 60_000


def meter(reader: MetricReader | None = None) -> tuple[Meter, Callable[[], None]]:
    """Return the meter to use, and what ends it.

    A provider that the process was started with (``opentelemetry-instrument``) is used as it is. Without one,
    metrics go to ``reader``, or once a minute to stderr.
    """
    if reader is None and isinstance(metrics.get_meter_provider(), MeterProvider):
        return metrics.get_meter("ess"), lambda: None
    default = PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr), EXPORT_EVERY_MS)
    provider = MeterProvider([reader or default], shutdown_on_exit=False)
    return provider.get_meter("ess"), provider.shutdown


class OtelEventBus:
    """An ``EventBus`` that counts: ``ess.events`` by kind, and by evaluator where one is named.

    Reading the state costs nothing until it is exported.

    ``active`` returns the number of latched stops, ``streams`` the number of open streams, ``proof_age`` the age
    in seconds of the newest proof.
    """

    def __init__(
        self, meter: Meter, *, active: Callable[[], int], streams: Callable[[], int], proof_age: Callable[[], float]
    ) -> None:
        self._events = meter.create_counter("ess.events", description="Entries of the log, by kind and evaluator.")
        meter.create_observable_gauge("ess.stops", [_gauge(active)], description="Latched stops; 0 is trading.")
        meter.create_observable_gauge("ess.streams", [_gauge(streams)], description="Open WatchState streams.")
        meter.create_observable_gauge("ess.proof.age", [_gauge(proof_age)], "s", "Age of the newest proof.")

    def publish(self, event: EventDraft) -> None:
        """Count one event; the exporter works on a thread of its own."""
        named = {name: fact for name, fact in event.details if name == "evaluator"}
        self._events.add(1, {"kind": event.kind, **named})


def _gauge(read: Callable[[], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(options: CallbackOptions) -> Iterable[Observation]:
        del options
        return (Observation(read()),)

    return observe
