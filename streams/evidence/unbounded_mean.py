"""Is the mean of an unbounded value (revenue, duration, cost) higher or lower with the candidate?

Values are capped at a frozen baseline quantile; strata give a weighted difference S = sum_i w_i
(mean_c - limit mean_b), w_i = n_b n_c / (n_b + n_c), and its variance V. The normal mixture runs in
the time V of S: that is 1/se^2 up to scale, not the number of values. Asymptotic, not exact.
"""

# Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024 (asymptotic confidence sequences);
# Deng, Xu, Kohavi and Walker 2013 (CUPED).
# Squares are taken about the mean of both arms in the stratum, so that a stratum with one value of
# the candidate has a variance too. The arm with fewer values gets the larger of its own and the
# other arm's variance: its own is small by chance just when its mean is low (skewed values).

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.asymptotic import (
    asymptotic_radius,
    asymptotic_rho,
    one_sided_asymptotic_log_e,
)
from streams.evidence.fixed import Bools, Floats, Ints
from streams.evidence.margins import Against, MeanMargin
from streams.evidence.mean_sums import MeanSums
from streams.evidence.roots import turning_point

ENOUGH = 50
"""Values that each arm needs before anything is said."""
N_OPT = 500.0
"""Values per arm, evenly split, at which the sequence is tightest."""
LEAST_VARIANCE = 1e-18
"""Keeps a constant value, whose variance is 0, a number (in squared units of the scale)."""
LARGEST_LOG_RATIO = 8.0
MOMENTS = 7
"""w; a sum x_c; b sum x_b; variance of the sums: own (c, b), at the other arm's variance (c, b)."""


