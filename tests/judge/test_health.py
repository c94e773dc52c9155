"""A split that went wrong once is not forgotten; a person begins the stage afresh."""

from __future__ import annotations

from streams.judge.decision_facts import Action, Decision
from streams.judge.facts import CommandKind
from streams.judge.health import SampleRatio
from streams.judge.rollout import RolloutJudge
from streams.spec.model import FULL_BP, Stage
from tests.judge.world import ERRORS, PANE_MS, START, World, make_spec, run

WEIGHTS = (9_000, 1_000)
ASTRAY = (8_000, 2_000)
MADE_UP_FOR = (10_000, 200)
RESUME_AT = 70


class TestSampleRatio:
    """The check by hand-made counts."""

    def test_failure_outlasts_the_evidence(self) -> None:
        check = SampleRatio()
        check.fold(WEIGHTS, ASTRAY)
        check.fold(WEIGHTS, MADE_UP_FOR)
        told = check.check()
        assert told.log_e < told.log_e_threshold
        assert not told.ok

    def test_failure_outlasts_a_restart(self) -> None:
        check = SampleRatio()
        check.fold(WEIGHTS, ASTRAY)
        check.fold(WEIGHTS, MADE_UP_FOR)
        restarted = SampleRatio()
        restarted.restore(check.to_state())
        assert restarted.failed

    def test_traffic_as_applied_passes(self) -> None:
        check = SampleRatio()
        check.fold(WEIGHTS, (9_020, 980))
        assert check.check().ok


class TestResume:
    """Who mended the routing says so."""

    def judged(self, commands: dict[int, CommandKind]) -> list[Decision]:
        """Astray until second 60, as applied from then on."""
        stages = (Stage(weight_bp=2_500, min_time_s=5), Stage(weight_bp=FULL_BP))
        spec = make_spec(stages=stages, metrics=(ERRORS,))
        world = World(spec=spec, skew=1.5)
        judge = RolloutJudge(spec, PANE_MS)

        def mend(judge: RolloutJudge) -> RolloutJudge:
            world.skew = 1.5 if len(world.panes) < RESUME_AT - 10 else 1.0
            return judge

        return run(judge, world, 600, commands, mend)

    def test_nothing_moves_by_itself(self) -> None:
        assert {Action.PROMOTE} & {d.action for d in self.judged({})} == set()

    def test_the_stage_begins_afresh(self) -> None:
        last = self.judged({RESUME_AT: CommandKind.RESUME})[-1]
        assert last.action is Action.PROMOTE
        assert last.cut.pane > START + RESUME_AT
