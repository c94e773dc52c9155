"""Does the candidate use more of a resource? Block means of pods, paired in time, any look.

CPU, memory and GPU come as autocorrelated series, so the unit is a block long enough that its
means are nearly independent: at least 6 / (1 - rho) minutes, rho the one-minute autocorrelation.
Paired in time, what both arms share cancels. A relative resource metric alone never rolls back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import FixedSum, Floats, Ints

BLOCK_FACTOR = 6.0
"""Minutes of a block at no autocorrelation."""
PRIOR_SCALE = 1.0
"""g: variance of the effect's prior in variances of a difference."""
LEAST_BLOCKS = 2
LARGEST_RHO = 0.99
"""Beyond it a block would be longer than ten hours: the series is no use within a rollout."""
DIGITS = 1e-12
"""Spread below this share of the squares is rounding, taken as this share."""


def lag_one_autocorrelation(minutes: ArrayLike) -> Floats:
    """rho_1 of series [..., minutes], in [0, .99]; NaN (a gap) leaves its pairs out.

    About the series' own mean, raised by its bias of (1 + 3 rho)/n (Kendall 1954). ValueError for
    fewer than 30 minutes; 0 for a constant series.
    """
    x = np.asarray(minutes, np.float64)
    if x.shape[-1] < 30:  # noqa: PLR2004 - half an hour
        raise ValueError(f"an autocorrelation needs 30 minutes or more, got {x.shape[-1]}")
    known = np.isfinite(x)
    count = np.maximum(known.sum(axis=-1), 1)
    mean = np.where(known, x, 0.0).sum(axis=-1) / count
    moved = np.where(known, x - mean[..., None], 0.0)
    pairs = np.maximum((known[..., 1:] & known[..., :-1]).sum(axis=-1), 1)
    spread = np.maximum((moved**2).sum(axis=-1) / count, np.finfo(np.float64).tiny)
    rho = (moved[..., 1:] * moved[..., :-1]).sum(axis=-1) / pairs / spread
    rho = (rho * count + 1.0) / np.maximum(count - 3.0, 1.0)
    return np.clip(np.where(spread > np.finfo(np.float64).tiny, rho, 0.0), 0.0, LARGEST_RHO)


def block_minutes(rho: float) -> int:
    """Minutes of a block: 6 / (1 - rho), rounded up.

    >>> block_minutes(0.5), block_minutes(0.8), block_minutes(0.95)
    (12, 30, 120)
    """
    if not 0.0 <= rho < 1.0:
        raise ValueError(f"an autocorrelation must lie in [0, 1), got {rho}")
    return math.ceil(BLOCK_FACTOR / (1.0 - rho) - 1e-9)


def pod_mean(sums: ArrayLike, samples: ArrayLike) -> Floats:
    """Mean over pods of their block means from sums and sample counts [..., pods].

    Pods without samples do not count; NaN if none has any.
    """
    n = np.asarray(samples, np.float64)
    means = np.asarray(sums, np.float64) / np.maximum(n, 1.0)
    pods = (n > 0).sum(axis=-1)
    total = np.where(n > 0, means, 0.0).sum(axis=-1)
    return np.where(pods > 0, total / np.maximum(pods, 1), np.nan)


def block_mean_log_e(n: Ints, mean: Floats, squares: Floats) -> Floats:
    """Log of the t-mixture e-value against "mean 0", two-sided; 0 below two blocks; any shape.

    n blocks, their mean, and their sum of squares about it: with B = n mean^2 and g = 1,
    (1 + n g)^(-1/2) [(squares + B) / (squares + B / (1 + n g))]^(n/2). Exact for normal blocks of
    any variance. Source: Jeffreys' t as used by Wang and Ramdas, "Anytime-valid t-tests" (2025).
    """
    growth = 1.0 + PRIOR_SCALE * n
    between = n * mean**2
    bottom = squares + between / growth
    log_ratio = np.log1p(between * (1.0 - 1.0 / growth) / np.where(bottom > 0, bottom, 1.0))
    log_e: Floats = 0.5 * n * log_ratio - 0.5 * np.log(growth)
    return np.where(n >= LEAST_BLOCKS, log_e, 0.0)


