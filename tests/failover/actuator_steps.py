"""`python -m tests.failover.actuator_steps actuator`: `davy actuator`, step by step.

Steps are decisions, routing records, the router's verbs and commits, named by rollout and decision:
`up/1/decide`, `up/1/intent`, `up/1/apply`, `commit/3`.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from streams.actuator import beginning, member
from streams.actuator.actor import RolloutActor
from streams.actuator.journal import KafkaJournal
from streams.cli import app
from tests.failover.steps import Steps, steps_of_this_process


class SteppingRouter:
    """A router whose verbs are steps."""

    def __init__(self, router: Any, rollout: str, steps: Steps) -> None:
        self._router, self._rollout, self._steps = router, rollout, steps
        self.capabilities = router.capabilities

    def __getattr__(self, verb: str) -> Any:
        action = getattr(self._router, verb)

        @functools.wraps(action)
        def take(*given: Any, **named: Any) -> Any:
            step = f"{self._rollout}/{self._steps.seq.get(self._rollout, 0)}/{verb}"
            fence = named.get("fence")
            return self._steps.take(
                step,
                lambda: action(*given, **named),
                lambda result: json.dumps({"fence": str(fence), "result": repr(result)}),
            )

        return take


def wrap(steps: Steps) -> None:
    """Make the actuator of this process take steps."""
    decide, write = RolloutActor.decide, KafkaJournal.write

    def decided(self: Any, decision: Any, **more: Any) -> bool:
        steps.seq[decision.rollout] = decision.seq
        return steps.take(
            f"{decision.rollout}/{decision.seq}/decide", lambda: decide(self, decision, **more)
        )

    def written(self: Any, record: Any, *, wait_s: float) -> int | None:
        return steps.take(
            f"{record.rollout}/{record.fence}/{record.phase}",
            lambda: write(self, record, wait_s=wait_s),
        )

    class SteppingActor(RolloutActor):
        def __init__(self, spec: Any, router: Any, *more: Any) -> None:
            super().__init__(spec, SteppingRouter(router, spec.rollout, steps), *more)

        decide = decided

    class SteppingConsumer(member.Consumer):  # type: ignore[misc]
        def commit(self, *given: Any, **named: Any) -> Any:
            offset = max(p.offset for p in named["offsets"])
            return steps.take(
                f"commit/{offset}", lambda: super(SteppingConsumer, self).commit(*given, **named)
            )

    KafkaJournal.write = written  # type: ignore[method-assign]
    beginning.RolloutActor = SteppingActor  # type: ignore[misc]
    member.Consumer = SteppingConsumer  # type: ignore[misc]


if __name__ == "__main__":
    wrap(steps_of_this_process())
    app()
