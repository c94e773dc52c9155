"""Do as many labels come back for the candidate? Unlabelled among exposed, in matured cohorts.

A metric of labels speaks of the labelled: an arm whose hard cases go unlabelled looks better. A
gap either way is flagged; promotion needs the candidate's unlabelled share *shown* to be less than
1.1 times the baseline's. Where absence is the value, coverage needs a source of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Floats
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest

TOLERATED = 0.1
"""More unlabelled exposures that promotion allows, relative."""
START_UNLABELLED = 0.1
LEAST_WINDOW_DELAYS = 4.0
"""Baseline mean delays that the window needs for a delay to be seen before it misleads."""


def matured_through(watermark_ms: int, window_ms: int, delivery_ms: int, pane_ms: int) -> int:
    """Last exposure pane all of whose labels within the window have come, or -1 if none has.

    A pane p covers [p, p + 1) pane_ms; a label may come `delivery_ms` after its outcome.

    >>> matured_through(watermark_ms=70_000, window_ms=60_000, delivery_ms=5_000, pane_ms=1_000)
    4
    """
    return max((watermark_ms - window_ms - delivery_ms) // pane_ms - 1, -1)


def window_is_long_enough(window_s: float, mean_delay_s: float) -> bool:
    """Whether a window holds 4 mean delays; else a slow candidate may pass for a worse one.

    >>> window_is_long_enough(3_600, 600), window_is_long_enough(3_600, 1_800)
    (True, False)
    """
    return window_s >= LEAST_WINDOW_DELAYS * mean_delay_s


class LabelCoverageSums:
    """Exposures and unlabelled among them, matured strata, folded in order.

    >>> coverage = LabelCoverageSums.zeros()
    >>> for _ in range(40):
    ...     coverage.fold(100, 100, 10, 20)
    >>> bool(coverage.log_e_gap() > np.log(1_000)), bool(coverage.is_similar(0.05))
    (True, False)
    """

    __slots__ = ("gap", "tolerated")

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """No strata yet, for `shape` independent streams."""
        self.gap = TwoSampleSums.zeros(_test(0.0), shape)
        self.tolerated = TwoSampleSums.zeros(_test(TOLERATED), shape)

    @classmethod
    def zeros(cls, shape: tuple[int, ...] = ()) -> Self:
        """No strata yet, for `shape` independent streams."""
        return cls(shape)

    def fold(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        unlabelled_b: ArrayLike,
        unlabelled_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add a matured stratum: all exposures, errors included, and those without a label."""
        self.gap.fold(n_b, n_c, unlabelled_b, unlabelled_c, mask)
        self.tolerated.fold(n_b, n_c, unlabelled_b, unlabelled_c, mask)

    def log_e_gap(self) -> Floats:
        """Log e-value against "the same share goes unlabelled": the mean of both sides."""
        both: Floats = np.logaddexp(self.gap.log_e_harm(), self.gap.log_e_safe()) - np.log(2.0)
        return both

    def log_e_similar(self) -> Floats:
        """Log e-value against "at least 1.1 times as much goes unlabelled"."""
        return self.tolerated.log_e_safe()

    def is_similar(self, alpha: float) -> Bools:
        """Whether promotion may rest on these labels."""
        result: Bools = self.log_e_similar() >= -np.log(alpha)
        return result

    def estimate(self) -> Floats:
        """Ratio of unlabelled shares; inf without unlabelled of the baseline, NaN without any."""
        return self.gap.estimate()

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        return {"gap": self.gap.to_state(), "tolerated": self.tolerated.to_state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        gap = TwoSampleSums.from_state(_test(0.0), state["gap"])
        coverage = cls(gap.n_b.shape)
        coverage.gap = gap
        coverage.tolerated = TwoSampleSums.from_state(_test(TOLERATED), state["tolerated"])
        return coverage


def _test(margin: float) -> TwoSampleTest:
    return TwoSampleTest(margin, start_rate=START_UNLABELLED, resolution=None)
