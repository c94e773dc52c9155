"""How far may a sum wander by chance, at any time? Uniform boundaries, by name.

Source: Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
sequences" (2021); v is intrinsic time, alpha the total error, v_opt where the bound is tightest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln, gammainc, gammaincc, gammaln, log_ndtr, zeta

from streams.evidence.fixed import Bools, Floats
from streams.evidence.roots import turning_point

EVEN_SPACING = 2.0
"""Ratio eta of the epochs of the stitched bound."""
STITCH_POWER = 1.4
Enough = Callable[[Floats, Floats], bool]
"""Whether a bracket's ends tell the same of all that is asked."""
SMALLEST_PRIOR = 1e-3


def best_rho(v_opt: float, alpha: float) -> float:
    """Variance rho of the two-sided normal mixture that is tightest at v_opt.

    >>> round(best_rho(100.0, 0.05), 5)
    12.60056
    """
    spent = -2.0 * np.log(alpha)
    return float(v_opt / (spent + np.log1p(spent)))


def normal_mixture_bound(v: ArrayLike, alpha: float, v_opt: float) -> Floats:
    """Two-sided sub-Gaussian bound on |S| at intrinsic time v (any shape).

    >>> round(float(normal_mixture_bound(100.0, 0.05, 100.0)), 5)
    30.35209
    """
    rho, time = best_rho(v_opt, alpha), np.asarray(v, np.float64)
    bound: Floats = np.sqrt((time + rho) * (np.log1p(time / rho) - 2.0 * np.log(alpha)))
    return bound


def one_sided_normal_mixture_bound(v: ArrayLike, alpha: float, v_opt: float) -> Floats:
    """One-sided sub-Gaussian bound on S at intrinsic time v (any shape)."""
    rho, time = best_rho(v_opt, 2.0 * alpha), np.asarray(v, np.float64)[..., None]
    scale = time + rho

    def log_e(s: Floats) -> Floats:
        prior = 0.5 * np.log(4.0 * rho / scale)
        result: Floats = prior + s * s / (2.0 * scale) + log_ndtr(s / np.sqrt(scale))
        return result

    return first_above(log_e, alpha, 2.0 * normal_mixture_bound(v, alpha, v_opt))


def gamma_exponential_mixture_bound(v: ArrayLike, alpha: float, v_opt: float, c: float) -> Floats:
    """One-sided bound for sub-exponential S of scale c > 0 at intrinsic time v (any shape)."""
    prior = best_rho(v_opt, 2.0 * alpha) / c**2
    time = np.asarray(v, np.float64)[..., None] / c**2
    constant = prior * np.log(prior) - gammaln(prior) - np.log(gammainc(prior, prior))

    def log_e(s: Floats) -> Floats:
        moved, shape = s / c + time, time + prior
        result: Floats = constant + gammaln(shape) + np.log(gammainc(shape, moved + prior))
        result += moved - shape * np.log(moved + prior)
        return result

    return first_above(log_e, alpha, generous(v, alpha, v_opt, c))


def gamma_poisson_mixture_bound(v: ArrayLike, alpha: float, v_opt: float, c: float) -> Floats:
    """One-sided bound for sub-Poisson S of scale c > 0 at intrinsic time v (any shape)."""
    prior = best_rho(v_opt, 2.0 * alpha) / c**2
    time = np.asarray(v, np.float64)[..., None] / c**2
    constant = prior * np.log(prior) - gammaln(prior) - np.log(gammaincc(prior, prior))

    def log_e(s: Floats) -> Floats:
        rate = time + prior
        shape = s / c + rate
        result: Floats = constant + gammaln(shape) + np.log(gammaincc(shape, rate))
        result += time - shape * np.log(rate)
        return result

    return first_above(log_e, alpha, generous(v, alpha, v_opt, c))


def beta_binomial_mixture_bound(
    v: ArrayLike,
    alpha: float,
    v_opt: float,
    g: ArrayLike,
    h: ArrayLike,
    enough: Enough | None = None,
) -> Floats:
    """Upper bound on S with steps in [-g, h], one of two sides that share alpha (any shape).

    `enough` (see `turning_point`) ends the search where a bracket tells all that is asked; the
    bound is then that bracket's upper end.

    >>> round(float(beta_binomial_mixture_bound(100.0, 0.05, 100.0, 0.2, 0.8)), 4)
    31.4308
    """
    prior = _prior(best_rho(v_opt, alpha), g, h)
    return _beta_binomial_bound(v, alpha, (g, h, prior), _log_beta, enough)


def one_sided_beta_binomial_mixture_bound(
    v: ArrayLike, alpha: float, v_opt: float, g: float, h: float
) -> Floats:
    """Upper bound on S with steps in [-g, h], alpha spent on this side alone (any shape v)."""
    prior = _prior(best_rho(v_opt, 2.0 * alpha), g, h)

    def log_upper_beta(a: Floats, b: Floats) -> Floats:
        result: Floats = betaln(a, b) + np.log(betainc(a, b, h / (g + h)))
        return result

    return _beta_binomial_bound(v, alpha, (g, h, prior), log_upper_beta)


