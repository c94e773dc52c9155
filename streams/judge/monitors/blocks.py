"""Does a candidate use more than the baseline, or more than it may for long? Blocks of minutes.

The minutes of a resource are autocorrelated, so the unit is a block; `judge/use.py` makes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.evidence.fixed import FixedSum, Floats
from streams.evidence.paired_blocks import PairedBlocks
from streams.figures import finite
from streams.judge.monitors.evidence import Claims, Closed, Counts, Gauge, Tally
from streams.judge.monitors.grids import by_claim, tallies
from streams.sketches.cell import Cell
from streams.sketches.usage import UNIT

BLOCK_COLUMNS = 3
"""Of an arm in a block: the sum of its minutes' means in parts, minutes, pods times minutes."""


class UseReader:
    """Nothing of a pane of requests: use comes in minutes of its own."""

    columns = 0
    ready = True

    def read(self, baseline: Cell, candidate: Cell) -> Counts:  # noqa: ARG002 - a Reader's
        """No columns."""
        return np.zeros((2, 0), np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class BlockEvidence:
    """Candidates' block means against the baseline's, or an absolute limit; columns as above.

    A metric whose minutes are too few in a block comes with none, and the block is left out of it.
    """

    def __init__(self, claims: Claims) -> None:
        """Nothing seen yet."""
        shape = (len(claims), len(claims[0]))
        self._relative = np.array([not claim.metric.kind.is_limit for claim in claims[0]])
        self._limit = np.array([claim.limit for claim in claims[0]])
        self._blocks = PairedBlocks.zeros(shape)
        self._baseline = FixedSum(shape)
        self._pods = np.zeros((2, *shape), np.int64)

    def fold(self, closed: Closed) -> None:
        """Add closed blocks."""
        arms = closed.arms()
        mean_b, mean_c = (_means(arm) for arm in arms)
        limit = np.where(self._relative, self._limit * mean_b, self._limit)
        known = closed.mask & np.isfinite(mean_c - limit)
        self._blocks.fold_limit(np.where(known, mean_c, np.nan), limit)
        self._baseline.add(np.where(known & self._relative, mean_b, 0.0))
        self._pods += np.where(known, np.stack([arm[..., 2] for arm in arms]), 0)

    def log_e_harm(self) -> Floats:
        """Against a use of at most the limit."""
        return self._blocks.log_e_harm()

    def log_e_safe(self) -> Floats:
        """Against a use of at least the limit."""
        return self._blocks.log_e_safe()

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Ratio of means, its interval at the baseline's mean as measured; or the mean itself."""
        n, beyond = self._blocks.n, self._blocks.estimate()
        base = self._baseline.value() / np.maximum(n, 1)
        scale = np.where(self._relative, np.where(base > 0, base, np.nan), 1.0)
        values = [self._limit + each / scale for each in (beyond, *self._blocks.interval(alpha))]
        unit = np.where(self._relative, "ratio", "share")
        return by_claim(_gauge, unit, n, *values)

    def tallies(self) -> list[list[Tally]]:
        """Pods times minutes, and blocks."""
        n = self._blocks.n
        return tallies(self._pods[0], n, self._pods[1], n)

    def to_state(self) -> Any:
        """The sums."""
        return {
            "blocks": self._blocks.to_state(),
            "baseline": self._baseline.to_state(),
            "pods": self._pods.tolist(),
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._blocks = PairedBlocks.from_state(state["blocks"])
        self._baseline = FixedSum.from_state(state["baseline"])
        self._pods = np.array(state["pods"], np.int64)


def _means(arm: Counts) -> Floats:
    """Mean share of each block; NaN where it has no minutes."""
    total, minutes = arm[..., 0], arm[..., 1]
    return np.where(minutes > 0, total / (np.maximum(minutes, 1) * UNIT), np.nan)


def _gauge(unit: str, blocks: int, estimate: float, low: float, high: float) -> Gauge:
    return Gauge(
        unit=unit,
        estimate=finite(estimate),
        low=finite(low),
        high=finite(high),
        remark=f"{blocks} blocks",
    )
