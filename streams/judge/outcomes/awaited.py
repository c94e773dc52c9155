"""How does one outcome become evidence? Cohort by cohort: checks as bins complete, then tests.

Only matured cohorts feed rollback and promotion; open ones serve the check of delays alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.judge.budget import Key
from streams.judge.contest import Found
from streams.judge.decision_facts import Figure, HealthCheck, Verdict
from streams.judge.outcomes.coverage import CoverageCheck
from streams.judge.outcomes.delays import DelayCheck
from streams.judge.outcomes.queue import CohortQueue, WaitingCohort
from streams.judge.outcomes.readers import CappedReader
from streams.judge.outcomes.shown import Shown
from streams.judge.outcomes.silence import SilenceCheck
from streams.judge.outcomes.tested import Tested, sides_of
from streams.judge.weights import Weights, WeightTimeline
from streams.panes.cohorts import Cohort, CohortClock
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome

BIAS = "label_bias"
NOT_SHOWN = "label_coverage_not_shown"
Usable = Callable[[Weights, int], bool]
"""Whether exposures under these weights, from this millisecond on, are of the current stage."""


class Awaited:
    """One outcome of a rollout."""

    def __init__(
        self, spec: RolloutSpec, outcome: Outcome, shares: Mapping[Key, float], pane_ms: int
    ) -> None:
        """Raise `SpecError` where a metric lacks what its kind needs."""
        self.outcome = outcome
        self._pane_ms = pane_ms
        self._length = CohortClock.of(outcome, pane_ms).panes
        metrics = [metric for metric in spec.metrics if metric.outcome == outcome.name]
        self.tested = [Tested(spec, metric, outcome, shares, self._doubt) for metric in metrics]
        whole = sides_of(spec)[: len(spec.candidates)]
        alpha = spec.alpha_promote / len(spec.candidates)
        self.delays = DelayCheck(outcome, whole)
        self.coverage = CoverageCheck(outcome, whole, alpha)
        self.silence = SilenceCheck(outcome)
        readers = (reader for tested in self.tested for reader in tested.readers[:1])
        capped = next((r for r in readers if isinstance(r, CappedReader)), None)
        self._shown = Shown(outcome, capped)
        self._queue = CohortQueue()
        self._first_ms: int | None = None

    def take(self, cohort: Cohort, timeline: WeightTimeline) -> None:
        """A cohort that has one more delay bin complete."""
        start_ms = cohort.first_pane * self._pane_ms
        end_ms = start_ms + cohort.panes * self._pane_ms
        if cohort.matured:
            self._shown.add(cohort.cells)
            self.silence.add(cohort.cells)
        # A cohort over a change of weights has two shares in one: where the rate moves meanwhile,
        # the later share goes with the later rate, and what is common to both arms looks like harm.
        if timeline.mixed(start_ms, end_ms):
            return
        self.delays.fold(cohort.complete - 1, cohort.cells)
        if cohort.matured:
            self._feed(cohort, start_ms, end_ms, timeline.weights_at(start_ms))

    def _feed(self, cohort: Cohort, start_ms: int, end_ms: int, weights: Weights | None) -> None:
        self._first_ms = start_ms if self._first_ms is None else self._first_ms
        number, at_s = cohort.first_pane // self._length, (start_ms - self._first_ms) / 1000
        coverage = self.coverage.read(cohort.cells)
        self.coverage.feed(coverage, number, weights)
        waiting = [coverage]
        for tested in self.tested:
            counts = tested.read(cohort.cells)
            tested.feed(counts, number, weights, at_s)
            waiting.append(tested.promoting(counts))
        told = tuple(tuple(rows) for rows in waiting)
        self._queue.push(
            WaitingCohort(number=number, start_ms=start_ms, end_ms=end_ms, counts=told)
        )

    def settle(self, timeline: WeightTimeline, usable: Usable) -> None:
        """Cohorts of the current stage, under confirmed weights, outside the guard."""
        for waiting, weights in self._queue.settled(timeline):
            if not usable(weights, waiting.start_ms):
                continue
            coverage, *counts = waiting.counts
            self.coverage.settle(coverage, waiting.number, weights)
            for tested, mine in zip(self.tested, counts, strict=True):
                tested.settle(mine, waiting.number, weights)

    @property
    def dropped(self) -> int:
        """Cohorts of the current stage that were given up unconfirmed."""
        return self._queue.dropped

    def bias(self, candidate: str) -> str:
        """Why its figures mean nothing; empty where they do."""
        failed = self.delays.failed(candidate) or self.coverage.failed(candidate)
        return BIAS if failed else ""

    def failed(self, candidate: str) -> tuple[str, ...]:
        """Names of the failed checks that stand against a raise."""
        if not self.tested:
            return ()
        silent = (self.silence.name,) if self.silence.failed else ()
        checks = (self.delays, self.coverage)
        return (*silent, *(check.name for check in checks if check.failed(candidate)))

    def _doubt(self, candidate: str) -> str:
        return "" if self.coverage.similar(candidate) else NOT_SHOWN

    def found(self, candidate: str, invalid: str) -> list[Found]:
        """What was found of a candidate, in the whole and in slices."""
        invalid = invalid or self.bias(candidate)
        return [
            (watch, watch.finding(invalid)[0])
            for tested in self.tested
            for watch in tested.watches
            if watch.claim.candidate == candidate
        ]

    def verdicts(self, invalid: str) -> list[Verdict]:
        """Of every metric and row."""
        return [
            watch.verdict(
                invalid or self.bias(watch.claim.candidate), tested.panes(row, self._length)
            )
            for tested in self.tested
            for row, watch in enumerate(tested.watches)
        ]

    def checks(self) -> tuple[HealthCheck, ...]:
        """Whether its outcomes can be compared."""
        return self.coverage.check(), self.delays.check(), self.silence.check()

    def figures(self) -> tuple[Figure, ...]:
        """What is shown of its arms."""
        return tuple(self._shown.figures())

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        self._queue.enter_stage()
        self.coverage.enter_stage()
        for tested in self.tested:
            tested.enter_stage()

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "first_ms": self._first_ms,
            "delays": self.delays.to_state(),
            "coverage": self.coverage.to_state(),
            "silence": self.silence.to_state(),
            "tested": [tested.to_state() for tested in self.tested],
            "shown": self._shown.to_state(),
            "queue": self._queue.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        self._first_ms = state["first_ms"]
        self.delays.restore(state["delays"])
        self.coverage.restore(state["coverage"])
        self.silence.restore(state["silence"])
        for tested, saved in zip(self.tested, state["tested"], strict=True):
            tested.restore(saved)
        self._shown.restore(state["shown"])
        self._queue.restore(state["queue"])
