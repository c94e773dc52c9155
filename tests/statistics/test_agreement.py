"""The streams side by side are no copy of the judge: a whole `RolloutJudge` ends in the same pane.

The same counts as cells, one rollout at a time, with the same routing records.
"""

import numpy as np
import pytest

from streams.judge.decision_facts import Action
from streams.judge.facts import Cut, PaneInput
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, Candidate, RolloutSpec, Stage, Target
from tests.statistics.disturbed import LateErrors
from tests.statistics.traffic import CANDIDATE, PANE_MS, canary, routing, up_and_down
from tests.statistics.watching import ratio_sums, watch_harm, watch_safe

pytestmark = pytest.mark.statistics

STREAMS = 24


def spec(margin, guard_s):
    return RolloutSpec(
        rollout="r",
        service="s",
        baseline="v1",
        candidates=(Candidate(name=CANDIDATE, version="v2"),),
        target=Target(router="memory"),
        stages=(Stage(weight_bp=5_000), Stage(weight_bp=FULL_BP)),
        metrics=(Metric(name="errors", kind=MetricKind.ERRORS, margin=margin),),
        timeout_s=guard_s - 1,
        routing_lag_s=1.0,
        report_every_s=1e6,
    )


def cell(counts):
    return Cell(exposures=int(counts[0]), errors=int(counts[1]))


def end_of(panes, weight_bp, asked):
    """Action and number of panes with which one rollout ends; None if it does not."""
    judge, facts = RolloutJudge(asked, PANE_MS), {f.since_ms: f for f in routing(weight_bp)}
    for pane, (baseline, candidate) in enumerate(panes):
        arms = {BASELINE: cell(baseline), CANDIDATE: cell(candidate)}
        cells = {(ALL_SEGMENT, arm): found for arm, found in arms.items()}
        fact = facts.get(pane * PANE_MS)
        judged = PaneInput(pane=pane, pane_ms=PANE_MS, cells=cells)
        decision = judge.step(judged, Cut(pane=pane), [fact] if fact else [])
        if decision is not None and decision.terminal:
            return decision.action, pane + 1
    return None


def ends(traffic, asked):
    streams = np.stack(list(traffic.counts()), axis=1)
    return [end_of(panes, traffic.weight_bp, asked) for panes in streams]


def expected(first, action):
    return [(action, int(panes)) if np.isfinite(panes) else None for panes in first]


def test_rollbacks_on_a_ramp_up_and_down_with_late_errors():
    """Weights change, errors come 30 s late, panes after a lowering are left out."""
    weight_bp = up_and_down(600)
    inner = canary(1, STREAMS, weight_bp=weight_bp, rate=0.05, ratio=2.0)
    traffic = LateErrors(inner=inner)
    seen = watch_harm(traffic, ratio_sums(STREAMS), guard_s=45.0, alphas=(0.01,))
    found = ends(traffic, spec(0.0, 45.0))
    assert found == expected(seen.first[0.01], Action.ROLLBACK)
    assert len({end for end in found if end}) > STREAMS // 3


def test_promotions_of_a_stage():
    """Non-inferiority of confirmed panes outside the guard, at the first pane that shows it."""
    traffic = canary(2, STREAMS, rate=0.05, ratio=0.9, panes=500)
    sums = ratio_sums(STREAMS, 0.25)
    seen = watch_safe(traffic, sums, guard_s=45.0, first=1)
    found = ends(traffic, spec(0.25, 45.0))
    assert found == expected(seen.first[0.05], Action.PROMOTE)
    assert len({end for end in found if end}) > STREAMS // 3
