"""By how much is the experiment shifted? Mann-Whitney interval and Hodges-Lehmann estimate.

The interval of R's wilcox.test(conf.int, exact = FALSE, correct = TRUE): shifts at which the
normal score of the rank sum, with ties and continuity corrected, crosses the quantile. The score
is a step function, so the root finder's path is part of the answer: Brent's method, as in R.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Values = NDArray[np.float64]

TOLERANCE = 1e-4
MAX_ITERATIONS = 1001


class TiedError(ValueError):
    """All observations are tied at some shift: there is no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Experiment minus control: confidence bounds and Hodges-Lehmann estimate."""

    low: float
    high: float
    estimate: float


def mann_whitney_shift(experiment: Values, control: Values, confidence: float) -> Shift:
    """Interval and estimate of the location shift; both samples non-empty and finite.

    >>> mann_whitney_shift(np.array([10., 20, 30, 40]), np.array([1., 2, 3, 4]), 0.95)
    Shift(low=6.0, high=39.0, estimate=22.5)

    Raises:
        TiedError: all observations coincide at an end of the range of shifts.
    """
    z = -float(ndtri((1.0 - confidence) / 2.0))
    first = float(experiment.min() - control.max())
    last = float(experiment.max() - control.min())
    bound = partial(_bound, experiment, control, first, last)
    center = partial(shifted_score, experiment, control, 0.0)
    estimate = brent_root(center, (first, last), (center(first), center(last)))
    return Shift(low=bound(z), high=bound(-z), estimate=estimate)


def _bound(experiment: Values, control: Values, first: float, last: float, z: float) -> float:
    score = partial(shifted_score, experiment, control, z)
    at_first, at_last = score(first), score(last)
    if at_first <= 0:
        return first
    if at_last >= 0:
        return last
    return brent_root(score, (first, last), (at_first, at_last))


def shifted_score(experiment: Values, control: Values, z: float, mu: float) -> float:
    """Normal score of the rank sum of experiment - mu among all values, less z."""
    m, n = experiment.size, control.size
    shifted = experiment - mu
    pool = np.sort(np.concatenate([shifted, control]))
    below, upto = pool.searchsorted(shifted, "left"), pool.searchsorted(shifted, "right")
    excess = float((below + upto + 1).sum()) / 2 - m * (m + 1) / 2 - m * n / 2
    ties = np.diff(np.flatnonzero(np.diff(pool, prepend=-np.inf, append=np.inf))).astype(np.float64)
    tied = float((ties**3 - ties).sum()) / ((m + n) * (m + n - 1))
    sigma = float(np.sqrt(m * n / 12 * (m + n + 1 - tied)))
    if sigma == 0:
        raise TiedError("all observations are tied")
    return (excess - 0.5 * float(np.sign(excess))) / sigma - z


def brent_root(
    function: Callable[[float], float], ends: tuple[float, float], values: tuple[float, float]
) -> float:
    """Where the function crosses zero between the ends, within 1e-4.

    Source: Brent 1973, "Algorithms for minimization without derivatives", procedure zero.
    """
    (previous, best), (f_previous, f_best) = ends, values
    if f_previous == 0:
        return previous
    if f_best == 0:
        return best
    opposite, f_opposite = previous, f_previous
    for _ in range(MAX_ITERATIONS):
        last_step = best - previous
        if abs(f_opposite) < abs(f_best):
            previous, best, opposite = best, opposite, best
            f_previous, f_best, f_opposite = f_best, f_opposite, f_best
        tolerance = 2 * float(np.finfo(np.float64).eps) * abs(best) + TOLERANCE / 2
        half = (opposite - best) / 2
        if abs(half) <= tolerance or f_best == 0:
            break
        step = half
        if abs(last_step) >= tolerance and abs(f_previous) > abs(f_best):
            points = (previous, best, opposite)
            step = _interpolated(points, (f_previous, f_best, f_opposite), last_step, tolerance)
        previous, f_previous = best, f_best
        best += _at_least(tolerance, step)
        f_best = function(best)
        if (f_best > 0) == (f_opposite > 0) and f_best != 0 and f_opposite != 0:
            opposite, f_opposite = previous, f_previous
    return best


def _at_least(size: float, step: float) -> float:
    if abs(step) >= size:
        return step
    return size if step > 0 else -size


def _interpolated(
    points: tuple[float, float, float],
    values: tuple[float, float, float],
    last_step: float,
    tolerance: float,
) -> float:
    """A secant or inverse quadratic step from the best point; half the bracket if it is wild."""
    (a, b, c), (fa, fb, fc) = points, values
    width = c - b
    if a == c:
        ratio = fb / fa
        p, q = width * ratio, 1.0 - ratio
    else:
        q, t1, t2 = fa / fc, fb / fc, fb / fa
        p = t2 * (width * q * (q - t1) - (b - a) * (t1 - 1.0))
        q = (q - 1.0) * (t1 - 1.0) * (t2 - 1.0)
    p, q = (p, -q) if p > 0 else (-p, q)
    inside = p < 0.75 * width * q - abs(tolerance * q) / 2
    return p / q if inside and p < abs(last_step * q / 2) else width / 2
