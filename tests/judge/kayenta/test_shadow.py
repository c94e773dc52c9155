"""Kayenta's judge beside davy's: the same panes as minutes, its answer in the decision."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streams.judge.chain import decision_body
from streams.judge.decision_facts import Action, Decision
from streams.judge.kayenta.shadow import MINUTES_KEPT, KayentaShadow, canary_config, minute_value
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Role
from streams.spec.model import FULL_BP, Stage
from tests.judge.world import (
    CLASSES,
    ERRORS,
    P50,
    PANE_MS,
    SCORES,
    SUCCESS,
    TIMEOUTS,
    Model,
    World,
    make_spec,
    run,
)

METRICS = (ERRORS, P50)
STAGES = (Stage(weight_bp=5_000, min_time_s=1e6), Stage(weight_bp=FULL_BP))


def decisions(model: Model, seconds: int = 700, **spec: object) -> list[Decision]:
    asked = make_spec(**{"metrics": METRICS, "stages": STAGES} | spec)
    world = World(spec=asked, models={"candidate": model}, rate=100)
    return run(RolloutJudge(asked, PANE_MS), world, seconds)


class TestDecision:
    """What is told, and that it is only told."""

    def test_a_like_candidate_passes(self) -> None:
        (shadow,) = decisions(Model())[-1].shadows
        assert (shadow.candidate, shadow.classification, shadow.score) == ("candidate", "Pass", 100)
        assert shadow.minutes == 11
        assert [m.name for m in shadow.metrics] == ["errors", "p50"]

    def test_a_slow_candidate_is_high_and_nothing_follows(self) -> None:
        """davy holds for lack of time in the stage; Kayenta's word moves nothing."""
        signal = P50.model_copy(update={"role": Role.SIGNAL, "margin": 0.25})
        last = decisions(Model(latency_ms=28.0), metrics=(ERRORS, signal))[-1]
        assert Action.ROLLBACK is not last.action
        (shadow,) = last.shadows
        assert {m.name: m.classification for m in shadow.metrics}["p50"] == "High"

    def test_nothing_is_said_before_a_minute_is_complete(self) -> None:
        assert decisions(Model(), seconds=35)[-1].shadows == ()

    def test_classes_alone_have_no_series(self) -> None:
        assert decisions(Model(), metrics=(CLASSES,))[-1].shadows == ()

    def test_a_restart_after_every_pane_says_the_same(self) -> None:
        spec = make_spec(metrics=METRICS, stages=STAGES)

        def again(judge: RolloutJudge) -> RolloutJudge:
            return RolloutJudge.from_state(spec, json.loads(json.dumps(judge.to_state())))

        restarted = run(RolloutJudge(spec, PANE_MS), World(spec=spec, rate=20), 200, each=again)
        straight = run(RolloutJudge(spec, PANE_MS), World(spec=spec, rate=20), 200)
        assert restarted[-1].shadows
        assert [decision_body(d) for d in restarted] == [decision_body(d) for d in straight]


class TestSeries:
    """Minutes from panes."""

    def test_the_window_is_bounded(self) -> None:
        """Even a rollout of days keeps four hours of values."""
        spec = make_spec(metrics=(ERRORS,))
        shadow, world = KayentaShadow(spec, "candidate"), World(spec=spec, rate=5)
        world.weights = {"baseline": 5_000, "candidate": 5_000}
        for minute in range(MINUTES_KEPT + 70):
            shadow.add(world.pane(60 * minute))
        (control, experiment) = shadow.to_state()["series"][0]
        assert (len(control), len(experiment)) == (MINUTES_KEPT, MINUTES_KEPT)
        assert shadow.said is not None
        assert shadow.said.minutes == MINUTES_KEPT

    @pytest.mark.parametrize(
        ("metric", "value"),
        [(ERRORS, 0.25), (TIMEOUTS, 0.125), (SUCCESS, 0.75), (P50, 10.0), (SCORES, 0.5)],
    )
    def test_value_of_a_minute(self, metric: object, value: float) -> None:
        cell = Cell(exposures=8, errors=2, timeouts=1)
        cell.latency.update(np.full(8, 10.0))
        cell.scores.update(np.full(8, 0.5))
        assert minute_value(metric, cell) == pytest.approx(value, rel=0.03)
        assert minute_value(metric, Cell()) is None

    def test_directions_are_those_of_the_metrics(self) -> None:
        config = canary_config(make_spec(metrics=(ERRORS, SUCCESS, SCORES, CLASSES)))
        told = {
            m["name"]: m["analysisConfigurations"]["canary"]["direction"] for m in config["metrics"]
        }
        assert told == {"errors": "increase", "success": "decrease", "scores": "either"}