class PairedBlocks:
    """Differences of block means beyond a limit; order-free, mergeable byte for byte.

    The limit of a block is (1 + margin) of the baseline's mean (`fold`), or a number of the
    metric's unit (`fold_limit`: sustained use beyond an absolute limit, which may roll back).

    >>> blocks = PairedBlocks.zeros()
    >>> for turn in range(20):
    ...     blocks.fold(40.0 + turn % 3, 50.0 + turn % 2, margin=0.1)
    >>> bool(blocks.log_e_harm() > np.log(100)), round(float(blocks.estimate()), 2)
    (True, 5.45)
    """

    __slots__ = ("first", "n", "second")

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """No blocks yet, for `shape` independent streams."""
        self.n: Ints = np.zeros(shape, np.int64)
        self.first, self.second = FixedSum(shape), FixedSum(shape)

    @classmethod
    def zeros(cls, shape: tuple[int, ...] = ()) -> Self:
        """No blocks yet, for `shape` independent streams."""
        return cls(shape)

    def fold(self, mean_b: ArrayLike, mean_c: ArrayLike, margin: float) -> None:
        """Add a block: means of both arms' pods (`pod_mean`); NaN in either leaves it out."""
        self._add(np.asarray(mean_c, np.float64) - (1.0 + margin) * np.asarray(mean_b, np.float64))

    def fold_limit(self, mean_c: ArrayLike, limit: ArrayLike) -> None:
        """Add a block of the candidate against an absolute limit; NaN leaves it out."""
        self._add(np.asarray(mean_c, np.float64) - np.asarray(limit, np.float64))

    def _add(self, difference: Floats) -> None:
        known = np.broadcast_to(np.isfinite(difference), self.n.shape)
        kept = np.where(known, difference, 0.0)
        self.n[...] += known
        self.first.add(kept)
        self.second.add(kept * kept)

    def merge(self, other: Self) -> None:
        """Add the blocks of another state."""
        self.n += other.n
        self.first.merge(other.first)
        self.second.merge(other.second)

    def _moments(self) -> tuple[Floats, Floats]:
        """Mean difference and sum of squares about it."""
        count, second = np.maximum(self.n, 1), self.second.value()
        mean: Floats = self.first.value() / count
        return mean, np.maximum(second - count * mean**2, DIGITS * second)

    def log_e_harm(self) -> Floats:
        """Log e-value against "uses at most the limit"; the two-sided one where it uses more."""
        mean, squares = self._moments()
        return block_mean_log_e(self.n, np.maximum(mean, 0.0), squares)

    def log_e_safe(self) -> Floats:
        """Log e-value against "uses at least the limit"."""
        mean, squares = self._moments()
        return block_mean_log_e(self.n, np.minimum(mean, 0.0), squares)

    def log_e(self) -> Floats:
        """Log e-value against "uses exactly the limit"."""
        return block_mean_log_e(self.n, *self._moments())

    def estimate(self) -> Floats:
        """Mean difference beyond the limit in the metric's unit; NaN without blocks."""
        return np.where(self.n > 0, self._moments()[0], np.nan)

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Any-time 1 - alpha interval of the estimate; -inf to inf while too few blocks."""
        mean, squares = self._moments()
        n = np.maximum(self.n, 1)
        growth = 1.0 + PRIOR_SCALE * n
        level = np.exp(np.minimum((np.log(growth) - 2.0 * np.log(alpha)) / n, 700.0))
        room = 1.0 - level / growth
        bounded = (self.n >= LEAST_BLOCKS) & (room > 0)
        between = squares * (level - 1.0) / np.where(bounded, room, 1.0)
        radius = np.where(bounded, np.sqrt(between / n), np.inf)
        return mean - radius, mean + radius

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        sums = {"first": self.first.to_state(), "second": self.second.to_state()}
        return {"n": self.n.tolist()} | sums

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        blocks = cls(np.shape(state["n"]))
        blocks.n[...] = state["n"]
        blocks.first = FixedSum.from_state(state["first"])
        blocks.second = FixedSum.from_state(state["second"])
        return blocks
