"""How do values without an upper bound become sums that a test of means can take?

The cap is the baseline's 99 % quantile of a warm-up that is then discarded, on a bucket edge, and
frozen for the rollout: the estimand is the mean of capped values. The same warm-up tells the
deviation that values are counted in, so that numbers are of one size whatever the unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.evidence.fixed import Ints
from streams.evidence.quantile import warm_up_events
from streams.judge.monitors.evidence import Counts
from streams.judge.monitors.means import LARGEST, MEAN_COLUMNS
from streams.sketches.cell import Cell
from streams.sketches.summed_histogram import SummedHistogram

CAP_QUANTILE = 0.99
PARTS = 1 << 10
"""Parts of a deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """What a warm-up says of the values."""

    bucket: int
    """The last whose values count as they are; those beyond count as its upper edge."""
    deviation: float
    """Of capped values."""

    @property
    def value(self) -> float:
        """The largest that counts."""
        return float(SummedHistogram.mapping.edges[self.bucket])


def freeze_cap(warm_up: SummedHistogram) -> Cap | None:
    """The cap of a warm-up; None while it holds fewer than 10 / (1 - q) values.

    Values that hardly differ have next to no deviation: then a thousandth of the cap stands for
    it, which costs sharpness and nothing else.
    """
    if warm_up.total < warm_up_events(CAP_QUANTILE):
        return None
    bucket = min(warm_up.quantile_index(CAP_QUANTILE) or 0, warm_up.mapping.size - 2)
    largest = float(warm_up.mapping.edges[bucket])
    n, total, squares = capped(warm_up, Cap(bucket=bucket, deviation=largest)).tolist()
    variance = squares / n / PARTS**2 - (total / n / PARTS) ** 2
    spread = math.sqrt(max(variance, 0.0)) * largest
    return Cap(bucket=bucket, deviation=max(spread, largest / LARGEST))


def capped(values: SummedHistogram, cap: Cap) -> Ints:
    """[n, sum, squares] of capped values, int64[3], in parts of a deviation.

    The sum is exact, rounded once. Squares are at least those of the values: of a bucket's mean,
    and the most by which values within a bucket may vary (Popoviciu: a quarter of its width).
    """
    counts, upper = values.counts, values.mapping.edges
    below = slice(0, cap.bucket + 1)
    beyond = int(counts[cap.bucket + 1 :].sum())
    n, totals = np.maximum(counts[below], 1), values.totals[below]
    within = counts[below] * np.diff(upper[below], prepend=0.0) ** 2 / 4
    total = int(totals.sum()) + beyond * cap.value
    squares = float((totals.astype(np.float64) ** 2 / n + within).sum()) + beyond * cap.value**2
    scale = PARTS / cap.deviation
    return np.array([values.total, round(total * scale), round(squares * scale**2)], np.int64)


class CappedReader:
    """Values of a pane below the cap, once that is frozen; `pick` takes them from a cell."""

    columns = MEAN_COLUMNS

    def __init__(self, pick: Callable[[Cell], SummedHistogram]) -> None:
        self._pick = pick
        self._cap: Cap | None = None
        self._warm_up = SummedHistogram()

    @property
    def ready(self) -> bool:
        """Whether the cap is frozen."""
        return self._cap is not None

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[values, sum, squares] per arm; zeros while the warm-up lasts."""
        if self._cap is None:
            self._warm_up.merge(self._pick(baseline))
            self._cap = freeze_cap(self._warm_up)
            return np.zeros((2, MEAN_COLUMNS), np.int64)
        return np.stack([capped(self._pick(cell), self._cap) for cell in (baseline, candidate)])

    def to_state(self) -> Any:
        """The cap, or the warm-up that leads to it."""
        if self._cap is None:
            return {"warm_up": self._warm_up.to_state()}
        return {"bucket": self._cap.bucket, "deviation": self._cap.deviation}

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        if "warm_up" in state:
            self._warm_up, self._cap = SummedHistogram.from_state(state["warm_up"]), None
        else:
            self._cap = Cap(bucket=state["bucket"], deviation=state["deviation"])
