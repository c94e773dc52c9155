"""Users whose requests fail and are slow together, no arm worse: who raises false alarms?

Reduced: some tens of streams each; the bars follow their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.units import first_errors
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Unit
from tests.evidence.simulate import band
from tests.judge.users import Log, Users, harmed
from tests.judge.world import make_spec

pytestmark = pytest.mark.statistics

STREAMS = 40
ALPHA = 0.05
ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.0)
P95 = Metric(name="p95", kind=MetricKind.LATENCY, quantile=0.95, margin=0.0)
P50 = Metric(name="p50", kind=MetricKind.LATENCY, quantile=0.5, margin=0.0)
RAMP = tuple(share for share in (0.02, 0.1, 0.25, 0.5) for _ in range(22))


def alarms(metric: Metric, unit: Unit, **users: Any) -> float:
    """Share of the streams in which harm is found at 5 %."""
    spec = make_spec(metrics=(metric,), unit=unit, alpha_rollback=ALPHA, report_every_s=1e6)
    return float(np.mean([harmed(Users(seed=s, **users).log(), spec) for s in range(STREAMS)]))


class TestSameShare:
    @pytest.mark.parametrize(
        ("metric", "icc", "plain"),
        [(ERRORS, 0.05, 0.3), (ERRORS, 0.3, 0.5), (P95, 0.3, 0.4), (P50, 0.3, 0.5)],
        ids=lambda each: getattr(each, "name", None),
    )
    def test_users_hold_where_requests_fire(self, metric: Metric, icc: float, plain: float) -> None:
        assert alarms(metric, Unit.REQUEST, icc=icc) > plain
        assert alarms(metric, Unit.USER, icc=icc) <= band(ALPHA, STREAMS)


class TestRamp:
    """Users who stay while the candidate's share rises are moved to it, one after another."""

    @pytest.mark.parametrize("metric", [ERRORS, P95], ids=lambda metric: metric.name)
    def test_what_befell_a_user_counts_wherever_he_is(self, metric: Metric) -> None:
        found = alarms(metric, Unit.USER, icc=0.3, shares=RAMP, stay=0.7)
        assert found <= band(ALPHA, STREAMS)

    def test_who_is_new_to_each_arm_would_fire(self) -> None:
        """The failing form: the candidate gets users as prone to errors as the baseline's were."""
        logs = [Users(seed=s, icc=0.3, shares=RAMP, stay=0.7).log() for s in range(STREAMS)]
        assert np.mean([fires_by_arm(log) for log in logs]) > 2 * band(ALPHA, STREAMS)


def fires_by_arm(log: Log) -> bool:
    """Harm at 5 %, where each arm knows the errors of its own users alone."""
    sums, highest = RatioSums.zeros(RatioTest(margin=0.0, resolution=None)), 0.0
    seen = [np.zeros(0, np.int64)] * 2
    for pane in range(len(RAMP)):
        counts = []
        for arm in (0, 1):
            rows = (log.pane == pane) & (log.candidate == arm)
            counts.append(first_errors(log.user[rows], log.failed[rows], seen[arm]))
            seen[arm] = counts[arm].seen
        baseline, candidate = counts
        sums.fold(baseline.exposures, candidate.exposures, baseline.events, candidate.events)
        highest = max(highest, float(sums.log_e_harm()))
    return highest >= -np.log(ALPHA)
