"""The world moves: it is told, thresholds follow at the next stage, nobody is blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from streams.evidence.quantile import exceedances
from streams.judge.decision_facts import Action, Decision, Direction, Finding
from streams.judge.explain import explain
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import LogHistogram
from streams.spec.model import BASELINE, FULL_BP, RolloutSpec, Stage
from tests.judge.test_continuation import bodies, through_json
from tests.judge.world import ERRORS, P50, P95, PANE_MS, START, Model, World, make_spec, run


@dataclass(frozen=True, kw_only=True)
class Tailed(Model):
    """One request of seven takes three times as long: p95 suffers, the median hardly."""

    def answer(self, n: int, rng: np.random.Generator) -> Cell:
        cell = Model.answer(self, n, rng)
        values = rng.lognormal(np.log(self.latency_ms), 0.4, n)
        values[rng.random(n) < 0.15] *= 3.0
        cell.latency = LogHistogram()
        cell.latency.update(values)
        return cell


def plan(first_s: float, second_s: float) -> RolloutSpec:
    return make_spec(
        stages=(
            Stage(weight_bp=4000, min_time_s=first_s, min_exposures=50),
            Stage(weight_bp=5000, min_time_s=second_s, min_exposures=50),
            Stage(weight_bp=FULL_BP),
        ),
        metrics=(ERRORS, P50, P95.model_copy(update={"margin": 0.2})),
        report_every_s=30.0,
    )


def doubles(second: int) -> float:
    """Both arms take twice as long from second 100 on."""
    return 2.0 if second >= 100 else 1.0


def climbs(second: int) -> float:
    """Both arms climb to three times as long, from second 100 to 250."""
    return 1 + 2 * min(1.0, max(0, second - 100) / 150)


def falls(second: int) -> float:
    """Both arms fall to a third, from second 100 to 220."""
    return 1 - (2 / 3) * min(1.0, max(0, second - 100) / 120)


@dataclass
class Log:
    """What was seen of p95's threshold, pane by pane."""

    tau: list[int | None] = field(default_factory=list)
    stage: list[int] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)

    def look(self, judge: RolloutJudge, world: World) -> None:
        reader = judge._learnt.field.pairs[0].watches[-1].reader
        baseline = world.panes[-1].cells["all", BASELINE].latency
        self.tau.append(reader._tau)
        self.stage.append(judge._course.stage)
        if reader._tau is not None:
            self.slow.append(exceedances(baseline, reader._tau) / baseline.total)
        else:
            self.slow.append(float("nan"))


def rolled(
    spec: RolloutSpec,
    pace: Callable[[int], float],
    seconds: int,
    *,
    tail_from: int | None = None,
    renews: bool = True,
) -> tuple[list[Decision], Log]:
    """A rollout in a world of that pace; the candidate's tail may grow at a second."""
    world, log = World(spec=spec, pace=pace, rate=400), Log()

    def each(judge: RolloutJudge) -> RolloutJudge:
        if not judge.ended:
            log.look(judge, world)
        if not renews and judge._learnt.drift.told:
            judge._learnt.field._thresholds.clear()  # held for good: as without this rule
        if len(log.tau) == tail_from:
            world.models = {"candidate": Tailed()}
        return judge

    return run(RolloutJudge(spec, PANE_MS), world, seconds, each=each), log


def seen_at(decisions: list[Decision]) -> int:
    """When the first change was detected."""
    return min(drift.pane for decision in decisions for drift in decision.news) - START


class TestRollout:
    """What a judge makes of it."""

    def test_a_change_is_told_at_once_and_is_nobodys_harm(self) -> None:
        decisions, _ = rolled(plan(200, 200), doubles, 450)
        (told,) = [decision for decision in decisions if decision.news]
        (drift,) = told.news
        assert (drift.metric, drift.direction) == ("latency", Direction.UP)
        assert 100 < drift.pane - START < 140
        assert "The baseline itself has changed: latency went up from" in explain(told)
        assert all(drift in decision.drifts for decision in decisions if decision.seq > told.seq)
        findings = {v.finding for decision in decisions for v in decision.verdicts}
        assert not findings & {Finding.HARM, Finding.INVALID}
        assert decisions[-1].action is Action.PROMOTE

    def test_without_a_change_nothing_is_told(self) -> None:
        decisions, _ = rolled(plan(100, 100), lambda _: 1.0, 220)
        assert {decision.drifts for decision in decisions} == {()}

    def test_the_threshold_stays_for_the_stage_and_is_sharp_in_the_next(self) -> None:
        decisions, log = rolled(plan(500, 200), climbs, 620)
        at = seen_at(decisions)
        entered = log.stage.index(1)
        assert 100 < at < 250
        assert len(set(log.tau[at:entered])) == 1
        assert np.mean(log.slow[260:entered]) > 0.15
        assert np.mean(log.slow[entered + 1 :]) == pytest.approx(0.05, abs=0.015)

    def test_a_tail_that_grows_is_found_soon_again(self) -> None:
        """In 32 s here; with the threshold of a world long gone it is not found in 350 s."""
        spec = plan(300, 400)
        sharp, log = rolled(spec, climbs, 700, tail_from=340)
        dull, _ = rolled(spec, climbs, 700, tail_from=340, renews=False)
        assert log.stage.index(1) < 340
        assert sharp[-1].action is Action.ROLLBACK
        assert sharp[-1].cut.pane - START < 400
        assert Action.ROLLBACK not in {decision.action for decision in dull}

    def test_a_last_stage_does_not_wait_on_a_threshold_that_shows_nothing(self) -> None:
        """The stage has had its time, the world is three times as fast: p95 could not be shown."""
        spec = plan(20, 260)
        decisions, log = rolled(spec, falls, 700)
        at = seen_at(decisions)
        assert log.stage[at] == 1
        assert log.slow[250] < 0.01
        assert decisions[-1].action is Action.PROMOTE

    @pytest.mark.parametrize("pace", [doubles, climbs])
    def test_state_restores_at_every_pane(self, pace: Callable[[int], float]) -> None:
        spec = plan(160, 100)
        straight = run(RolloutJudge(spec, PANE_MS), World(spec=spec, pace=pace), 220)
        world = World(spec=spec, pace=pace)
        broken = run(RolloutJudge(spec, PANE_MS), world, 220, each=through_json)
        assert any(decision.news for decision in straight)
        assert bodies(straight) == bodies(broken)
