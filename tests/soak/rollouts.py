"""Which rollouts do scenarios work on? In fast motion; tests, budgets and code are the usual."""

from __future__ import annotations

from typing import Any

from streams.spec.dimensions import Dimension
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Candidate, Mode, RolloutSpec, Stage, Target
from streams.spec.outcome_facts import Outcome, OutcomeKind

ROLLOUT = "soak"
SERVICE = "shop"
BASELINE, CANDIDATE = "v1", "v2"
STEP_BP = 200
CLASSES = ("cat", "cow", "dog")


def usual(target: Target, **changes: Any) -> RolloutSpec:
    """Live, one dimension, so many small stages that weights go on rising during a scenario."""
    steps = tuple(
        Stage(weight_bp=bp, min_time_s=1, min_exposures=5) for bp in range(STEP_BP, 9000, STEP_BP)
    )
    facts: dict[str, Any] = {
        "rollout": ROLLOUT,
        "service": SERVICE,
        "baseline": BASELINE,
        "candidates": (Candidate(name="candidate", version=CANDIDATE),),
        "target": target,
        "stages": (*steps, Stage(weight_bp=10_000)),
        "segments": (Dimension(name="tier", values=("free", "pro")),),
        "metrics": (
            Metric(name="errors", kind=MetricKind.ERRORS, margin=2.0, floor=0.1),
            Metric(name="p95", kind=MetricKind.LATENCY, quantile=0.95, margin=2.0),
            Metric(name="classes", kind=MetricKind.CLASSES, threshold=0.2),
        ),
        "timeout_s": 0.2,
        "routing_lag_s": 0.2,
        "report_every_s": 1.0,
        "lease_s": 5.0,
        "silence_rollback_s": 300.0,  # faults last longer than three leases, weights must rise
        "max_classes": 4,
    }
    return RolloutSpec(**facts | changes)


def shadow(target: Target) -> RolloutSpec:
    """The candidate gets copies; answers are compared pair by pair."""
    stages = tuple(
        Stage(weight_bp=bp, min_time_s=3, min_exposures=10) for bp in range(2000, 9001, 500)
    )
    return usual(target, mode=Mode.SHADOW, stages=stages, segments=(), pair_within_s=2.0)


def labelled(target: Target) -> RolloutSpec:
    """Labels, a rate and a mean come a little after the answers."""
    outcomes = (
        Outcome(name="label", kind=OutcomeKind.LABEL, window_s=3, delivery_s=1, classes=CLASSES),
        Outcome(name="bought", kind=OutcomeKind.RATE, window_s=2, delivery_s=0.5),
        Outcome(name="paid", kind=OutcomeKind.MEAN, window_s=2, delivery_s=0.5),
    )
    metrics = (
        Metric(name="errors", kind=MetricKind.ERRORS, margin=2.0, floor=0.1),
        Metric(name="mistakes", kind=MetricKind.MISTAKES, outcome="label", margin=2.0),
        Metric(name="bought", kind=MetricKind.RATE, outcome="bought", margin=0.9),
    )
    return usual(target, outcomes=outcomes, metrics=metrics)
