"""What does an actuator count as it goes?"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

APPLY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)
EFFECT_BUCKETS_S = (0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 300.0, 3600.0)


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
        self.effect_seconds = Histogram(
            "davy_actuator_effect_seconds",
            "From the end of a pane, in event time, to the proof that the weights are in force"
            " which follow from it.",
            buckets=EFFECT_BUCKETS_S,
            registry=registry,
        )

    def in_force(self, *, took_s: float, pane_end_ms: int, now_ms: int) -> None:
        """A decision's weights are in force; `pane_end_ms` 0: its pane is not known."""
        self.apply_seconds.observe(took_s)
        if pane_end_ms:
            self.effect_seconds.observe(max(0, now_ms - pane_end_ms) / 1000)
