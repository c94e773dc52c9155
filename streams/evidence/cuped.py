"""How much of a value's spread was known before the exposure? CUPED, from sums.

y = x - theta (p - centre), with p a covariate from before the rollout; theta and centre are frozen
from data that the test does not use, so y has x's mean and less variance.
Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by
utilizing pre-experiment data" (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateSums:
    """Sums over values x and covariates p; all of one shape, from integers or fixed point."""

    n: ArrayLike
    x: ArrayLike
    xx: ArrayLike
    p: ArrayLike
    pp: ArrayLike
    xp: ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuped:
    """What is subtracted: theta (p - centre)."""

    theta: float
    centre: float


def freeze_cuped(warm_up: CovariateSums) -> Cuped:
    """Theta = cov(x, p) / var(p) and the mean of p from a warm-up; theta 0 if p is constant.

    >>> freeze_cuped(CovariateSums(n=3, x=9, xx=35, p=6, pp=14, xp=22))
    Cuped(theta=2.0, centre=2.0)
    """
    n, x, p, pp, xp = (
        float(np.asarray(v, np.float64))
        for v in (warm_up.n, warm_up.x, warm_up.p, warm_up.pp, warm_up.xp)
    )
    if n <= 0:
        raise ValueError("theta needs warm-up values, got none")
    spread = pp - p * p / n
    theta = (xp - x * p / n) / spread if spread > 1e-12 * pp else 0.0
    return Cuped(theta=theta, centre=p / n)


def adjusted_sums(sums: CovariateSums, cuped: Cuped) -> tuple[Floats, Floats]:
    """(sum y, sum y^2) of y = x - theta (p - centre); what a test of means takes.

    >>> sums = CovariateSums(n=3, x=9, xx=35, p=6, pp=14, xp=22)
    >>> [float(v) for v in adjusted_sums(sums, Cuped(theta=2.0, centre=2.0))]
    [9.0, 27.0]
    """
    n, x, xx, p, pp, xp = (
        np.asarray(v, np.float64) for v in (sums.n, sums.x, sums.xx, sums.p, sums.pp, sums.xp)
    )
    moved = p - n * cuped.centre
    moved_squares = pp - 2.0 * cuped.centre * p + n * cuped.centre**2
    crossed = xp - cuped.centre * x
    first: Floats = x - cuped.theta * moved
    second: Floats = xx - 2.0 * cuped.theta * crossed + cuped.theta**2 * moved_squares
    return first, np.maximum(second, 0.0)
