"""The join by hand, one event after another: what the index must do with columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from streams.panes.join.facts import Exposures, Fate, Joined, JoinPlan, Outcomes, OutcomeWindow
from streams.panes.join.packing import Packing

PACKING = Packing(arms=3, segments=5, classes=4, score_levels=40, confidence_levels=10)
PANE_MS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    request: int
    event_ms: int
    arm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    request: int
    occurred_ms: int
    metric: int = 0
    outcome: int = 0
    says: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Panes more to close."""

    panes: int


Step = Prediction | Outcome | Close
Found = tuple[int, int, int, int, int, int]
"""Metric, said, request hash, pane, arm, delay."""


def plan(kept_ms: int, *, share: float = 1.0, max_pending: int = 1000) -> JoinPlan:
    """Two metrics: one with a quarter of the window and some delivery delay."""
    first = OutcomeWindow(metric="label", window_ms=kept_ms // 4, delivery_ms=kept_ms // 8)
    second = OutcomeWindow(metric="sale", window_ms=kept_ms)
    windows = (first, second)
    return JoinPlan(
        pane_ms=PANE_MS,
        windows=windows,
        packing=PACKING,
        early_ms=25,
        share=share,
        max_pending=max_pending,
    )


@dataclass
class Exposure:
    prediction: Prediction
    answers: dict[int, Outcome] = field(default_factory=dict)

    @property
    def pane(self) -> int:
        return self.prediction.event_ms // PANE_MS


class Model:
    """A list of exposures and one of outcomes that wait."""

    def __init__(self, how: JoinPlan) -> None:
        self.plan = how
        self.closed = -1
        self.counts = dict.fromkeys(Fate, 0)
        self.found: list[Found] = []
        self.pending: list[Outcome] = []
        self._exposures: list[Exposure] = []

    def take(self, step: Step) -> None:
        match step:
            case Prediction():
                if self._sampled(step.request):
                    self._exposures.append(Exposure(step))
            case Close():
                for _ in range(step.panes):
                    self._close()
            case Outcome():
                self._join(step)

    def _sampled(self, request: int) -> bool:
        return request < self.plan.share * 2**64

    def _open_from(self, metric: int) -> int:
        window = self.plan.windows[metric]
        end_ms = (self.closed + 1) * PANE_MS
        return max(0, (end_ms - window.window_ms - window.delivery_ms) // PANE_MS)

    def _join(self, outcome: Outcome) -> None:
        if not self._sampled(outcome.request):
            self.counts[Fate.UNSAMPLED] += 1
            return
        kept_from = min(map(self._open_from, range(len(self.plan.windows))))
        if self._met(outcome, range(kept_from, self.closed + 1)):
            return
        if self._may_come(outcome):
            self.pending.append(outcome)
            if len(self.pending) > self.plan.max_pending:
                self.pending.pop(0)
                self.counts[Fate.OVERFLOW] += 1
        elif outcome.occurred_ms < kept_from * PANE_MS:
            self.counts[Fate.LATE] += 1
        else:
            self.counts[Fate.UNMATCHED] += 1

    def _close(self) -> None:
        self.closed += 1
        waiting, self.pending = self.pending, []
        for outcome in waiting:
            if self._met(outcome, range(self.closed, self.closed + 1)):
                continue
            if self._may_come(outcome):
                self.pending.append(outcome)
            else:
                self.counts[Fate.UNMATCHED] += 1

    def _may_come(self, outcome: Outcome) -> bool:
        return (outcome.occurred_ms + self.plan.early_ms) // PANE_MS > self.closed

    def _met(self, outcome: Outcome, panes: range) -> bool:
        candidates = [
            each
            for each in self._exposures
            if each.prediction.request == outcome.request and each.pane in panes
        ]
        if not candidates:
            return False
        exposure = min(candidates, key=lambda each: each.pane)
        since = outcome.occurred_ms - exposure.prediction.event_ms
        if since < -self.plan.early_ms:
            return False
        self.counts[self._fate(outcome, exposure, since)] += 1
        return True

    def _fate(self, outcome: Outcome, exposure: Exposure, since: int) -> Fate:
        window = self.plan.windows[outcome.metric].window_ms
        if since > window or exposure.pane < self._open_from(outcome.metric):
            return Fate.LATE
        held = exposure.answers.setdefault(outcome.metric, outcome)
        if held is not outcome:
            if held.says != outcome.says:
                return Fate.CONFLICT
            return Fate.DUPLICATE if held.outcome == outcome.outcome else Fate.AGREED
        seen = exposure.prediction
        self.found.append(
            (outcome.metric, outcome.says, outcome.request, exposure.pane, seen.arm, max(since, 0))
        )
        return Fate.JOINED


def exposures(predictions: list[Prediction]) -> Exposures:
    """Columns; the class follows from the arm, the score from the time."""
    arm = np.array([each.arm for each in predictions], np.int64)
    event_ms = np.array([each.event_ms for each in predictions], np.int64)
    return Exposures(
        request_hash=np.array([each.request for each in predictions], np.uint64),
        event_ms=event_ms,
        arm=arm,
        segment=arm + 2,
        predicted_class=arm - 1,
        score=(event_ms % 40 + 0.5) / 40,
        confidence=np.full(arm.size, np.nan),
    )


def outcomes(given: list[Outcome]) -> Outcomes:
    """Columns."""
    return Outcomes(
        request_hash=np.array([each.request for each in given], np.uint64),
        outcome_hash=np.array([each.outcome << 56 for each in given], np.uint64),
        occurred_ms=np.array([each.occurred_ms for each in given], np.int64),
        metric=np.array([each.metric for each in given], np.int64),
        said=np.array([each.says for each in given], np.uint64),
    )


def found(joined: Joined) -> list[Found]:
    """What was joined, row by row."""
    columns = (
        joined.metric,
        joined.said,
        joined.request_hash,
        joined.pane,
        joined.arm,
        joined.delay_ms,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))
