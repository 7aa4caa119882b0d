"""Prometheus metrics of the model server (`solami_server_<what>_<unit>`), one registry a process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = Gauge("solami_server_sessions", "Live sessions open.", registry=self.registry)
        self.turns = Counter("solami_server_turns", "Whole turns answered over HTTP.", registry=self.registry)
        self.transcribe_s = Histogram(
            "solami_server_transcribe_seconds", "Pause to transcript.", buckets=SECONDS, registry=self.registry
        )
        self.first_event_s = Histogram(
            "solami_server_first_event_seconds", "Pause to first reply event.", buckets=SECONDS, registry=self.registry
        )
        self.failures = Counter("solami_server_failures", "Failures by part.", ["part"], registry=self.registry)
