"""What does a worker count as it goes? Per batch at most, never per event."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

FLUSH_BUCKETS_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WHERE = ("topic", "partition")


class Meters:
    """Counters of one worker, by Prometheus' conventions."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.rebuilds = Counter(
            "davy_worker_rebuilds",
            "Owners of partitions that failed and were built anew from the log.",
            WHERE,
            registry=registry,
        )
        self.stalls = Counter(
            "davy_worker_stalls",
            "Partitions found standing still with records waiting.",
            WHERE,
            registry=registry,
        )
        self.fenced = Counter(
            "davy_worker_fenced",
            "Writes of this worker that the broker refused: another owner had taken over.",
            WHERE,
            registry=registry,
        )
        self.assignments = Counter(
            "davy_worker_assignments",
            "Times that the group gave this worker its partitions.",
            registry=registry,
        )
        self.dead_letters = Counter(
            "davy_worker_dead_letters",
            "Records that could not be used, by reason.",
            ("topic", "reason"),
            registry=registry,
        )
        self.panes_closed = Counter(
            "davy_worker_panes_closed", "Panes closed.", WHERE, registry=registry
        )
        self.flush_seconds = Histogram(
            "davy_worker_flush_seconds",
            "How long flushes took until the broker had them.",
            ("topic",),
            buckets=FLUSH_BUCKETS_S,
            registry=registry,
        )
        self.decisions = Counter(
            "davy_worker_decisions", "Decisions made, by action.", ("action",), registry=registry
        )
