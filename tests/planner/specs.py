"""Specs and traffic that the planner's tests share."""

import math

import numpy as np

from streams.planner.facts import Z_P99, Harm, HarmKind, Outlook, Traffic
from streams.planner.outlook import foresee
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import FULL_BP, Candidate, RolloutSpec, Stage, Target
from tests.planner.world import SIGMA

ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25)
SUCCESS = Metric(name="success", kind=MetricKind.SUCCESS, floor=0.95)
CLASSES = Metric(name="classes", kind=MetricKind.CLASSES, threshold=0.05)


def latency(quantile: float, margin: float = 0.1) -> Metric:
    name = f"p{100 * quantile:g}"
    return Metric(name=name, kind=MetricKind.LATENCY, quantile=quantile, margin=margin)


def make_spec(*metrics: Metric, weights: tuple[int, ...], lasts_s: float = 5.0, **changes: object):
    stages = (*(Stage(weight_bp=bp, min_time_s=lasts_s) for bp in weights),)
    plan = {
        "rollout": "digits-v2",
        "service": "digits",
        "baseline": "v1",
        "candidates": (Candidate(name="candidate", version="v2"),),
        "target": Target(router="memory"),
        "stages": (*stages, Stage(weight_bp=FULL_BP)),
        "metrics": metrics,
        "timeout_s": 1.0,
        "routing_lag_s": 1.0,
    }
    return RolloutSpec(**plan | changes)


def traffic(rps: float, p_error: float = 0.02, **changes: object) -> Traffic:
    """Latencies are those of `tests.planner.world`."""
    p99_ms = 20.0 * math.exp(SIGMA * Z_P99)
    return Traffic(**{"rps": rps, "p_error": p_error, "p50_ms": 20.0, "p99_ms": p99_ms} | changes)


def more_errors(factor: float) -> Harm:
    return Harm(kind=HarmKind.ERRORS, factor=factor)


def slower(factor: float) -> Harm:
    return Harm(kind=HarmKind.LATENCY, factor=factor)


def outlook(
    spec: RolloutSpec, usual: Traffic, *harms: Harm, cases: int = 200, seed: int = 1
) -> Outlook:
    return foresee(spec, usual, harms, np.random.default_rng(seed), cases=cases)
