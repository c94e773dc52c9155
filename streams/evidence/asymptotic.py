"""How wide is an interval of an estimate that is about normal, looked at any time?

Asymptotic confidence sequences. Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences" (2024).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats

LOWEST = -700.0
"""Floor of a log e-value, so that it stays a number everywhere."""


def asymptotic_rho(n_opt: float, alpha: ArrayLike) -> Floats:
    """Scale of the mixture that makes the two-sided sequence tightest at n_opt (any shape)."""
    spent = -2.0 * np.log(np.asarray(alpha, np.float64))
    rho: Floats = np.sqrt((spent + np.log1p(spent)) / n_opt)
    return rho


def asymptotic_radius(se: ArrayLike, n: ArrayLike, alpha: float, rho: ArrayLike) -> Floats:
    """Two-sided radius from standard error se at sample size n (any shape)."""
    growth = np.asarray(n, np.float64) * np.square(rho)
    width = 2.0 * (growth + 1.0) / growth * np.log(np.sqrt(growth + 1.0) / alpha)
    radius: Floats = np.asarray(se, np.float64) * np.sqrt(width)
    return radius


def one_sided_asymptotic_radius(
    se: ArrayLike, n: ArrayLike, alpha: ArrayLike, n_opt: float = 500.0
) -> Floats:
    """One-sided radius from standard error se at sample size n (any shape), alpha < .5."""
    spent = 2.0 * np.asarray(alpha, np.float64)
    growth = np.asarray(n, np.float64) * asymptotic_rho(n_opt, spent) ** 2
    width = 2.0 * (growth + 1.0) / growth * np.log1p(np.sqrt(growth + 1.0) / spent)
    radius: Floats = np.asarray(se, np.float64) * np.sqrt(width)
    return radius


def one_sided_asymptotic_log_e(
    distance: ArrayLike, se: ArrayLike, n: ArrayLike, alpha: ArrayLike, n_opt: float = 500.0
) -> Floats:
    """Log e-value of an estimate that lies `distance` beyond a limit (any shape), >= -700.

    It reaches log 1/alpha exactly when distance reaches `one_sided_asymptotic_radius` at the same
    alpha, which only sets where the mixture is sharpest.
    """
    spent = 2.0 * np.asarray(alpha, np.float64)
    growth = np.asarray(n, np.float64) * asymptotic_rho(n_opt, spent) ** 2
    z = np.maximum(np.asarray(distance, np.float64), 0.0) / np.asarray(se, np.float64)
    exponent = np.maximum(z * z * growth / (2.0 * (growth + 1.0)), 1e-300)
    log_expm1 = exponent + np.log(-np.expm1(-exponent))
    log_e: Floats = np.log(2.0) + log_expm1 - 0.5 * np.log1p(growth)
    return np.maximum(log_e, LOWEST)


def sequential_relative_interval(
    a: tuple[float, float, float], b: tuple[float, float, float], n_opt: float, alpha: float
) -> tuple[float, float, float]:
    """Relative lift of b's mean over a's with its asymptotic sequence: estimate, low, high.

    Each arm is (sum, sum of squares, n); delta method, ddof 1, n = n_a + n_b, two-sided rho.
    """
    mean_a, mean_b = a[0] / a[2], b[0] / b[2]
    var_a, var_b = ((ss - s * s / n) / (n - 1.0) / n for s, ss, n in (a, b))
    lift = mean_b / mean_a - 1.0
    se = np.sqrt(var_b / mean_a**2 + var_a * mean_b**2 / mean_a**4)
    radius = asymptotic_radius(se, a[2] + b[2], alpha, asymptotic_rho(n_opt, alpha))
    return lift, float(lift - radius), float(lift + radius)
