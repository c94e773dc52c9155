"""How often the whole judge errs: fixed seeds, tolerances from the binomial."""

from __future__ import annotations

import math

import pytest

from streams.judge.decision_facts import Action
from streams.judge.rollout import RolloutJudge
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import FULL_BP, RolloutSpec, Stage
from tests.judge.world import PANE_MS, Model, World, make_spec, run

pytestmark = [pytest.mark.statistics, pytest.mark.slow]

STREAMS = 60
ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25)
PLAIN_ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.0)
EXTRA = 0.04
"""Errors of every arm beside its own."""


def tolerated(alpha: float) -> float:
    return STREAMS * (alpha + 2.33 * math.sqrt(alpha * (1 - alpha) / STREAMS))


def outcomes(spec: RolloutSpec, candidate: Model, action: Action, from_second: int = 0) -> int:
    """How many rollouts of 45 s end so."""
    ends = []
    for seed in range(STREAMS):
        world = World(
            spec=spec,
            models={"candidate": candidate},
            seed=seed,
            rate=300,
            shock=lambda second: EXTRA if second >= from_second else 0.0,
        )
        ends.append(run(RolloutJudge(spec, PANE_MS), world, 45)[-1].action)
    return ends.count(action)


def test_false_rollbacks_on_a_ramp_with_a_common_shock() -> None:
    """Identical models; everybody's errors jump from 1 % to 5 % while the share is raised."""
    ramp = tuple(
        Stage(weight_bp=bp, min_time_s=5, min_exposures=1) for bp in (200, 1000, 2500, 5000)
    )
    stages = (*ramp[:-1], Stage(weight_bp=5000, min_time_s=1e6), Stage(weight_bp=FULL_BP))
    spec = make_spec(metrics=(PLAIN_ERRORS,), stages=stages, alpha_rollback=0.05)
    assert outcomes(spec, Model(), Action.ROLLBACK, from_second=15) <= tolerated(0.05)


def test_false_promotions_exactly_at_the_margin() -> None:
    """5 % errors against 6.25 %: the margin of +25 % to the point."""
    stages = (Stage(weight_bp=5000, min_time_s=2, min_exposures=1), Stage(weight_bp=FULL_BP))
    spec = make_spec(metrics=(ERRORS,), stages=stages, alpha_promote=0.05)
    worse = Model(errors=1.25 * (0.01 + EXTRA) - EXTRA)
    assert outcomes(spec, worse, Action.PROMOTE) <= tolerated(0.05)


def test_true_promotions_of_a_better_candidate() -> None:
    """The same plan can promote: half the errors are shown harmless within the time."""
    stages = (Stage(weight_bp=5000, min_time_s=2, min_exposures=1), Stage(weight_bp=FULL_BP))
    spec = make_spec(metrics=(ERRORS,), stages=stages, alpha_promote=0.05)
    better = Model(errors=0.0)
    assert outcomes(spec, better, Action.PROMOTE) >= 0.5 * STREAMS
