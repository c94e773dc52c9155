"""Which alternatives does an e-process bet on? Points psi with weights that sum to one."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats

PerStream = float | tuple[float, ...]
"""A parameter of a test: one for all streams, or one for each place of their last axis."""

NO_MARGIN_SPAN = (0.08, 1.6)
"""|log psi| of the non-inferiority grid at margin 0: ratios from .92 down to .20."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Points of a mixture: log psi and log weight, float64[..., points].

    Leading axes, where there are any, are those of the streams that each have points of their own.
    """

    log_psi: Floats
    log_weight: Floats

    @functools.cached_property
    def psi(self) -> Floats:
        """The points themselves."""
        return np.exp(self.log_psi)

    @functools.cached_property
    def psi_less_one(self) -> Floats:
        """Psi - 1, without cancellation."""
        return np.expm1(self.log_psi)


def weighted(log_psi: Floats, log_weight: Floats) -> Grid:
    """A grid whose weights are normalised to sum to one."""
    return Grid(log_psi, log_weight - np.log(np.exp(log_weight).sum()))


def harm_grid() -> Grid:
    """20 log-spaced psi in [1.2, 20], weights proportional to psi^-1/2."""
    log_psi = np.linspace(np.log(1.2), np.log(20.0), 20)
    return weighted(log_psi, -0.5 * log_psi)


def non_inferiority_grid(margin: ArrayLike) -> Grid:
    """12 equally weighted psi < 1, |log psi| geometric in [.4, 4] |log(1 + margin)|, [..., 12].

    At margin 0 there is no scale to go by; there |log psi| is geometric in [.08, 1.6].
    """
    scale = np.abs(np.log1p(np.asarray(margin, np.float64)))
    low = np.where(scale > 0, 0.4 * scale, NO_MARGIN_SPAN[0])
    high = np.where(scale > 0, 4.0 * scale, NO_MARGIN_SPAN[1])
    return weighted(-np.geomspace(low, high, 12, axis=-1), np.zeros(12))


@functools.cache
def two_sided_grid() -> Grid:
    """14 equally weighted psi on both sides of 1, |log psi| geometric in [.1, 3]."""
    steps = np.geomspace(0.1, 3.0, 7)
    return weighted(np.concatenate([-steps[::-1], steps]), np.zeros(14))
