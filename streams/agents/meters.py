"""What does a worker count as it goes? Per batch at most, never per event."""

from __future__ import annotations

import time
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

from streams.judge.decision_facts import Decision

DECISION_BUCKETS_S = (0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 300.0, 3600.0)
FLUSH_BUCKETS_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WHERE = ("topic", "partition")


class Meters:
    """Counters of one worker, by Prometheus' conventions."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.rebuilds = counter(
            "davy_worker_rebuilds",
            "Owners of partitions that failed and were built anew from the log.",
            WHERE,
        )
        self.stalls = counter(
            "davy_worker_stalls", "Partitions found standing still with records waiting.", WHERE
        )
        self.fenced = counter(
            "davy_worker_fenced",
            "Writes of this worker that the broker refused: another owner had taken over.",
            WHERE,
        )
        self.assignments = counter(
            "davy_worker_assignments", "Times that the group gave this worker its partitions."
        )
        self.dead_letters = counter(
            "davy_worker_dead_letters",
            "Records that could not be used, by reason.",
            ("topic", "reason"),
        )
        self.panes_closed = counter("davy_worker_panes_closed", "Panes closed.", WHERE)
        self.flush_seconds = histogram(
            "davy_worker_flush_seconds",
            "How long flushes took until the broker had them.",
            ("topic",),
            buckets=FLUSH_BUCKETS_S,
        )
        self.decisions = counter("davy_worker_decisions", "Decisions made, by action.", ("action",))
        self.decision_seconds = histogram(
            "davy_judge_decision_seconds",
            "From the end of a pane, in event time, to the log's receipt of the decision on it.",
            buckets=DECISION_BUCKETS_S,
        )

    def decided(self, decision: Decision) -> None:
        """The log has this decision now."""
        self.decisions.labels(decision.action).inc()
        pane_end_ms = (decision.cut.pane + 1) * decision.pane_ms
        took_s = time.time_ns() / 1e9 - pane_end_ms / 1e3
        self.decision_seconds.observe(max(0.0, took_s))
