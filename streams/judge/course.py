"""Which weights are wanted now, and how far is the stage that wants them?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.judge.contestants import Contestants
from streams.judge.decision_facts import HealthCheck
from streams.judge.health import routing_check
from streams.judge.outcomes.field import spans_kept
from streams.judge.slices import Slices
from streams.judge.stages import Progress, StageClock, same_weights
from streams.judge.weights import Weights, WeightTimeline
from streams.spec.model import Mode, RolloutSpec


class Course:
    """The stage that a rollout is in, and what its target had when."""

    def __init__(self, spec: RolloutSpec, contestants: Contestants, slices: Slices) -> None:
        self._spec, self._contestants, self._slices = spec, contestants, slices
        self.clock = StageClock(exposures=[0] * len(spec.candidates))
        self.timeline = WeightTimeline(
            spec.arms,
            round(spec.guard_s * 1000),
            kept=spans_kept(spec),
            copies=spec.mode is Mode.SHADOW,
        )

    @property
    def stage(self) -> int:
        """Index of the stage; -1 before the first."""
        return self.clock.stage

    @property
    def desired(self) -> Weights:
        """What the stage wants, without the candidates that were taken out."""
        dropped = self._contestants.dropped
        return tuple(self._spec.weights_at(self.stage, without=dropped).values())

    def holds(self, weights: Weights) -> bool:
        """Whether these are the weights of the stage, once there is one."""
        return self.stage >= 0 and same_weights(weights, self.desired)

    def covers(self, weights: Weights, start_ms: int) -> bool:
        """Whether exposures from then on, under these weights, are of the stage."""
        return start_ms >= self.clock.decided_ms and self.holds(weights)

    def progress(self, now_ms: int) -> Progress:
        """How far the stage is at a watermark."""
        span, astray = self.timeline.current, self.timeline.astray(self._slices.gone)
        return self.clock.progress(self.desired, span, now_ms, astray=astray)

    def is_overtime(self, progress: Progress) -> bool:
        """Whether the stage has had its longest time, if it has one."""
        limit_s = self._spec.stages[self.stage].max_time_s if self.stage >= 0 else None
        return limit_s is not None and progress.elapsed_s >= limit_s

    def routing(self, progress: Progress) -> HealthCheck:
        """Whether the target is known to have what is wanted."""
        span, astray = self.timeline.current, self.timeline.astray(self._slices.gone)
        return routing_check(progress, self.desired, span.weights if span else None, astray)

    def to_state(self) -> dict[str, Any]:
        """Timeline and clock as JSON values."""
        return {"timeline": self.timeline.to_state(), "clock": self.clock.to_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        self.timeline.restore(state["timeline"])
        self.clock = StageClock.from_state(state["clock"])
