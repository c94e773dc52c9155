"""What does an actuator count as it goes?"""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

APPLY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)
EFFECT_BUCKETS_S = (0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 300.0, 3600.0)


class Meters:
    """Counters of one actuator, by Prometheus' conventions."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.assignments = counter(
            "davy_actuator_assignments", "Times that the group gave this actuator its partitions."
        )
        self.refused = counter(
            "davy_actuator_refused_decisions",
            "Decisions that were not acted on, by reason.",
            ("reason",),
        )
        self.target_errors = counter(
            "davy_actuator_target_errors",
            "Looks and writes at targets that failed, by kind.",
            ("kind",),
        )
        self.drifts = counter(
            "davy_actuator_drifts",
            "Changes of weights by somebody else; `war`: davy no longer undoes them.",
            ("kind",),
        )
        self.silence_rollbacks = counter(
            "davy_actuator_silence_rollbacks",
            "Rollouts taken back because the judge was silent for too long.",
        )
        self.renewed = counter(
            "davy_actuator_renewed_runners",
            "Runners left behind in a call of their target that did not return.",
        )
        self.lost_records = counter(
            "davy_actuator_lost_records", "Records of `routing` that the log did not take."
        )
        self.apply_seconds = histogram(
            "davy_actuator_apply_seconds",
            "From the receipt of a decision to the proof that its weights are in force.",
            buckets=APPLY_BUCKETS_S,
        )
        self.effect_seconds = histogram(
            "davy_actuator_effect_seconds",
            "From the end of a pane, in event time, to the proof that the weights are in force"
            " which follow from it.",
            buckets=EFFECT_BUCKETS_S,
        )

    def in_force(self, *, took_s: float, pane_end_ms: int, now_ms: int) -> None:
        """A decision's weights are in force; `pane_end_ms` 0: its pane is not known."""
        self.apply_seconds.observe(took_s)
        if pane_end_ms:
            self.effect_seconds.observe(max(0, now_ms - pane_end_ms) / 1000)
