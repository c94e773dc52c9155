"""Do events come in bursts that hit one arm? Variance over mean in the baseline, and its remedy.

A shock that hits both arms cancels; one that hits an arm alone does not, and looks like harm. phi
says how much more than Poisson's the baseline's counts of blocks vary; log increments divided by
phi >= 1 stay an e-process where counts are Poisson, and hold approximately where they vary more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from streams.evidence.fixed import Floats, log_sum_exp
from streams.evidence.grids import Grid
from streams.evidence.rates import RatioSums

LEAST_BLOCKS = 48
"""Baseline blocks that tell phi."""
CONFIDENCE = 0.9
"""Of the upper bound on phi."""


def variance_over_mean(events: ArrayLike, exposures: ArrayLike) -> Floats:
    """Pearson's dispersion over blocks: sum (x - n p)^2 / (n p) / (K - 1); [..., K] each.

    Variance over mean where all blocks have equal exposures. 1 without events.
    """
    x, n = np.asarray(events, np.float64), np.asarray(exposures, np.float64)
    rate = x.sum(axis=-1) / np.maximum(n.sum(axis=-1), 1.0)
    expected = n * rate[..., None]
    known = expected > 0
    terms = np.where(known, (x - expected) ** 2 / np.where(known, expected, 1.0), 0.0)
    freedom = known.sum(axis=-1) - 1
    ratio: Floats = terms.sum(axis=-1) / np.maximum(freedom, 1)
    told: Floats = np.where(freedom > 0, ratio, 1.0)
    return told


def phi_from_blocks(events: ArrayLike, exposures: ArrayLike) -> Floats:
    """Upper 90 % bound of variance over mean from baseline blocks [..., K], never below 1.

    The chi-square bound with K - 1 degrees of freedom. Blocks must be three times as long as the
    shocks' correlation time or longer: shorter ones show too little of it. ValueError below 48.
    """
    blocks = np.shape(events)[-1]
    if blocks < LEAST_BLOCKS:
        raise ValueError(
            f"overdispersion needs {LEAST_BLOCKS} baseline blocks or more, got {blocks}: "
            "wait for them, or take a longer baseline"
        )
    freedom = blocks - 1
    stretch = freedom / float(chdtri(freedom, CONFIDENCE))
    phi: Floats = np.maximum(variance_over_mean(events, exposures) * stretch, 1.0)
    return phi


def phi_from_duplicates(share: ArrayLike) -> Floats:
    """Phi of a share f of events that come twice: (1 + 3 f) / (1 + f); any shape.

    >>> phi_from_duplicates([0.0, 0.01, 1.0]).round(4).tolist()
    [1.0, 1.0198, 2.0]
    """
    f = np.asarray(share, np.float64)
    if np.any((f < 0.0) | (f > 1.0)):
        raise ValueError(f"a share of duplicates must lie in [0, 1], got {f}")
    phi: Floats = (1.0 + 3.0 * f) / (1.0 + f)
    return phi


def tempered(log_factor: ArrayLike, phi: ArrayLike) -> Floats:
    """Log increments [..., grid] divided by phi >= 1 of the leading shape."""
    divisor = np.asarray(phi, np.float64)
    if np.any(~(divisor >= 1.0)):
        raise ValueError(f"phi must be 1 or more, got {divisor}")
    result: Floats = np.asarray(log_factor, np.float64) / divisor[..., None]
    return result


def tempered_log_e_harm(sums: RatioSums, phi: ArrayLike) -> Floats:
    """`RatioSums.log_e_harm` with increments divided by phi, leading shape."""
    return _tempered_log_e(sums, sums.test.harm, sums.test.harm_slice, phi)


def tempered_log_e_safe(sums: RatioSums, phi: ArrayLike) -> Floats:
    """`RatioSums.log_e_safe` with increments divided by phi, leading shape."""
    return _tempered_log_e(sums, sums.test.safe, sums.test.safe_slice, phi)


def _tempered_log_e(sums: RatioSums, grid: Grid, where: slice, phi: ArrayLike) -> Floats:
    log_ratio = sums.x_c[..., None] * grid.log_psi - sums.log_f.between(where, 0)
    return log_sum_exp(grid.log_weight + tempered(log_ratio, phi))
