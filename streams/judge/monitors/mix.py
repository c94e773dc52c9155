"""Does the candidate answer differently? Predicted classes and scores, by JSD in nats.

Harm and similarity from shares by applied weight; the equality e-process is told beside them, it
never decides (a candidate is allowed to differ a little).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.evidence.categories import EqualitySums
from streams.evidence.jsd import JsdSums
from streams.judge.monitors.evidence import Counts, Gauge, Tally, finite
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.categories import OTHER
from streams.sketches.cell import Cell


class ClassReader:
    """Predicted classes; each of the first `limit` that are met gets a column, the rest share one.

    A column, once given, stays: counts of earlier panes keep their meaning.
    """

    ready = True

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._place: dict[str, int] = {}
        self.columns = limit + 1

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """Requests per class and arm; the last column is `other`."""
        counts = np.zeros((2, self.columns), np.int64)
        for row, cell in enumerate((baseline, candidate)):
            for name, count in sorted(cell.classes.counts.items()):
                counts[row, self._column(name)] += count
        return counts

    def _column(self, name: str) -> int:
        if name == OTHER or (name not in self._place and len(self._place) >= self._limit):
            return self._limit
        return self._place.setdefault(name, len(self._place))

    def to_state(self) -> Any:
        """Names in the order of their columns."""
        return list(self._place)

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._place = {name: place for place, name in enumerate(state)}


class ScoreReader:
    """Scores by fixed bin."""

    ready = True
    columns = SCORE_MAPPING.size

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """Requests per bin and arm."""
        return np.stack([baseline.scores.counts, candidate.scores.counts])

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class MixEvidence:
    """How far apart the two mixes are, against a threshold in nats; columns: categories."""

    def __init__(
        self, categories: int, threshold: float, alpha_harm: float, alpha_safe: float
    ) -> None:
        self._threshold = threshold
        self._alphas = (alpha_harm, alpha_safe)
        self._jsd = JsdSums.zeros()
        self._equality = EqualitySums.zeros(categories)
        self._exposures = [0, 0]

    def fold(self, counts: Counts, weight_bp: int, at_s: float | None) -> None:  # noqa: ARG002 - a sequence
        """Add a closed stratum; shares are kept apart by weight."""
        baseline, candidate = counts
        self._jsd.fold(weight_bp, baseline, candidate)
        self._equality.fold(baseline, candidate)
        totals = counts.sum(axis=1).tolist()
        self._exposures = [a + b for a, b in zip(self._exposures, totals, strict=True)]

    def log_e_harm(self) -> float:
        """Against a divergence of at most the threshold."""
        return float(self._jsd.log_e_harm(self._threshold, self._alphas[0]))

    def log_e_safe(self) -> float:
        """Against a divergence of at least the threshold."""
        return float(self._jsd.log_e_safe(self._threshold, self._alphas[1]))

    def gauge(self, alpha: float) -> Gauge:
        """Divergence in nats; the remark tells whether the mixes differ at all."""
        low, high = self._jsd.interval(alpha / 2, alpha / 2)
        return Gauge(
            unit="nats",
            estimate=finite(float(self._jsd.estimate())),
            low=float(low),
            high=float(high),
            remark=f"different at all: log e {float(self._equality.log_e()):.4g}",
        )

    def tally(self) -> Tally:
        """Requests with a category; every one is an event."""
        baseline, candidate = self._exposures
        return Tally(exposures=(baseline, candidate), events=(baseline, candidate))

    def to_state(self) -> Any:
        """Both sums."""
        return {
            "jsd": self._jsd.to_state(),
            "equality": self._equality.to_state(),
            "exposures": self._exposures,
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._jsd = JsdSums.from_state(state["jsd"])
        self._equality = EqualitySums.from_state(state["equality"])
        self._exposures = list(state["exposures"])
