"""Is an event rarer or more frequent with the candidate? The rate-ratio grid e-process.

Per stratum the arm of an event is Bernoulli with the realised share of exposures, so common
shocks and ramps cancel. One set of sums F(theta) serves harm, non-inferiority and the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import FixedSum, Floats, Ints, log_sum_exp, rows_of
from streams.evidence.grids import Grid, PerStream, harm_grid, non_inferiority_grid

DISPLAY_REACH = 64
"""Steps of the display lattice on each side of 1 + margin."""
DISPLAY_BETS = np.array([2, 4, 8, 16, 24])
"""Alternatives of the interval, in steps of the lattice."""
COUNTS = ("n_b", "n_c", "x_b", "x_c")
CROSSED = ("x_c (1 - share)", "x_b share")
"""Mantel and Haenszel's numerator and denominator."""


@dataclass(frozen=True)
class RatioTest:
    """What is asked of RR = candidate's rate / baseline's rate; tolerated is RR <= 1 + margin.

    One margin for all streams, or a tuple with one for each place of their last axis: arrays over
    alternatives then have that axis too. `resolution` is the step of log RR of the interval's
    lattice (1 + margin times e^-3.2 to e^3.2); None leaves the interval out, which is cheaper.
    """

    margin: PerStream
    resolution: float | None = 0.05

    def __post_init__(self) -> None:
        if not np.all(np.asarray(self.margin) > -1.0):
            raise ValueError(f"margin must be above -1 (a relative change), got {self.margin}")

    @cached_property
    def harm(self) -> Grid:
        """Alternatives to RR <= 1 + margin."""
        return harm_grid()

    @cached_property
    def safe(self) -> Grid:
        """Alternatives to RR >= 1 + margin."""
        return non_inferiority_grid(self.margin)

    @cached_property
    def tolerated(self) -> Floats:
        """1 + margin, the ratio that is just tolerated."""
        return 1.0 + np.asarray(self.margin, np.float64)

    @cached_property
    def log_theta(self) -> Floats:
        """Where F is kept: the anchor 1 + margin, the harm grid, the safe grid, the lattice.

        float64[..., points].
        """
        steps: Floats = np.zeros(0)
        if self.resolution is not None:
            reach = DISPLAY_REACH + int(DISPLAY_BETS[-1])
            steps = self.resolution * np.arange(-reach, reach + 1, dtype=np.float64)
        anchor = np.log1p(np.asarray(self.margin, np.float64))[..., None]
        parts = (np.zeros(1), self.harm.log_psi, self.safe.log_psi, steps)
        wide = [np.broadcast_to(part, (*anchor.shape[:-1], part.shape[-1])) for part in parts]
        log_theta: Floats = np.concatenate(wide, axis=-1) + anchor
        return log_theta

    @cached_property
    def theta(self) -> Floats:
        """exp(log_theta)."""
        return np.exp(self.log_theta)

    @cached_property
    def theta_less_one(self) -> Floats:
        """Theta - 1."""
        return self.theta - 1.0

    @property
    def harm_slice(self) -> slice:
        """Where the harm grid stands in `theta`."""
        return slice(1, 1 + self.harm.log_psi.shape[-1])

    @property
    def safe_slice(self) -> slice:
        """Where the safe grid stands in `theta`."""
        start = self.harm_slice.stop
        return slice(start, start + self.safe.log_psi.shape[-1])


def used_counts(
    given: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike],
    shape: tuple[int, ...],
    mask: ArrayLike,
) -> Ints:
    """Exposures n_b, n_c and events x_b, x_c, int64[4, *shape]; 0 where an arm is empty."""
    counts: Ints = np.empty((len(COUNTS), *shape), np.int64)
    for place, count in enumerate(given):
        counts[place] = count
    counts *= (counts[0] > 0) & (counts[1] > 0) & np.asarray(mask, np.bool_)
    return counts


