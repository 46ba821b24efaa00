"""Metrics through the real OpenTelemetry SDK, read from an in-memory reader."""

from datetime import UTC, datetime

from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from ess_server.adapters.otel_events import OtelEventBus, meter
from ess_server.core.model import EventDraft


def collect(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every data point by metric."""
    data = reader.get_metrics_data()
    found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    return {m.name: [(dict(p.attributes), p.value) for p in m.data.data_points] for m in found}


def test_events_are_counted_by_kind_and_the_state_is_read_when_exported() -> None:
    """A counter per kind and evaluator, and gauges that show the state of the moment of the export."""
    reader, stops = InMemoryMetricReader(), 0
    made, end = meter(reader)
    bus = OtelEventBus(made, active=lambda: stops, streams=lambda: 3, proof_age=lambda: 0.25)
    for kind in ("stop.activated", "stop.joined", "stop.joined"):
        bus.publish(EventDraft(event_id=kind, kind=kind, time=datetime.now(UTC), summary="", revision=1))
    for name in ("loss", "feed", "loss"):
        details = (("evaluator", name), ("reading", "9"))
        bus.publish(
            EventDraft(
                event_id=name,
                kind="evaluator.near_miss",
                time=datetime.now(UTC),
                summary="",
                revision=1,
                details=details,
            )
        )
    stops = 2
    seen = collect(reader)
    end()

    assert sorted(seen["ess.events"], key=str) == [
        ({"kind": "evaluator.near_miss", "evaluator": "feed"}, 1),
        ({"kind": "evaluator.near_miss", "evaluator": "loss"}, 2),
        ({"kind": "stop.activated"}, 1),
        ({"kind": "stop.joined"}, 2),
    ]
    assert seen["ess.stops"] == [({}, 2)]
    assert seen["ess.streams"] == [({}, 3)]
    assert seen["ess.proof.age"] == [({}, 0.25)]
