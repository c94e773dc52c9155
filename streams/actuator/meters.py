"""What does an actuator count as it goes?"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

APPLY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)


class Meters:
    """Counters of one actuator, by Prometheus' conventions."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.assignments = Counter(
            "davy_actuator_assignments",
            "Times that the group gave this actuator its partitions.",
            registry=registry,
        )
        self.refused = Counter(
            "davy_actuator_refused_decisions",
            "Decisions that were not acted on, by reason.",
            ("reason",),
            registry=registry,
        )
        self.target_errors = Counter(
            "davy_actuator_target_errors",
            "Looks and writes at targets that failed, by kind.",
            ("kind",),
            registry=registry,
        )
        self.drifts = Counter(
            "davy_actuator_drifts",
            "Changes of weights by somebody else; `war`: davy no longer undoes them.",
            ("kind",),
            registry=registry,
        )
        self.silence_rollbacks = Counter(
            "davy_actuator_silence_rollbacks",
            "Rollouts taken back because the judge was silent for too long.",
            registry=registry,
        )
        self.renewed = Counter(
            "davy_actuator_renewed_runners",
            "Runners left behind in a call of their target that did not return.",
            registry=registry,
        )
        self.lost_records = Counter(
            "davy_actuator_lost_records",
            "Records of `routing` that the log did not take.",
            registry=registry,
        )
        self.apply_seconds = Histogram(
            "davy_actuator_apply_seconds",
            "From the receipt of a decision to the proof that its weights are in force.",
            buckets=APPLY_BUCKETS_S,
            registry=registry,
        )
