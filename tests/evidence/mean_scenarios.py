"""What do values look like, stratum by stratum? Seeded sums of two arms, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from streams.evidence.asymptotic import one_sided_asymptotic_log_e
from streams.evidence.fixed import Floats, Ints

Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]
"""Values of a shape."""
Sums = tuple[Floats, Floats]


@dataclass(frozen=True, kw_only=True)
class ValueStream:
    """Strata of `values` expected values of both arms; arrays are [strata]."""

    seed: int
    streams: int
    values: float
    share: Floats
    """The candidate's share of values."""
    level: Floats
    """What every value is multiplied by, in both arms: a common shock."""
    draw: Draw
    ratio: float = 1.0
    """What the candidate's values are multiplied by."""
    chance: float = 1.0
    """Share of values that are not 0."""
    cap: float = np.inf

    def strata(self) -> Iterator[tuple[Ints, Ints, Sums, Sums]]:
        """n_b, n_c and (sum x, sum x^2) of both arms, each [streams]."""
        rng = np.random.default_rng(self.seed)
        for share, level in zip(self.share, self.level, strict=True):
            n_b = rng.poisson(self.values * (1 - share), self.streams)
            n_c = rng.poisson(self.values * share, self.streams)
            yield n_b, n_c, self._sums(rng, n_b, level), self._sums(rng, n_c, level * self.ratio)

    def _sums(self, rng: np.random.Generator, n: Ints, factor: float) -> Sums:
        drawn = n if self.chance >= 1.0 else rng.binomial(n, self.chance)
        values = self.draw(rng, (self.streams, int(drawn.max())))
        values = np.minimum(values * factor, self.cap)
        values[np.arange(values.shape[1]) >= drawn[:, None]] = 0.0
        return values.sum(axis=1), (values * values).sum(axis=1)


def scores(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Beta(8, 3): a judge's scores, mean .73."""
    return rng.beta(8.0, 3.0, shape)


def revenue(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Lognormal, sigma 1: what a purchase brings, in whole cents, median 20."""
    return np.rint(2_000.0 * np.exp(rng.normal(0.0, 1.0, shape)))


def ramp_shares(strata: int) -> Floats:
    """Six steps of equal length: 1, 5, 10, 25, 50, 75 %."""
    steps = np.array([0.01, 0.05, 0.1, 0.25, 0.5, 0.75])
    return steps[np.minimum(np.arange(strata) * 6 // strata, 5)]


def level_shock(strata: int, low: float) -> Floats:
    """Values that are `low` of themselves for everyone in the first half, as the ramp rises."""
    return np.where(np.arange(strata) < strata // 2, low, 1.0)


def pooled_log_e(n: Floats, sums: Floats, squares: Floats, sign: int, alpha: float) -> Floats:
    """What must not be done: arms pooled over strata, own variances, raw n; all [streams, 2].

    Log e-value of the difference (candidate's minus baseline's mean, times sign).
    """
    count = np.maximum(n, 1.0)
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 1e-12)
    se = np.sqrt((variance / count).sum(axis=-1))
    distance = sign * (mean[..., 1] - mean[..., 0])
    return one_sided_asymptotic_log_e(distance, se, n.sum(axis=-1) / 2, alpha)