def _prior(rho: float, g: ArrayLike, h: ArrayLike) -> Floats:
    variance = np.asarray(g, np.float64) * np.asarray(h, np.float64)
    prior: Floats = np.maximum(rho - variance, SMALLEST_PRIOR * variance)
    return prior


def _log_beta(a: Floats, b: Floats) -> Floats:
    result: Floats = betaln(a, b)
    return result


def _beta_binomial_bound(
    v: ArrayLike,
    alpha: float,
    steps: tuple[ArrayLike, ArrayLike, ArrayLike],
    log_beta: Callable[[Floats, Floats], Floats],
    enough: Enough | None = None,
) -> Floats:
    g, h, prior, time = (np.asarray(x, np.float64)[..., None] for x in (*steps, v))
    prior_down, prior_up = prior / (g * (g + h)), prior / (h * (g + h))
    start = log_beta(prior_down, prior_up)
    stretch_down, stretch_up = g * (g + h), h * (g + h)
    constant, log_g, log_h = time / (g * h) * np.log(g + h), np.log(g), np.log(h)

    def log_e(s: Floats) -> Floats:
        down, up = (time - g * s) / stretch_down, (time + h * s) / stretch_up
        result: Floats = constant - up * log_g - down * log_h
        result += log_beta(prior_down + down, prior_up + up) - start
        return result

    return first_above(log_e, alpha, (time / g)[..., 0], enough)


def first_above(
    log_e: Callable[[Floats], Floats], alpha: float, high: Floats, enough: Enough | None = None
) -> Floats:
    """Smallest s >= 0 with log_e(s) >= log 1/alpha, at most `high`; log_e rises with s."""
    limit = -np.log(alpha)

    def below(points: Floats) -> Bools:
        result: Bools = log_e(points) < limit
        return result

    return turning_point(below, np.zeros_like(high), high, enough)[1]


def generous(v: ArrayLike, alpha: float, v_opt: float, c: float) -> Floats:
    """A value above the gamma mixtures' bounds, to start their search from."""
    start: Floats = 4.0 * normal_mixture_bound(v, alpha, v_opt) - 8.0 * c * np.log(alpha)
    return start


def poly_stitching_bound(v: ArrayLike, alpha: float, v_min: float, c: float) -> Floats:
    """One-sided stitched bound, s = 1.4, eta = 2, flat below v_min (any shape v).

    >>> round(float(poly_stitching_bound(100.0, 0.05, 10.0, 3.0)), 5)
    64.48755
    """
    eta = EVEN_SPACING
    time = np.maximum(np.asarray(v, np.float64), v_min)
    spent = np.log(zeta(STITCH_POWER) / (alpha * np.log(eta) ** STITCH_POWER))
    epoch = STITCH_POWER * np.log(np.log(eta * time / v_min)) + spent
    scale, drift = (eta**0.25 + eta**-0.25) / np.sqrt(2.0), (np.sqrt(eta) + 1.0) / 2.0
    shift = drift * c * epoch
    bound: Floats = np.sqrt(scale**2 * time * epoch + shift**2) + shift
    return bound


def iterated_logarithm_error(a: float, c: float) -> float:
    """Error of the bound A sqrt((log log(e t / m) + C) / t) on the distance of an ECDF.

    Infimum over eta in (1, 2 A^2) of 4 exp(-gamma^2 C) (1 + 1 / ((gamma^2 - 1) log eta)),
    gamma = sqrt(2 / eta) (A - sqrt(2 (eta - 1) / C)) > 1. Source: Howard and Ramdas 2022, Thm 2.
    """
    eta = np.linspace(1.0, 2.0 * a * a, 20_001)[1:-1]
    gamma = np.sqrt(2.0 / eta) * (a - np.sqrt(2.0 * (eta - 1.0) / c))
    with np.errstate(divide="ignore", over="ignore"):
        error = 4.0 * np.exp(-(gamma**2) * c) * (1.0 + 1.0 / ((gamma**2 - 1.0) * np.log(eta)))
    return float(np.where(gamma > 1.0, error, np.inf).min())


def iterated_logarithm_constant(alpha: float, a: float) -> float:
    """The C at which `iterated_logarithm_error(a, C)` is alpha; a > 1/sqrt 2."""

    def too_loose(points: Floats) -> Bools:
        return np.array([iterated_logarithm_error(a, float(c)) > alpha for c in points])

    low, high = turning_point(too_loose, 1e-3, 1e3)
    return float(0.5 * (low + high))


def empirical_process_lil_bound(t: ArrayLike, alpha: float, t_min: float, a: float) -> Floats:
    """Bound on sup |F_t - F| of an ECDF for all t >= t_min (any shape t); inf before."""
    time = np.asarray(t, np.float64)
    growth = np.log1p(np.log(np.maximum(time, t_min) / t_min))
    bound: Floats = a * np.sqrt((growth + iterated_logarithm_constant(alpha, a)) / time)
    held: Floats = np.where(time >= t_min, bound, np.inf)
    return held
