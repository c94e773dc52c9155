"""Do outcomes of the candidate come later? The check of label delay, bin by bin as they complete.

Early on "twice as slow" and "half as many" are the same data: a candidate whose outcomes come
later makes every figure of them invalid, before the matured cohorts can mislead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streams.evidence.budget import log_threshold
from streams.evidence.label_coverage import LEAST_WINDOW_DELAYS, window_is_long_enough
from streams.evidence.label_delay import LabelDelaySums, LabelDelayTest
from streams.judge.decision_facts import HealthCheck
from streams.judge.outcomes.tested import Side
from streams.sketches.outcome_cell import DELAY_BINS, OutcomeCells
from streams.spec.outcome_facts import Outcome

LABEL_ALPHA = 0.001
ENOUGH = 50
"""Outcomes of the baseline from which its mean delay is told."""


class DelayCheck:
    """Of one outcome, every candidate of the whole against the baseline. A failure stays."""

    def __init__(self, outcome: Outcome, sides: Sequence[Side]) -> None:
        self.name = f"label_delay:{outcome.name}"
        self._outcome, self._sides = outcome, tuple(sides)
        self._test = LabelDelayTest(outcome.window_s)
        self._sums = LabelDelaySums.zeros(self._test, (len(self._sides),))
        self._peak = np.zeros(len(self._sides))
        self._answers = np.zeros((2, len(self._sides), DELAY_BINS), np.int64)
        """Outcomes by arm, row and delay bin."""

    def fold(self, delay_bin: int, cells: OutcomeCells) -> None:
        """A delay bin of a cohort that is complete, with all the exposures of the cohort."""
        pairs = [side.cells(cells) for side in self._sides]
        n_b, n_c = ([pair[arm].exposures for pair in pairs] for arm in (0, 1))
        x_b, x_c = ([int(pair[arm].delays[delay_bin]) for pair in pairs] for arm in (0, 1))
        self._sums.fold(delay_bin, n_b, n_c, x_b, x_c)
        self._answers[:, :, delay_bin] += np.array([x_b, x_c])
        np.maximum(self._peak, self._sums.log_e(), out=self._peak)

    def failed(self, candidate: str) -> bool:
        """Whether its outcomes have ever been shown to come at other times."""
        limit = log_threshold(LABEL_ALPHA)
        return any(
            peak >= limit and side.candidate == candidate
            for peak, side in zip(self._peak, self._sides, strict=True)
        )

    def check(self) -> HealthCheck:
        """The check of the candidate that differs most, with both mean delays in seconds."""
        worst = int(np.argmax(self._peak))
        failed = self.failed(self._sides[worst].candidate)
        return HealthCheck(
            name=self.name,
            ok=not failed,
            reason=self._bias(worst) if failed else self._fine(worst),
            log_e=float(self._peak[worst]),
            log_e_threshold=log_threshold(LABEL_ALPHA),
            observed=self._mean_s(1, worst),
            expected=self._mean_s(0, worst),
        )

    def _bias(self, row: int) -> str:
        return (
            f"label_bias: outcomes of {self._sides[row].candidate} come at other times than the "
            f"baseline's, so what has come of it cannot be compared; mend their delivery and "
            f"start a new rollout, or decide by hand"
        )

    def _fine(self, row: int) -> str:
        mean_s = self._mean_s(0, row)
        if mean_s is None or self._answers[0, row].sum() < ENOUGH:
            return "no_data" if mean_s is None else "as_the_baseline"
        if window_is_long_enough(self._outcome.window_s, mean_s):
            return "as_the_baseline"
        return (
            f"short_window: {self._outcome.window_s:g} s are less than {LEAST_WINDOW_DELAYS:g} "
            f"mean delays of {mean_s:.3g} s: a slow candidate may pass for a worse one; "
            f"write a longer `window`"
        )

    def _mean_s(self, arm: int, row: int) -> float | None:
        """Mean delay of outcomes within the window; each counts as the middle of its bin."""
        counts, upper = self._answers[arm, row], self._test.edges_s
        middles = (upper + np.concatenate([[0.0], upper[:-1]])) / 2.0
        return float(counts @ middles / counts.sum()) if counts.any() else None

    def to_state(self) -> dict[str, Any]:
        """The sums as JSON values."""
        return {
            "sums": self._sums.to_state(),
            "peak": self._peak.tolist(),
            "answers": self._answers.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._sums = LabelDelaySums.from_state(self._test, state["sums"])
        self._peak = np.array(state["peak"], np.float64)
        self._answers = np.array(state["answers"], np.int64)
