"""Does the candidate answer differently? Classes, scores and confidences, by JSD in nats.

Harm and similarity from shares by applied weight; the equality e-process is told beside them, it
never decides (a candidate is allowed to differ a little).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from streams.evidence.asymptotic import LOWEST
from streams.evidence.categories import EqualitySums
from streams.evidence.fixed import Floats
from streams.evidence.jsd import JsdSums
from streams.figures import finite
from streams.judge.monitors.evidence import Claims, Closed, Counts, Gauge, Tally
from streams.judge.monitors.grids import by_claim, tallies
from streams.sketches.bins import SCORE_MAPPING, FixedBins
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
        rows = []
        for cell in (baseline, candidate):
            row = [0] * self.columns
            for name, count in sorted(cell.classes.counts.items()):
                row[self._column(name)] += count
            rows.append(row)
        return np.array(rows, np.int64)

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


class BinReader:
    """Scores or confidences by fixed bin; `pick` takes them from a cell."""

    ready = True
    columns = SCORE_MAPPING.size

    def __init__(self, pick: Callable[[Cell], FixedBins]) -> None:
        self._pick = pick

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """Requests per bin and arm."""
        return np.stack([self._pick(baseline).counts, self._pick(candidate).counts])

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class MixEvidence:
    """How far apart mixes are, against thresholds in nats; columns: categories."""

    def __init__(self, claims: Claims, sizes: tuple[int, ...]) -> None:
        """`sizes` are the numbers of categories of each metric; columns beyond them stay empty."""
        shape = (len(claims), len(sizes))
        self._thresholds = np.array([[claim.limit for claim in row] for row in claims])
        self._alpha_harm = np.array([[claim.alpha_share for claim in row] for row in claims])
        self._alpha_safe = claims[0][0].alpha_promote
        self._jsd, self._sizes = JsdSums.zeros(shape), sizes
        self._equality = EqualitySums.zeros(max(sizes), shape, sizes)
        self._exposures = np.zeros((*shape, 2), np.int64)

    def fold(self, closed: Closed) -> None:
        """Add closed strata; shares are kept apart by weight.

        Whether mixes differ at all is told of the whole rollout, so only its strata count there.
        """
        counts = np.where(closed.mask[..., None, None], closed.counts, 0)
        for weight_bp in sorted(
            {bp for bp, of in zip(closed.weights_bp, closed.of, strict=True) if of}
        ):
            same = np.equal(closed.weights_bp, weight_bp)[:, None, None, None]
            self._jsd.fold_pair(weight_bp, counts * same)
        if closed.at_s is not None:
            self._equality.fold(counts[..., 0, :], counts[..., 1, :])
        self._exposures += counts.sum(axis=-1)

    def log_e_harm(self) -> Floats:
        """Against a divergence of at most the threshold; mixes within it give no evidence."""
        if not self._jsd.exceeds(self._thresholds).any():
            return np.full(self._thresholds.shape, LOWEST)
        return self._jsd.log_e_harm(self._thresholds, self._alpha_harm)

    def log_e_safe(self) -> Floats:
        """Against a divergence of at least the threshold."""
        return self._jsd.log_e_safe(self._thresholds, self._alpha_safe)

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Divergences in nats; the remark tells whether the mixes differ at all."""
        low, high = self._jsd.interval(alpha / 2, alpha / 2)
        return by_claim(_mix_gauge, self._jsd.estimate(), low, high, self._equality.log_e())

    def tallies(self) -> list[list[Tally]]:
        """Requests with a category; every one is an event."""
        baseline, candidate = np.moveaxis(self._exposures, -1, 0)
        return tallies(baseline, baseline, candidate, candidate)

    def to_state(self) -> Any:
        """Both sums."""
        return {
            "jsd": self._jsd.to_state(),
            "equality": self._equality.to_state(),
            "exposures": self._exposures.tolist(),
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._jsd = JsdSums.from_state(state["jsd"], self._exposures.shape[:-1])
        self._equality = EqualitySums.from_state(state["equality"], self._sizes)
        self._exposures = np.array(state["exposures"], np.int64)


def _mix_gauge(estimate: float, low: float, high: float, log_e: float) -> Gauge:
    told = f"different at all: log e {log_e:.4g}"
    return Gauge(unit="nats", estimate=finite(estimate), low=low, high=high, remark=told)
