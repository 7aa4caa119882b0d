"""Prometheus metrics of the gateway, `solami_relay_<what>_<unit>`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["RelayMetrics"]

_FAST_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class RelayMetrics:
    """One registry a relay, so that several can live in one process (tests do that)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.sockets = Gauge("solami_relay_sockets", "Sockets that are connected", registry=r)
        self.sessions = Counter("solami_relay_sessions_created", "Sessions created", registry=r)
        self.closes = Counter("solami_relay_socket_closes", "Closed sockets by reason", ["reason"], registry=r)
        self.up = Counter("solami_relay_up_messages", "Messages from clients", ["kind"], registry=r)
        self.up_bytes = Counter("solami_relay_up_bytes", "Bytes from clients", registry=r)
        self.down = Counter("solami_relay_down_messages", "Messages to clients", ["kind"], registry=r)
        self.down_bytes = Counter("solami_relay_down_bytes", "Bytes to clients", registry=r)
        self.dropped = Counter("solami_relay_up_dropped_messages", "Messages not taken", ["why"], registry=r)
        self.resumes = Counter("solami_relay_resumes", "Resumes by outcome", ["outcome"], registry=r)
        self.store_errors = Counter("solami_relay_store_errors", "Failed calls to Redis", registry=r)
        self.append_s = Histogram("solami_relay_up_append_seconds", "Up append", registry=r, buckets=_FAST_S)
        self.ready_s = Histogram("solami_relay_ready_seconds", "hello to ready", registry=r, buckets=_FAST_S)

    def render(self) -> bytes:
        """Return the text exposition format."""
        return generate_latest(self.registry)
