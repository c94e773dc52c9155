"""Whoever was stopped inside a step, and goes on after others took over, changes nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from streams.demo.processes import Part, Parts, wait_until
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from tests.agents.pipeline import Pipeline
from tests.failover.judges import QUICK, begin, check, worker
from tests.failover.rollouts import Stage, staged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def stopped(part: Part) -> bool:
    """Whether the process was stopped by a signal."""
    state = Path(f"/proc/{part.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


class TestActuator:
    def test_between_intent_and_touch(self, kafka: str, prefix: str, tmp_path: Path) -> None:
        """Its raise was taken back meanwhile, at a target that had never moved: it stays so."""

        def run(stage: Stage) -> None:
            spec = stage.rollout("down")
            zombie = stage.actuator("a", end="down/1/apply:before:SIGSTOP")
            stage.await_step(zombie, "down/0/observed")
            other = stage.actuator("b")
            with stage.judged():
                stage.log.decide(spec, Action.ADVANCE, 2500)
                wait_until(lambda: stopped(zombie), what="the stop", deadline_s=120)
                stage.log.decide(spec, Action.ROLLBACK, 0)
                stage.await_look("down", 2, 0)
                stage.await_step(other, "down/2/sign")
                told = len(stage.log.routed("down"))
                zombie.signal(signal.SIGCONT)
                wait_until(
                    lambda: any(
                        s.pid == zombie.pid and (s.step, s.edge) == ("down/1/apply", "refused")
                        for s in stage.steps()
                    ),
                    what="a refusal",
                    deadline_s=120,
                )
                wait_until(lambda: "actuator.lost" in zombie.tail(), what="word", deadline_s=120)
                stage.log.decide(spec, Action.HOLD, 0)
                stage.await_look("down", 3, 0)
            assert stage.share("down") == 0
            fence = stage.fence("down")
            assert fence is not None
            assert fence.seq >= 2
            later = stage.log.routed("down")[told:]
            assert not [r for r in later if r.phase is RoutingPhase.APPLIED]

        staged(kafka, prefix, tmp_path, run)


@pytest.fixture
def pipeline(kafka: str, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(kafka, prefix, parts, **QUICK)


def knows(zombie: Part) -> bool:
    """Whether it has heard that others took over: from the broker, or sooner from the group."""
    return any(word in zombie.tail(200) for word in ("another owner has started", "re-joining"))


class TestJudge:
    @pytest.mark.parametrize("point", ["sent/decisions/1:after", "decision/1/transaction:before"])
    def test_inside_a_step(self, pipeline: Pipeline, tmp_path: Path, point: str) -> None:
        """Its decision never appears, the other's stands once, and it says that it was fenced."""
        trace = tmp_path / "trace.jsonl"
        zombie = worker(pipeline, "a", trace, end=f"{point}:SIGSTOP")
        stretches = begin(pipeline, zombie, 0.01)
        pipeline.publish(next(stretches))
        wait_until(lambda: stopped(zombie), what="the stop", deadline_s=120)
        assert pipeline.decisions() == []
        other = worker(pipeline, "b", trace)
        pipeline.eventually(
            lambda: bool(pipeline.decisions()), what="takeover", parts=[other], deadline_s=120
        )
        zombie.signal(signal.SIGCONT)
        wait_until(lambda: knows(zombie), what="word", deadline_s=120)
        for stretch in stretches:
            pipeline.publish(stretch)
        pipeline.eventually(
            lambda: pipeline.decisions()[-1]["terminal"],
            what="the end",
            parts=[other],
            deadline_s=120,
        )
        check(pipeline)
        assert "rebuilding" not in other.log.read_text(), "the zombie took the ownership back"
