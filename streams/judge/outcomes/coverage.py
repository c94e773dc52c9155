"""Do as many outcomes of the candidate come at all? The check of label coverage.

A gap either way makes the outcome's metrics invalid; nothing is promoted before the coverage of the
stage is *shown* to be similar. Where absence is the value it cannot be checked, and that is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streams.evidence.budget import log_threshold
from streams.evidence.fixed import Bools
from streams.evidence.floors import safe_below_either
from streams.evidence.label_coverage import TOLERATED, LabelCoverageSums
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.judge.decision_facts import HealthCheck
from streams.judge.monitors.evidence import Closed, Counts
from streams.judge.outcomes.delays import LABEL_ALPHA
from streams.judge.outcomes.strata import RowStrata
from streams.judge.outcomes.tested import Side
from streams.judge.weights import Weights
from streams.sketches.outcome_cell import OutcomeCells
from streams.spec.outcome_facts import Outcome, OutcomeKind

NEARLY_ALL = 0.002
"""Unlabelled share of the candidate below which no ratio need be shown: so few hide nothing."""
COLUMNS = 2


class StageCoverage:
    """Whether the coverage of a stage is similar."""

    def __init__(self, arms: Sequence[int]) -> None:
        self._strata = RowStrata(arms, COLUMNS)
        self._ratio = LabelCoverageSums.zeros((len(arms),))
        self._few = OneArmSums.zeros(OneArmTest(NEARLY_ALL), (len(arms),))

    def add(self, counts: Sequence[Counts], number: int, weights: Weights) -> None:
        """A matured cohort's exposures and unlabelled, by row."""
        for closed in self._strata.add(counts, number, weights):
            self._ratio.fold(*_arms(closed), closed.of)
            self._few.fold(closed.counts[:, 1, 0], closed.counts[:, 1, 1], closed.of)

    def similar(self, alpha: float) -> Bools:
        """By row: less than 1.1 times the baseline's unlabelled share, or hardly any."""
        log_e = safe_below_either(self._ratio.log_e_similar(), self._few.log_e_safe())
        result: Bools = log_e >= log_threshold(alpha)
        return result

    def to_state(self) -> dict[str, Any]:
        """The sums as JSON values."""
        return {
            "strata": self._strata.to_state(),
            "ratio": self._ratio.to_state(),
            "few": self._few.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._strata.restore(state["strata"])
        self._ratio = LabelCoverageSums.from_state(state["ratio"])
        self._few = OneArmSums.from_state(self._few.test, state["few"])


class CoverageCheck:
    """Of one outcome, every candidate of the whole against the baseline. A gap stays."""

    def __init__(self, outcome: Outcome, sides: Sequence[Side], alpha_promote: float) -> None:
        self.name = f"label_coverage:{outcome.name}"
        self._outcome, self._sides = outcome, tuple(sides)
        self._alpha_promote = alpha_promote
        self._arms = [side.arm for side in self._sides]
        self._strata = RowStrata(self._arms, COLUMNS)
        self._sums = LabelCoverageSums.zeros((len(self._sides),))
        self._peak = np.zeros(len(self._sides))
        self._stage = StageCoverage(self._arms)
        self._similar = np.zeros(len(self._sides), np.bool_)

    @property
    def checked(self) -> bool:
        """Whether an exposure without an outcome is one that lacks it."""
        return self._outcome.kind is OutcomeKind.LABEL or self._outcome.explicit

    def read(self, cells: OutcomeCells) -> list[Counts]:
        """[exposures, unlabelled] per arm and row of a matured cohort."""
        pairs = [side.cells(cells) for side in self._sides]
        return [
            np.array([[cell.exposures, cell.exposures - cell.answered] for cell in pair], np.int64)
            for pair in pairs
        ]

    def feed(self, counts: Sequence[Counts], number: int, weights: Weights | None) -> None:
        """A matured cohort for the gap."""
        for closed in self._strata.add(counts, number, weights):
            self._sums.fold(*_arms(closed), closed.of)
            np.maximum(self._peak, self._sums.log_e_gap(), out=self._peak)

    def settle(self, counts: Sequence[Counts], number: int, weights: Weights) -> None:
        """The same of the current stage, under confirmed weights."""
        self._stage.add(counts, number, weights)
        self._similar = self._stage.similar(self._alpha_promote)

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        self._stage = StageCoverage(self._arms)
        self._similar = np.zeros(len(self._sides), np.bool_)

    def failed(self, candidate: str) -> bool:
        """Whether a gap has ever been shown."""
        return self.checked and bool(self._peak[self._row(candidate)] >= log_threshold(LABEL_ALPHA))

    def similar(self, candidate: str) -> bool:
        """Whether promotion may rest on these outcomes."""
        return not self.checked or bool(self._similar[self._row(candidate)])

    def _row(self, candidate: str) -> int:
        return next(row for row, s in enumerate(self._sides) if s.candidate == candidate)

    def check(self) -> HealthCheck:
        """The check of the candidate that differs most: its coverage, and the baseline's."""
        worst = int(np.argmax(self._peak))
        candidate, gap = self._sides[worst].candidate, self._sums.gap
        return HealthCheck(
            name=self.name,
            ok=not self.failed(candidate),
            reason=self._reason(candidate),
            log_e=float(self._peak[worst]) if self.checked else 0.0,
            log_e_threshold=log_threshold(LABEL_ALPHA) if self.checked else 0.0,
            observed=self._coverage(gap.n_c[worst], gap.x_c[worst]),
            expected=self._coverage(gap.n_b[worst], gap.x_b[worst]),
        )

    def _coverage(self, exposures: int, unlabelled: int) -> float | None:
        """Share of an arm's matured exposures that have an outcome."""
        return float(1 - unlabelled / exposures) if self.checked and exposures else None

    def _reason(self, candidate: str) -> str:
        if not self.checked:
            return (
                "unchecked: an exposure without an outcome counts as 0, so that outcomes got lost "
                "cannot be seen; send a 0 for what did not happen, and write `explicit: true`"
            )
        if self.failed(candidate):
            return (
                f"label_bias: outcomes are missing for {candidate} at another rate than for the "
                f"baseline, so those that came cannot be compared; mend their source and start a "
                f"new rollout, or decide by hand"
            )
        if all(self.similar(side.candidate) for side in self._sides):
            return "similar"
        more = f"fewer than {1 + TOLERATED:g} times as many missing"
        return f"not_shown: {more} is not shown in this stage yet; promotion waits for it"

    def to_state(self) -> dict[str, Any]:
        """The sums as JSON values."""
        return {
            "strata": self._strata.to_state(),
            "sums": self._sums.to_state(),
            "peak": self._peak.tolist(),
            "stage": self._stage.to_state(),
            "similar": self._similar.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._strata.restore(state["strata"])
        self._sums = LabelCoverageSums.from_state(state["sums"])
        self._peak = np.array(state["peak"], np.float64)
        self._stage.restore(state["stage"])
        self._similar = np.array(state["similar"], np.bool_)


def _arms(closed: Closed) -> tuple[Counts, Counts, Counts, Counts]:
    """n_b, n_c, unlabelled_b, unlabelled_c, [rows] each."""
    counts = closed.counts
    return counts[:, 0, 0], counts[:, 1, 0], counts[:, 0, 1], counts[:, 1, 1]
