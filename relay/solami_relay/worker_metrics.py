"""Prometheus metrics of the worker, `solami_worker_<what>_<unit>`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["WorkerMetrics"]

_MS = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 450, 550, 700, 1000, 1500, 3000, 10_000)


class WorkerMetrics:
    """Metrics in `registry` (a new one by default, so that several workers can live in one process)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = r = registry or CollectorRegistry()
        self.sessions = Gauge("solami_worker_sessions", "Sessions that are leased", registry=r)
        self.turns = Counter("solami_worker_turns", "Turns by cause and outcome", ["cause", "outcome"], registry=r)
        self.orders = Counter("solami_worker_orders", "Holds, releases and cancels", ["order"], registry=r)
        self.missed = Counter("solami_worker_missed_reports", "Orders without a report", ["order"], registry=r)
        self.dropped = Counter("solami_worker_dropped_entries", "Up entries not used", ["why"], registry=r)
        self.endpoint_ms = Histogram(
            "solami_worker_endpoint_ms", "Last voiced sample to confirmed endpoint", registry=r, buckets=_MS
        )
        self.first_audio_ms = Histogram(
            "solami_worker_endpoint_to_first_audio_ms", "Endpoint to first sound sent", registry=r, buckets=_MS
        )
        self.face_late = Counter("solami_worker_late_faces", "Epochs whose face came too late", registry=r)
