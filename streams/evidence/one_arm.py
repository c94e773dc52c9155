"""Does the candidate break an absolute limit? A grid e-process of one arm's rate.

The bet psi is an odds ratio: p1 = psi f / (1 - f + psi f), so log E = X log psi - N log(1 - f +
psi f), and the state is two integers. Used for success floors and floors of relative rules.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Floats, Ints, log_sum_exp
from streams.evidence.grids import Grid, PerStream, harm_grid, weighted
from streams.evidence.roots import turning_point


def improvement_grid() -> Grid:
    """12 equally weighted odds ratios below 1, |log psi| geometric in [.1, 3]."""
    return weighted(-np.geomspace(0.1, 3.0, 12), np.zeros(12))


INTERVAL_BELOW = improvement_grid()
INTERVAL_ABOVE = weighted(-INTERVAL_BELOW.log_psi, INTERVAL_BELOW.log_weight)


@functools.cache
def _both_sides(streams: int) -> Grid:
    """Bets above, then below, before so many axes of streams: both ends are searched at once."""
    above, below = INTERVAL_ABOVE, INTERVAL_BELOW
    log_psi = np.stack([above.log_psi, below.log_psi])
    log_weight = np.stack([above.log_weight, below.log_weight])
    wide = (2, *(1,) * streams, log_psi.shape[-1])
    return Grid(log_psi.reshape(wide), log_weight.reshape(wide))


def bernoulli_log_e(events: Ints, exposures: Ints, limit: ArrayLike, grid: Grid) -> Floats:
    """Log mixture likelihood ratio of Bernoulli counts against rate `limit`.

    events, exposures, limit broadcast to the leading shape; 0 < limit < 1. With psi > 1 it is an
    e-process for every rate <= limit, with psi < 1 for every rate >= limit.
    """
    log_mean = np.log1p(np.asarray(limit, np.float64)[..., None] * grid.psi_less_one)
    log_ratio = events[..., None] * grid.log_psi - exposures[..., None] * log_mean
    return log_sum_exp(grid.log_weight + log_ratio)


@dataclass(frozen=True)
class OneArmTest:
    """Harm is a rate of bad events above `limit` (a success floor of .995 is limit .005).

    One limit for all streams, or a tuple with one for each place of their last axis.
    """

    limit: PerStream

    def __post_init__(self) -> None:
        limit = np.asarray(self.limit)
        if not np.all((limit > 0.0) & (limit < 1.0)):
            raise ValueError(f"limit must be a rate between 0 and 1, got {self.limit}")

    @cached_property
    def harm(self) -> Grid:
        """Alternatives to p <= limit."""
        return harm_grid()

    @cached_property
    def safe(self) -> Grid:
        """Alternatives to p >= limit."""
        return improvement_grid()


class OneArmSums:
    """Exposures n and events x of one arm, int64 of the leading shape; order-free, mergeable.

    >>> sums = OneArmSums.zeros(OneArmTest(limit=0.005))
    >>> sums.fold(400, 20)
    >>> round(float(sums.log_e_harm()), 2), float(sums.estimate())
    (26.38, 0.05)
    """

    __slots__ = ("n", "test", "x")

    def __init__(self, test: OneArmTest, shape: tuple[int, ...] = ()) -> None:
        """Nothing seen yet, for `shape` independent streams."""
        self.test = test
        self.n: Ints = np.zeros(shape, np.int64)
        self.x: Ints = np.zeros(shape, np.int64)

    @classmethod
    def zeros(cls, test: OneArmTest, shape: tuple[int, ...] = ()) -> Self:
        """Nothing seen yet, for `shape` independent streams."""
        return cls(test, shape)

    def fold(
        self,
        n: ArrayLike,
        x: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add exposures and events; any grouping of panes gives the same state."""
        self.n[...] += np.where(mask, np.asarray(n, np.int64), 0)
        self.x[...] += np.where(mask, np.asarray(x, np.int64), 0)

    def merge(self, other: Self) -> None:
        """Add another state of the same test."""
        self.n += other.n
        self.x += other.x

    def log_e_harm(self) -> Floats:
        """Log e-value against p <= limit."""
        return bernoulli_log_e(self.x, self.n, self.test.limit, self.test.harm)

    def log_e_safe(self) -> Floats:
        """Log e-value against p >= limit."""
        return bernoulli_log_e(self.x, self.n, self.test.limit, self.test.safe)

    def estimate(self) -> Floats:
        """Share of bad events, x / n; NaN while nothing was seen."""
        share: Floats = np.full(self.n.shape, np.nan)
        np.divide(self.x, self.n, out=share, where=self.n > 0)
        return share

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Any-time 1 - alpha interval of the rate, alpha/2 a side, by inverting both tests."""
        limit = np.log(2.0 / alpha)
        x, n = self.x[..., None], self.n[..., None]
        sides = _both_sides(self.n.ndim + 1)

        def holds(p: Floats) -> Bools:
            found = bernoulli_log_e(x, n, p, sides)
            return np.stack([found[0] >= limit, found[1] < limit])

        shape = (2, *self.n.shape)
        bottom, top = turning_point(holds, np.zeros(shape), np.ones(shape))
        return bottom[0], top[1]

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        return {"n": self.n.tolist(), "x": self.x.tolist()}

    @classmethod
    def from_state(cls, test: OneArmTest, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote for the same test."""
        sums = cls(test, np.shape(state["n"]))
        sums.n[...], sums.x[...] = state["n"], state["x"]
        return sums