class RatioSums:
    """The evidence of closed strata on a rate ratio; order-free, mergeable byte for byte.

    Counts are int64 of the leading shape: exposures n_b, n_c and events x_b, x_c of the strata
    in which both arms had exposures (others carry no information and are left out).

    >>> sums = RatioSums.zeros(RatioTest(margin=0.0))
    >>> sums.fold(25, 25, 0, 12)
    >>> round(float(sums.log_e_harm()), 3), float(sums.estimate())
    (6.134, inf)
    """

    __slots__ = ("counts", "log_f", "test")

    def __init__(self, test: RatioTest, shape: tuple[int, ...] = ()) -> None:
        """No strata yet, for `shape` independent streams."""
        self.test = test
        self.counts: Ints = np.zeros((len(COUNTS), *shape), np.int64)
        # F at every theta, then the two crossed sums.
        self.log_f = FixedSum((*shape, test.theta.shape[-1] + len(CROSSED)))

    @classmethod
    def zeros(cls, test: RatioTest, shape: tuple[int, ...] = ()) -> Self:
        """No strata yet, for `shape` independent streams."""
        return cls(test, shape)

    def fold(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        x_b: ArrayLike,
        x_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add one closed stratum: exposures and events per arm, ints of the leading shape.

        `mask` tells which streams have closed a stratum; the others stay as they are.
        """
        counts = self.count(n_b, n_c, x_b, x_c, mask)
        rows = np.flatnonzero(counts[2] + counts[3])
        if rows.size:
            self._fold_events(rows, *counts.reshape(len(COUNTS), -1)[:, rows])

    def count(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        x_b: ArrayLike,
        x_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> Ints:
        """Count a closed stratum and no more; int64[4, ...], zeros where it was not used."""
        counts = used_counts((n_b, n_c, x_b, x_c), self.n_b.shape, mask)
        self.counts += counts
        return counts

    def _fold_events(self, rows: Ints, n_b: Ints, n_c: Ints, x_b: Ints, x_c: Ints) -> None:
        share: Floats = n_c / (n_b + n_c)
        theta_less_one = rows_of(self.test.theta_less_one, self.n_b.shape, rows)
        terms: Floats = np.empty((rows.size, theta_less_one.shape[-1] + len(CROSSED)))
        np.log1p(share[:, None] * theta_less_one, out=terms[:, :-2])
        terms[:, :-2] *= (x_b + x_c)[:, None]
        terms[:, -2], terms[:, -1] = x_c * (1.0 - share), x_b * share
        self.log_f.flat(terms.shape[1]).add(terms, rows)

    @property
    def n_b(self) -> Ints:
        """Exposures of the baseline."""
        n_b: Ints = self.counts[0]
        return n_b

    @property
    def n_c(self) -> Ints:
        """Exposures of the candidate."""
        n_c: Ints = self.counts[1]
        return n_c

    @property
    def x_b(self) -> Ints:
        """Events of the baseline."""
        x_b: Ints = self.counts[2]
        return x_b

    @property
    def x_c(self) -> Ints:
        """Events of the candidate."""
        x_c: Ints = self.counts[3]
        return x_c

    def merge(self, other: Self) -> None:
        """Add the strata of another state of the same test; the same bytes in any order."""
        self.counts += other.counts
        self.log_f.merge(other.log_f)

    def log_e_harm(self) -> Floats:
        """Log e-value against RR <= 1 + margin (F(theta) on the harm grid)."""
        return self._log_e(self.test.harm, self.test.harm_slice)

    def log_e_safe(self) -> Floats:
        """Log e-value against RR >= 1 + margin: non-inferiority, what promotion needs."""
        return self._log_e(self.test.safe, self.test.safe_slice)

    def _log_e(self, grid: Grid, where: slice) -> Floats:
        log_ratio = self.x_c[..., None] * grid.log_psi - self.log_f.between(where, 0)
        return log_sum_exp(grid.log_weight + log_ratio)

    def estimate(self) -> Floats:
        """Mantel-Haenszel rate ratio; inf without baseline events, NaN without any events.

        Source: Mantel and Haenszel 1959, the form for risk ratios (Greenland and Robins 1985).
        """
        above, below = np.moveaxis(self.log_f.value()[..., -2:], -1, 0)
        ratio: Floats = np.array(np.where(self.x_c > 0, np.inf, np.nan))
        np.divide(above, below, out=ratio, where=below > 0)
        return ratio

    def interval(self, alpha: float, phi: ArrayLike = 1.0) -> tuple[Floats, Floats]:
        """Any-time 1 - alpha interval of RR, alpha/2 a side, mapped outward to the lattice.

        `phi` >= 1, of the leading shape or one for all, tempers it (`overdispersion`).

        Low is the largest lattice ratio that is rejected as "RR <= it" (0 if none), high the
        smallest rejected as "RR >= it" (inf if none). ValueError if the test has no lattice.
        """
        first = self.test.safe_slice.stop + int(DISPLAY_BETS[-1])
        if self.test.resolution is None:
            raise ValueError("this RatioTest keeps no lattice: give it a resolution")
        points = slice(first, first + 2 * DISPLAY_REACH + 1)
        ratios = self.test.theta[..., points]
        limit = np.log(2.0 / alpha)
        divisor = np.asarray(phi, np.float64)[..., None, None]
        too_low = self._lattice_log_e(points, 1, divisor) >= limit
        too_high = self._lattice_log_e(points, -1, divisor) >= limit
        low: Floats = np.where(too_low, ratios, 0.0).max(axis=-1)
        high: Floats = np.where(too_high, ratios, np.inf).min(axis=-1)
        return low, high

    def _lattice_log_e(self, points: slice, sign: int, phi: Floats) -> Floats:
        """Log e-value against each lattice ratio, [..., points], bets on one side."""
        bets = sign * DISPLAY_BETS
        log_psi = bets * (self.test.resolution or 0.0)
        log_f = self.log_f.moved(points, bets.tolist())
        log_ratio = self.x_c[..., None, None] * log_psi - log_f
        log_weight: Floats = np.full(bets.size, -np.log(bets.size))
        return log_sum_exp(log_weight + log_ratio / phi)

    def to_state(self) -> dict[str, Any]:
        """JSON: counts and sums as (nested lists of) integers."""
        state = dict(zip(COUNTS, self.counts.tolist(), strict=True))
        return state | {"f": self.log_f.to_state()}

    @classmethod
    def from_state(cls, test: RatioTest, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote for the same test."""
        sums = cls(test, np.shape(state["n_b"]))
        sums.counts[...] = [state[name] for name in COUNTS]
        sums.log_f = FixedSum.from_state(state["f"])
        return sums
