"""Did traffic split as it was told to? Sequential Dirichlet-multinomial test of the shares.

Source: Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022), here
against the *applied* weights, group by group; failure makes verdicts invalid, never harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from streams.evidence.fixed import Floats, Ints

PRECISION = 0.01
"""The prior is as narrow as would let a share move by about a tenth of its own size."""


def log_beta(alpha: Floats) -> Floats:
    """Log of the multivariate beta function over the last axis."""
    result: Floats = gammaln(alpha).sum(axis=-1) - gammaln(alpha.sum(axis=-1))
    return result


def log_multinomial_coefficient(counts: ArrayLike) -> Floats:
    """Log of N! / prod counts! over the last axis."""
    x = np.asarray(counts, np.float64)
    result: Floats = gammaln(x.sum(axis=-1) + 1.0) - gammaln(x + 1.0).sum(axis=-1)
    return result


def dirichlet_multinomial_log_marginal(counts: ArrayLike, prior: ArrayLike) -> Floats:
    """Log probability of counts [..., arms] under a Dirichlet prior, without the coefficient."""
    a = np.asarray(prior, np.float64)
    return log_beta(a + np.asarray(counts, np.float64)) - log_beta(a)


def multinomial_log_likelihood(counts: ArrayLike, shares: ArrayLike) -> Floats:
    """Log probability of counts [..., arms] at given shares > 0, without the coefficient."""
    result: Floats = (np.asarray(counts) * np.log(np.asarray(shares, np.float64))).sum(axis=-1)
    return result


def sample_ratio_log_bayes_factor(counts: ArrayLike, shares: ArrayLike, prior: ArrayLike) -> Floats:
    """Log E = log B(prior + c) - log B(prior) - sum c log shares; cumulative counts [..., arms].

    >>> float(sample_ratio_log_bayes_factor([20, 17, 9], [0.4, 0.4, 0.2], [1, 1, 1]).round(7))
    -2.9505608
    """
    marginal = dirichlet_multinomial_log_marginal(counts, prior)
    return marginal - multinomial_log_likelihood(counts, shares)


def sample_ratio_prior(shares: ArrayLike) -> Floats:
    """Dirichlet prior k theta0, k = (1 - min theta0) / (.01 min theta0): 100 at .5, 9900 at .01."""
    theta = np.asarray(shares, np.float64)
    smallest = theta.min()
    scaled: Floats = theta * ((1.0 - smallest) / (PRECISION * smallest))
    return scaled


class SampleRatioSums:
    """Counts of assignment units per group of applied weights; E is the product over groups.

    Arms without weight are left out, and a group with a single arm left says nothing.

    >>> sums = SampleRatioSums.zeros()
    >>> sums.fold([9_500, 500], [9_000, 900])
    >>> bool(sums.log_e() > -np.log(0.001))
    True
    """

    __slots__ = ("groups", "shape")

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """Nothing counted yet, for `shape` independent streams."""
        self.shape = shape
        self.groups: dict[tuple[int, ...], Ints] = {}

    @classmethod
    def zeros(cls, shape: tuple[int, ...] = ()) -> Self:
        """Nothing counted yet, for `shape` independent streams."""
        return cls(shape)

    def fold(self, weights_bp: Sequence[int], counts: ArrayLike) -> None:
        """Add counts, ints [..., arms], of a time in which `weights_bp` were applied."""
        key = tuple(int(weight) for weight in weights_bp)
        zeros: Ints = np.zeros((*self.shape, len(key)), np.int64)
        self.groups.setdefault(key, zeros)[...] += np.asarray(counts, np.int64)

    def merge(self, other: Self) -> None:
        """Add another state."""
        for key, counts in other.groups.items():
            self.fold(key, counts)

    def log_e(self) -> Floats:
        """Log e-value against "every group splits as its weights say", leading shape."""
        total: Floats = np.zeros(self.shape)
        for key in sorted(self.groups):
            total = total + _group_log_e(key, self.groups[key])
        return total

    def to_state(self) -> list[dict[str, Any]]:
        """JSON: one entry per group of weights, ascending."""
        return [
            {"weights_bp": list(key), "counts": self.groups[key].tolist()}
            for key in sorted(self.groups)
        ]

    @classmethod
    def from_state(cls, state: Sequence[Mapping[str, Any]], shape: tuple[int, ...] = ()) -> Self:
        """Read what `to_state` wrote."""
        sums = cls(shape)
        for entry in state:
            sums.fold(entry["weights_bp"], entry["counts"])
        return sums


def _group_log_e(weights_bp: tuple[int, ...], counts: Ints) -> Floats:
    weights = np.array(weights_bp, np.float64)
    live = weights > 0
    if live.sum() < 2:  # noqa: PLR2004 - one arm cannot be out of proportion
        return np.zeros(counts.shape[:-1])
    shares = weights[live] / weights[live].sum()
    return sample_ratio_log_bayes_factor(counts[..., live], shares, sample_ratio_prior(shares))
