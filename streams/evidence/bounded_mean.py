"""Is the mean of a bounded value (a score, a capped reward) higher or lower with the candidate?

Per stratum, with u the value in [0, 1], centres k_c and k_b from earlier strata and weights
a = n_b/(n_b + n_c), b = n_c/(n_b + n_c), let y = a (u - k_c) for a candidate's value and
y = -b (u - k_b) for a baseline's; then k_c - k_b is the limit, and a n_c = b n_b.
"""

# Why it is exact: Fan's inequality, exp(l y + (log(1 - l) + l) y^2) <= 1 + l y for y >= -1 and
# 0 <= l < 1, holds for every value. The expectation of the stratum's product is therefore at most
# (1 + l a (mean_c - k_c))^n_c (1 - l b (mean_b - k_b))^n_b, and by 1 + x <= e^x at most
# exp(l a n_c (mean_c - mean_b - limit)) <= 1 under "mean_c <= mean_b + limit", at the realised
# allocation, whatever the stratum's level: common shocks and ramps cancel. Where y >= -reach, a
# bet l stands for l/reach on y/reach. Sums of y do not depend on the centres, sums of y^2 are a
# quadratic in the limit, so both are additive over strata of one class of reach, the order of
# values does not matter, and any limit can be asked of the same sums: inverted, an interval.

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Floats, Ints, log_sum_exp
from streams.evidence.margins import Against, MeanMargin
from streams.evidence.mean_sums import MeanSums
from streams.evidence.roots import turning_point

