"""Users whose requests fail and are slow together, no arm worse: who raises false alarms?

Reduced: some tens of streams each; the bars follow their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.spec.model import Metric, MetricKind, Unit
from tests.evidence.simulate import band
from tests.judge.users import Users, harmed
from tests.judge.world import make_spec

pytestmark = pytest.mark.statistics

STREAMS = 60
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
    @pytest.mark.parametrize(("icc", "plain"), [(0.05, 0.15), (0.3, 0.3)])
    @pytest.mark.parametrize("metric", [ERRORS, P95, P50], ids=lambda metric: metric.name)
    def test_users_hold_where_requests_fire(self, metric: Metric, icc: float, plain: float) -> None:
        assert alarms(metric, Unit.REQUEST, icc=icc) > plain
        assert alarms(metric, Unit.USER, icc=icc) <= band(ALPHA, STREAMS)
