"""May the verdicts be believed, and does every arm speak? One rollout's checks.

Requests must split as the applied weights say (copies: arrive, and find their originals); where
users are counted, routing must be sticky. Outcomes have checks of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.judge.arrivals import Arrivals
from streams.judge.copies import CopyCheck
from streams.judge.decision_facts import HealthCheck
from streams.judge.facts import PaneInput
from streams.judge.health import SampleRatio, Silence
from streams.judge.log_health import LogHealth
from streams.judge.promotion import Waiting
from streams.judge.unit_health import UnitHealth
from streams.judge.weights import Weights
from streams.spec.model import Mode, RolloutSpec, Unit


class HealthField:
    """Log, sample ratio, users, silence; a failure of the first three makes verdicts invalid."""

    def __init__(self, spec: RolloutSpec, pane_ms: int) -> None:
        self._spec = spec
        self._pane_ms = pane_ms
        self._copies = spec.mode is Mode.SHADOW
        self._ratio = self._new_ratio()
        self._units = UnitHealth()
        self._silence = Silence()
        self.log = LogHealth(spec.rollout)

    def _new_ratio(self) -> SampleRatio | CopyCheck:
        return CopyCheck(self._spec.arms) if self._copies else SampleRatio()

    def watch(self, pane: PaneInput, arrivals: Arrivals, weights: Weights) -> None:
        """A pane at once, and the weights that are known or desired of it."""
        self.log.hear(pane.breaches)
        self._ratio.watch(pane)
        self._units.hear(arrivals)
        self._silence.feed(arrivals.requests, weights)

    def settle(self, waiting: Waiting, weights: Weights) -> None:
        """A confirmed pane of the current stage, outside the guard."""
        came = waiting.exposures if self._copies else waiting.arrivals.assigned
        self._ratio.fold(weights, came)
        self._units.settle(waiting.arrivals)

    def enter_stage(self) -> None:
        """What the stage before has shown counts no more; users that were lost stay lost."""
        self._ratio = self._new_ratio()
        self._units.enter_stage()

    @property
    def resumable(self) -> bool:
        """Whether something is to be mended before a person says `resume`: routing, retention."""
        return self._ratio.failed or self.log.resumable

    @property
    def silent(self) -> bool:
        """Whether an arm that should have traffic has none."""
        return self._silence.panes > 0

    @property
    def baseline_seen(self) -> bool:
        """Whether the baseline has ever answered."""
        return self._silence.baseline_seen

    def failed(self, *, dropped: bool) -> str:
        """Name of the check that makes verdicts invalid; empty if none does.

        `dropped`: whether a candidate was taken out, so that its users come back.
        """
        if self.log.failure:
            return self.log.failure
        if self._ratio.failed:
            return self._ratio.name
        return "units" if self._units.failure(dropped=dropped) else ""

    def checks(self, routing: HealthCheck, *, dropped: bool) -> tuple[HealthCheck, ...]:
        """All of them, that of `routing` in its place."""
        users = self._spec.unit is Unit.USER
        return (
            *self._ratio.checks(),
            *([self._units.check(dropped=dropped)] if users else []),
            routing,
            self._silence.check(self._pane_ms),
            self.log.check(),
        )

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "ratio": self._ratio.to_state(),
            "units": self._units.to_state(),
            "silence": [self._silence.panes, self._silence.baseline_seen],
            "log": self.log.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        self._ratio.restore(state["ratio"])
        self._units = UnitHealth.from_state(state["units"])
        panes, seen = state["silence"]
        self._silence = Silence(panes=panes, baseline_seen=seen)
        self.log = LogHealth.from_state(self._spec.rollout, state["log"])
