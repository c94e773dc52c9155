"""`drift.yaml`: both versions become twice as slow in mid-rollout, and nobody is blamed."""

from dataclasses import replace
from pathlib import Path

import pytest

from streams.cli.show import decision_line
from streams.judge.decision_facts import Action, Direction, Finding
from streams.judge.explain import explain
from streams.judge.rollout import RolloutJudge
from streams.spec.load import load_spec
from tests.judge.world import GOOD, PANE_MS, START, Model, World, run

SPEC = load_spec(Path(__file__).parents[2] / "infra" / "examples" / "drift.yaml").spec
MOVED_S, STAGE_S = 100, 180


def judged(candidate: Model, seconds: int, slower_from: int = 0):
    """A rollout whose world is twice as slow from second 100 on."""
    world = World(spec=SPEC, rate=400, pace=lambda second: 2.0 if second >= MOVED_S else 1.0)

    def each(judge: RolloutJudge) -> RolloutJudge:
        if len(world.panes) >= slower_from:
            world.models = {"candidate": candidate}
        return judge

    return run(RolloutJudge(SPEC, PANE_MS), world, seconds, each=each)


def test_the_change_is_told_and_the_candidate_promoted():
    decisions = judged(GOOD, 600)
    (told,) = [decision for decision in decisions if decision.news]
    (drift,) = told.news
    assert (drift.metric, drift.direction) == ("latency", Direction.UP)
    assert MOVED_S < drift.pane - START < MOVED_S + 40
    assert "The baseline itself has changed: latency went up from 2" in explain(told)
    assert "The baseline itself has changed" in decision_line(told, 0)
    assert Finding.HARM not in {v.finding for each in decisions for v in each.verdicts}
    assert decisions[-1].action is Action.PROMOTE


@pytest.mark.parametrize("slower_from", [MOVED_S + 60, STAGE_S + 40])
def test_a_candidate_that_is_slower_in_the_new_world_is_rolled_back(slower_from: int):
    slower = replace(GOOD, latency_ms=1.6 * GOOD.latency_ms)
    decisions = judged(slower, 400, slower_from)
    assert decisions[-1].action is Action.ROLLBACK
    assert decisions[-1].cut.pane - START < slower_from + 40