@dataclass(frozen=True, kw_only=True)
class ValueScale:
    """What a baseline warm-up, which the test does not use, says of the values."""

    cap: float
    """Values above it count as it; the estimand is the mean of capped values."""
    deviation: float
    """Standard deviation of capped values; sets where the sequence is tightest, no more."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.cap) and 0.0 < self.deviation < np.inf):
            raise ValueError(
                f"values need a finite cap and a positive deviation, got {self}: a warm-up of "
                "equal values tells no scale, wait for more of them"
            )


def freeze_scale(values: ArrayLike, q: float = 0.99) -> ValueScale:
    """Cap and deviation from warm-up values [n] of the baseline; cap is the inverted ECDF at q.

    >>> freeze_scale([1.0, 2.0, 3.0, 100.0], q=0.75)
    ValueScale(cap=3.0, deviation=0.82915619758885)
    """
    x = np.asarray(values, np.float64)
    if x.size == 0:
        raise ValueError("a scale needs warm-up values, got none")
    cap = float(np.quantile(x, q, method="inverted_cdf"))
    return ValueScale(cap=cap, deviation=float(np.minimum(x, cap).std()))


@dataclass(frozen=True, kw_only=True)
class UnboundedMeanTest:
    """What is asked of the mean of capped values; the scale is frozen beforehand."""

    scale: ValueScale
    margin: MeanMargin

    @property
    def relative(self) -> bool:
        """Whether limits are ratios of means."""
        return self.margin.against is Against.RELATIVE


class UnboundedMeanSums(MeanSums[UnboundedMeanTest]):
    """The evidence of closed strata on a capped mean; order-free, mergeable byte for byte.

    n_b, n_c are int64 of the leading shape.

    >>> from streams.evidence.margins import Harm
    >>> margin = MeanMargin(harm=Harm.LESS, against=Against.RELATIVE, margin=-0.02)
    >>> scale = ValueScale(cap=50.0, deviation=5.0)
    >>> sums = UnboundedMeanSums.zeros(UnboundedMeanTest(scale=scale, margin=margin))
    >>> sums.fold(500, 500, (5_000, 62_500), (4_000, 44_500))
    >>> bool(sums.log_e_harm(0.01) > np.log(100)), float(sums.estimate())
    (True, 0.8)
    """

    __slots__ = ()
    kept = (MOMENTS,)

    def fold(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        sums_b: tuple[ArrayLike, ArrayLike],
        sums_c: tuple[ArrayLike, ArrayLike],
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add one closed stratum: values, and (sum x, sum x^2) of capped values, per arm.

        All of the leading shape; sums from integers or fixed point. `mask` tells which streams
        have closed a stratum; a stratum with an empty arm carries no information.
        """
        b, c, used = self.count(n_b, n_c, mask)
        both = np.maximum(b + c, 1)
        unit = self.test.scale.deviation
        (s_b, q_b), (s_c, q_c) = (_scaled(sums, unit) for sums in (sums_b, sums_c))
        mean = (s_b + s_c) / both
        v_b, v_c = _variance(b, s_b, q_b, mean), _variance(c, s_c, q_c, mean)
        freed = both / np.maximum(both - 1, 1)
        a_c, a_b = (b / both) ** 2 * c * freed, (c / both) ** 2 * b * freed
        parts = [b * c / both, b / both * s_c, c / both * s_b]
        parts += [a_c * v_c, a_b * v_b, a_c * v_b, a_b * v_c]
        self.moments.add(np.stack([np.where(used, part, 0.0) for part in parts], axis=-1))

    def merge(self, other: Self) -> None:
        """Add the strata of another state of the same test; the same bytes in any order."""
        self.n_b += other.n_b
        self.n_c += other.n_c
        self.moments.merge(other.moments)

    @property
    def enough(self) -> Bools:
        """Whether both arms have 50 values; else nothing is concluded."""
        result: Bools = (self.n_b >= ENOUGH) & (self.n_c >= ENOUGH)
        return result

    def _distance(self, limit: Floats) -> tuple[Floats, Floats, Floats]:
        """S / W beyond the limit, its standard error and its time in values per arm.

        `limit` has the leading shape with any further axes; deviations are the unit.
        """
        further = (None,) * (limit.ndim - self.n_b.ndim)
        w, above, below, *own = np.moveaxis(
            self.moments.value()[(..., *further, slice(None))], -1, 0
        )
        smaller = (self.n_c < self.n_b)[(..., *further)]
        larger = (self.n_b < self.n_c)[(..., *further)]
        v_c = np.where(smaller, np.maximum(own[0], own[2]), own[0])
        v_b = np.where(larger, np.maximum(own[1], own[3]), own[1])
        ratio, shift = (limit, 0.0) if self.test.relative else (1.0, limit)
        variance = np.maximum(v_c + ratio**2 * v_b, LEAST_VARIANCE)
        total = np.maximum(w, LEAST_VARIANCE)
        distance = (above - ratio * below) / total - shift / self.test.scale.deviation
        return distance, np.sqrt(variance) / total, 4.0 * variance / (1.0 + ratio**2)

    def log_e_harm(self, alpha: float) -> Floats:
        """Log of 1/alpha' of the sequence, sharpest at `alpha`, against "not beyond the limit".

        0 before 50 values per arm. Asymptotic, so of the kind of an e-value and no proven one.
        """
        return self._log_e(self.test.margin.harm_sign, alpha)

    def log_e_safe(self, alpha: float) -> Floats:
        """The same against "on the harmful side of the limit": non-inferiority."""
        return self._log_e(-self.test.margin.harm_sign, alpha)

    def _log_e(self, sign: int, alpha: float) -> Floats:
        limit = np.full(self.n_b.shape, self.test.margin.limit)
        distance, se, time = self._distance(limit)
        log_e = one_sided_asymptotic_log_e(sign * distance, se, time, alpha, N_OPT)
        return np.where(self.enough, log_e, 0.0)

    def estimate(self) -> Floats:
        """Stratified ratio or difference of capped means; NaN without strata, or at baseline 0."""
        w, above, below = np.moveaxis(self.moments.value()[..., :3], -1, 0)
        deviation = self.test.scale.deviation
        top, bottom = (above, below) if self.test.relative else (above - below, w / deviation)
        result: Floats = np.full(self.n_b.shape, np.nan)
        np.divide(top, bottom, out=result, where=bottom > 0)
        return result

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Any-time 1 - alpha interval of the estimate; 0 to inf or -inf to inf before 50 values."""
        if self.test.relative:
            return self._ratio_interval(alpha)
        distance, se, time = self._distance(np.zeros(self.n_b.shape))
        radius = asymptotic_radius(se, np.maximum(time, 1e-9), alpha, asymptotic_rho(N_OPT, alpha))
        unit = self.test.scale.deviation
        low, high = (distance - radius) * unit, (distance + radius) * unit
        return np.where(self.enough, low, -np.inf), np.where(self.enough, high, np.inf)

    def _ratio_interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Ratios at which S lies within its radius (Fieller), searched from both ends."""

        def rejected(log_ratio: Floats, sign: int) -> Bools:
            distance, se, time = self._distance(np.exp(sign * log_ratio))
            radius = asymptotic_radius(
                se, np.maximum(time, 1e-9), alpha, asymptotic_rho(N_OPT, alpha)
            )
            beyond = (sign * distance > radius) & self.enough[..., None]
            result: Bools = np.logical_and.accumulate(beyond, axis=-1)
            return result

        end = LARGEST_LOG_RATIO
        first, last = np.full(self.n_b.shape, -end), np.full(self.n_b.shape, end)
        low, _ = turning_point(lambda at: rejected(at, 1), first, last)
        high, _ = turning_point(lambda at: rejected(at, -1), first, last)
        return np.where(low > -end, np.exp(low), 0.0), np.where(high > -end, np.exp(-high), np.inf)


def _scaled(sums: tuple[ArrayLike, ArrayLike], unit: float) -> tuple[Floats, Floats]:
    first, second = (np.asarray(value, np.float64) for value in sums)
    return first / unit, second / unit**2


def _variance(n: Ints, first: Floats, second: Floats, mean: Floats) -> Floats:
    """Mean square of an arm's values about `mean`."""
    squares = second - 2.0 * mean * first + n * mean**2
    result: Floats = np.maximum(squares, 0.0) / np.maximum(n, 1)
    return result
