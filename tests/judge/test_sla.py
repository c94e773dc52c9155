"""p99 against an absolute limit: the baseline is no excuse."""

from __future__ import annotations

import numpy as np
import pytest

from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.monitors.sla import SlaReader
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Metric, MetricKind
from tests.judge.alone import Alone
from tests.judge.world import PANE_MS, Model, World, make_spec, run

SLOW = Model(latency_ms=60.0)


def judged(limit_ms: float, model: Model, seconds: int = 250) -> Decision:
    sla = Metric(name="p99_sla", kind=MetricKind.LATENCY_SLA, quantile=0.99, limit_ms=limit_ms)
    spec = make_spec(metrics=(sla,))
    world = World(spec=spec, models={"candidate": model}, rate=400)
    return run(RolloutJudge(spec, PANE_MS), world, seconds)[-1]


class TestVerdict:
    """Lognormal latencies with median 20 ms have their p99 at 51 ms, with 60 ms at 152 ms."""

    def test_over_the_limit_rolls_back(self) -> None:
        last = judged(100.0, SLOW)
        assert (last.action, last.reason) == (
            Action.ROLLBACK,
            "harm: harm shown: p99_sla of candidate",
        )

    def test_under_the_limit_is_promoted(self) -> None:
        last = judged(100.0, Model())
        (verdict,) = last.verdicts
        assert (last.action, verdict.finding) == (Action.PROMOTE, Finding.NO_HARM)
        assert (verdict.unit, verdict.margin) == ("ms", 100.0)
        assert verdict.low is not None
        assert verdict.high is not None
        assert verdict.low < 51 < verdict.high

    def test_at_the_limit_is_neither(self) -> None:
        assert judged(51.0, Model()).verdicts[0].finding is Finding.UNDECIDED


class TestReader:
    """Bucket edges never decide: sure and possible violations differ by a bucket at most."""

    @pytest.mark.parametrize("limit_ms", [0.5, 100.0, 300.0, 99_999.0])
    def test_counts_around_the_limit(self, limit_ms: float) -> None:
        values = limit_ms * np.array([0.5, 0.97, 1.0, 1.03, 2.0])
        cell = Cell(exposures=values.size)
        cell.latency.update(values)
        _, (total, surely, perhaps) = SlaReader(limit_ms).read(Cell(), cell).tolist()
        assert (total, surely) == (5, 2)
        assert perhaps in {2, 3}


class TestSteadyLatency:
    """A service that takes as long every time: its quantiles all lie in one bucket."""

    @pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
    def test_is_shown_harmless(self, quantile: float) -> None:
        metric = Metric(name="q", kind=MetricKind.LATENCY, quantile=quantile, margin=0.1)
        one, cell = Alone(metric), Cell(exposures=500)
        cell.latency.update(np.full(500, 12.0))
        for _ in range(20):
            one.fold_stage(one.reader.read(cell, cell))
        assert one.watch.harmless