LARGEST_BET = 0.9
"""Of y / reach."""
BETS = np.geomspace(0.002, 4.0, 20)
"""Bets on y: the largest for dozens of values, the smallest for 10^8."""
REACHES = np.array([0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Classes of strata by how far y may fall below 0: upper ends; .25 is the least possible."""
START_VALUES = 20
"""What the centre's guess before any data is worth."""
LOG_WEIGHT = 0.5 * np.log(BETS) - np.log(np.sqrt(BETS).sum())
"""Of the bets: more on the large ones, which small samples need."""
LARGEST_LOG_RATIO = 8.0
MOMENTS = 9
"""w = a n_c; a sum u_c; b sum u_b; a^2 (n g^2, g sum d, sum d^2)_c; b^2 of the same; d = u - m."""


class Null(NamedTuple):
    """A limit of any shape as y: d = u - m, lever g = 1 (difference) or m (ratio).

    y_c = a (scale_c d + offset_c g), y_b = -b (scale_b d + offset_b g); all of the limit's shape.
    """

    scale_c: Floats
    scale_b: Floats
    offset_c: Floats
    offset_b: Floats
    shift: Floats
    """What sum y loses per unit of w."""
    slack: Floats
    """How much further than its class a stratum may reach at this limit, times max(a, b)."""


@dataclass(frozen=True)
class BoundedMeanTest:
    """Values lie in [low, high] (clip and count what does not); `margin` says what is harm.

    A relative margin needs low >= 0, so that a ratio of means has a meaning.
    """

    low: float
    high: float
    margin: MeanMargin
    start_mean: float | None = None
    """A guess of the mean, as from a warm-up: sharpens the first strata; else the middle."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"values need finite bounds low < high, got {self.low}, {self.high}")
        if self.relative and self.low < 0.0:
            raise ValueError(f"a relative margin needs values >= 0, got low {self.low}")

        if self.start_mean is not None and not self.low <= self.start_mean <= self.high:
            raise ValueError(f"start_mean must lie within the bounds, got {self.start_mean}")

    @property
    def relative(self) -> bool:
        """Whether limits are ratios of means."""
        return self.margin.against is Against.RELATIVE

    @cached_property
    def origin(self) -> float:
        """The value that becomes u = 0."""
        return 0.0 if self.relative else self.low

    @cached_property
    def unit(self) -> float:
        """The distance of values that becomes 1."""
        return self.high - self.origin

    @cached_property
    def start_centre(self) -> float:
        """The guess of the mean of u."""
        middle = 0.5 * (self.low + self.high)
        return ((middle if self.start_mean is None else self.start_mean) - self.origin) / self.unit

    def null(self, limit: Floats) -> Null:
        """The null "mean_c = limit mean_b" or "mean_c = mean_b + limit", limit of any shape."""
        if self.relative:
            scale_c, scale_b = 1.0 / np.maximum(limit, 1.0), np.minimum(limit, 1.0)
            middle = 0.5 * (scale_c + scale_b)
            zero = np.zeros_like(limit)
            return Null(scale_c, scale_b, scale_c - middle, scale_b - middle, zero, 1.0 - middle)
        one, shift = np.ones_like(limit), limit / self.unit
        return Null(one, one, -0.5 * shift, 0.5 * shift, shift, np.abs(0.5 * shift))


class BoundedMeanSums(MeanSums[BoundedMeanTest]):
    """The evidence of closed strata on a bounded mean; fold in order, for centres learn from it.

    n_b, n_c are int64 of the leading shape. Source: Fan, Grama and Liu 2015 (the inequality);
    Waudby-Smith and Ramdas 2024 (its use for bounded means).

    >>> from streams.evidence.margins import Harm
    >>> margin = MeanMargin(harm=Harm.LESS, against=Against.ABSOLUTE, margin=-0.05)
    >>> sums = BoundedMeanSums.zeros(BoundedMeanTest(0.0, 1.0, margin))
    >>> sums.fold(500, 500, (400.0, 340.0), (300.0, 200.0))
    >>> bool(sums.log_e_harm() > np.log(100)), round(float(sums.estimate()), 3)
    (True, -0.2)
    """

    __slots__ = ()
    kept = (REACHES.size, MOMENTS)

    def fold(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        sums_b: tuple[ArrayLike, ArrayLike],
        sums_c: tuple[ArrayLike, ArrayLike],
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add one closed stratum: values, and (sum x, sum x^2) in the metric's unit, per arm.

        All of the leading shape; sums from integers or fixed point. `mask` tells which streams
        have closed a stratum; a stratum with an empty arm carries no information.
        """
        b, c, used = self.count(n_b, n_c, mask)
        share = c / np.maximum(b + c, 1)
        centre = self._centre()
        arms = self._arm(c, sums_c, centre, 1.0 - share), self._arm(b, sums_b, centre, share)
        parts = [(1.0 - share) * c, arms[0][0], arms[1][0], *arms[0][1:], *arms[1][1:]]
        terms = np.stack([np.where(used, part, 0.0) for part in parts], axis=-1)
        reach = np.maximum(share, 1.0 - share) * np.maximum(centre, 1.0 - centre)
        chosen = np.searchsorted(REACHES, reach)[..., None] == np.arange(REACHES.size)
        self.moments.add(terms[..., None, :] * chosen[..., None])

    def _centre(self) -> Floats:
        """Mean u of the strata so far, each value weighted as in the estimate."""
        w, above, below = np.moveaxis(self.moments.value()[..., :3].sum(axis=-2), -1, 0)
        centre: Floats = (above + below + START_VALUES * self.test.start_centre) / (
            2.0 * w + START_VALUES
        )
        return np.clip(centre, 0.0, 1.0)

    def _arm(
        self, n: Ints, sums: tuple[ArrayLike, ArrayLike], centre: Floats, weight: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """An arm's weighted sums: u; then n g^2, g d and d^2 with the squared weight."""
        first, second = self._scaled(n, sums)
        moved = first - n * centre
        squares = np.maximum(second - centre * (first + moved), 0.0)
        lever = centre if self.test.relative else np.ones_like(centre)
        square = weight**2
        return weight * first, square * n * lever**2, square * lever * moved, square * squares

    def _scaled(self, n: Ints, sums: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
        first, second = (np.asarray(value, np.float64) for value in sums)
        origin, unit = self.test.origin, self.test.unit
        squares = second - 2.0 * origin * first + n * origin**2
        return (first - n * origin) / unit, np.maximum(squares, 0.0) / unit**2

    def log_e_harm(self) -> Floats:
        """Log e-value against "the mean is on the harmless side of the limit"."""
        return self._log_e_at_limit(self.test.margin.harm_sign)

    def log_e_safe(self) -> Floats:
        """Log e-value against "the mean is on the harmful side": non-inferiority."""
        return self._log_e_at_limit(-self.test.margin.harm_sign)

    def _log_e_at_limit(self, sign: int) -> Floats:
        limit = np.full((*self.n_b.shape, 1), self.test.margin.limit)
        log_e: Floats = self._log_e(limit, sign)[..., 0]
        return log_e

    def _log_e(self, limit: Floats, sign: int) -> Floats:
        """Log e-values against limits [..., points]: sign +1 shows more than, -1 less than it."""
        null = self.test.null(limit[..., None])
        moments = np.moveaxis(self.moments.value()[..., None, :, :], -1, 0)
        w, above, below = moments[:3]
        distance = null.scale_c * above - null.scale_b * below - null.shift * w
        squares = _squares(moments[3:6], null.scale_c, null.offset_c)
        squares = squares + _squares(moments[6:], null.scale_b, null.offset_b)
        reach = (REACHES + null.slack * np.minimum(2.0 * REACHES, 1.0))[..., None]
        bets = np.minimum(BETS, LARGEST_BET / reach)
        bend = (np.log1p(-bets * reach) + bets * reach) / reach**2
        log_e = sign * distance[..., None] * bets + squares[..., None] * bend
        return log_sum_exp(log_e.sum(axis=-2) + LOG_WEIGHT)

    def estimate(self) -> Floats:
        """Stratified ratio or difference of means (candidate's over or minus the baseline's).

        NaN without strata, or where the baseline's mean is 0.
        """
        w, above, below = np.moveaxis(self.moments.value()[..., :3].sum(axis=-2), -1, 0)
        top, bottom = (above, below) if self.test.relative else (above - below, w / self.test.unit)
        result: Floats = np.full(self.n_b.shape, np.nan)
        np.divide(top, bottom, out=result, where=bottom > 0)
        return result

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Any-time 1 - alpha interval of the estimate, alpha/2 a side, by inverting both tests.

        Without data 0 to inf (ratio), or minus to plus the width of the bounds (difference).
        """
        end = LARGEST_LOG_RATIO if self.test.relative else self.test.unit
        first, last = np.full(self.n_b.shape, -end), np.full(self.n_b.shape, end)
        low, _ = turning_point(lambda at: self._rejected(at, 1, alpha), first, last)
        high, _ = turning_point(lambda at: self._rejected(-at, -1, alpha), first, last)
        if not self.test.relative:
            return low, -high
        return np.where(low > -end, np.exp(low), 0.0), np.where(high > -end, np.exp(-high), np.inf)

    def _rejected(self, at: Floats, sign: int, alpha: float) -> Bools:
        """Which of the points [..., points] are rejected with all before them."""
        log_e = self._log_e(np.exp(at) if self.test.relative else at, sign)
        result: Bools = np.logical_and.accumulate(log_e >= np.log(2.0 / alpha), axis=-1)
        return result


def _squares(moments: Floats, scale: Floats, offset: Floats) -> Floats:
    """Sum of weighted (scale d + offset g)^2 from moments [3, ...] of g^2, g d and d^2."""
    mixed = offset**2 * moments[0] + 2.0 * scale * offset * moments[1]
    total: Floats = np.maximum(mixed + scale**2 * moments[2], 0.0)
    return total
