"""Whoever was stopped inside a step, and goes on after others took over, changes nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from streams.demo.processes import Part, wait_until
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
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
