"""What has been learnt of a rollout from its panes? Evidence, health, and who is still in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.judge.arrivals import Arrivals
from streams.judge.contest import Parted
from streams.judge.contestants import Contestants
from streams.judge.course import Course
from streams.judge.decision_facts import HealthCheck, Shadow, Verdict
from streams.judge.drift.watch import LATENCY, DriftWatch
from streams.judge.facts import PaneInput
from streams.judge.field import Field, Settled
from streams.judge.health import unconfirmed_check
from streams.judge.health_field import HealthField
from streams.judge.outcomes.field import OutcomeField
from streams.judge.promotion import PromotionQueue, Waiting
from streams.judge.slices import Slices
from streams.spec.model import RolloutSpec


class Learnt:
    """Of one rollout: each pane is watched at once, and settled when its weights are confirmed."""

    def __init__(self, spec: RolloutSpec, pane_ms: int, field: Field | None = None) -> None:
        """Raise `SpecError` where a metric lacks a number that its kind needs."""
        self._spec, self._pane_ms = spec, pane_ms
        self.field = Field(spec) if field is None else field
        self.slices = Slices(spec)
        self.outcomes = OutcomeField(spec, pane_ms)
        self.contestants = Contestants(self.field, self.outcomes, self.slices)
        self.health = HealthField(spec, pane_ms)
        self.drift = DriftWatch()
        self._queue = PromotionQueue()

    def watch(self, pane: PaneInput, course: Course) -> bool:
        """Harm tests see the pane at once; for promotion it queues. Whether the world moved."""
        if pane.breaches:
            self.health.log.keep_harm(self.verdicts())
        self._count(self.slices.left(pane), course)
        drifted = self.drift.feed(pane)
        if LATENCY in drifted:
            self.field.hold_thresholds()
        return bool(drifted)

    def _count(self, pane: PaneInput, course: Course) -> None:
        """What of a pane is of slices that have not left."""
        timeline, weights = course.timeline, course.timeline.weights_at(pane.start_ms)
        counts = self.field.read(pane, weights, self.slices.gone)
        self.field.feed(pane, counts, timeline)
        self.field.use(pane, timeline, course.desired if course.stage >= 0 else None)
        arrivals, whole = Arrivals.of(pane, self._spec), counts[: len(self.field.pairs)]
        self._queue.push(Waiting(pane=pane.pane, counts=whole, arrivals=arrivals))
        self.health.watch(pane, arrivals, weights or course.desired)
        self.outcomes.take(pane, timeline)

    def settle(self, course: Course) -> None:
        """Confirmed panes of the current stage serve promotion, sample ratio and exposures."""
        panes: list[Settled] = []
        for waiting, weights in self._queue.settled(course.timeline, self._pane_ms):
            if course.holds(weights):
                self.health.settle(waiting, weights)
                course.clock.count(waiting.exposures[1:])
                panes.append((waiting.pane, waiting.counts, weights))
        self.field.settle(panes)
        self.outcomes.settle(course.timeline, course.covers)

    def send_back(self, parted: Sequence[Parted]) -> None:
        """Take slices of one dimension out; what the rest must show, it shows without them."""
        self.slices.go([each.segment for each in parted])
        for each in (self.field, self.outcomes):
            each.forget(parted[0].dimension, self.slices.gone)
        self.begin_afresh()

    def begin_afresh(self) -> None:
        """What was shown for promotion so far counts no more."""
        self.health.enter_stage()
        self._queue.enter_stage()
        self.field.enter_stage()
        self.outcomes.enter_stage()

    @property
    def invalid(self) -> str:
        """Name of the health check that makes verdicts invalid; empty if none does."""
        return self.health.failed(dropped=bool(self.contestants.dropped))

    def verdicts(self) -> tuple[Verdict, ...]:
        """Of requests, then of outcomes; harm found before the log broke stays found."""
        told = self.field.verdicts(self.invalid) + self.outcomes.verdicts(self.invalid)
        return self.health.log.with_harm(told)

    def checks(self, routing: HealthCheck) -> tuple[HealthCheck, ...]:
        """All of them, that of `routing` in its place."""
        return (
            *self.health.checks(routing, dropped=bool(self.contestants.dropped)),
            unconfirmed_check(self._queue.dropped + self.outcomes.dropped),
            *self.outcomes.checks(),
        )

    def shadows(self) -> tuple[Shadow, ...]:
        """What Kayenta's judge said last of each candidate."""
        return tuple(pair.shadow for pair in self.field.pairs if pair.shadow is not None)

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "field": self.field.to_state(),
            "outcomes": self.outcomes.to_state(),
            "queue": self._queue.to_state(),
            "health": self.health.to_state(),
            "drift": self.drift.to_state(),
            "dropped": list(self.contestants.dropped),
            "gone": list(self.slices.gone),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        self.field.restore(state["field"])
        self.outcomes.restore(state["outcomes"])
        self._queue.restore(state["queue"])
        self.health.restore(state["health"])
        self.drift.restore(state["drift"])
        self.contestants.dropped = tuple(state["dropped"])
        self.slices.go(state["gone"])
