"""Is a frequent event (above 5 %) rarer or more frequent? The two-sample grid e-process.

Like `rates`, but it also bets on the requests without an event, which at p = .5 saves more than
half of the data. The bet of a stratum rests on the rate of earlier strata, so order matters.
Source: Turner, Ly and Grünwald, "Generic e-variables for exact sequential k-sample tests" (2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import FixedSum, Floats, Ints, log_sum_exp, rows_of
from streams.evidence.grids import PerStream
from streams.evidence.overdispersion import tempered
from streams.evidence.rates import RatioSums, RatioTest, used_counts

START_EXPOSURES = 20
"""How many exposures the guess before any data is worth."""
EXTREME = 1e-6
"""Rates are bet on only within [1e-6, 1 - 1e-6]."""


@dataclass(frozen=True)
class TwoSampleTest:
    """RR <= 1 + margin is tolerated, as in `RatioTest`; `start_rate` guesses the rate at first.

    Either may be a tuple with one for each place of the streams' last axis.
    """

    margin: PerStream
    start_rate: PerStream = 0.1
    resolution: float | None = 0.05

    @cached_property
    def ratio(self) -> RatioTest:
        """Counts, estimate and interval come from the conditional form."""
        return RatioTest(self.margin, self.resolution)

    @cached_property
    def psi(self) -> Floats:
        """Alternatives of harm, then of safety, as multiples of 1 + margin; [..., bets]."""
        safe = self.ratio.safe.psi
        harm = np.broadcast_to(self.ratio.harm.psi, (*safe.shape[:-1], self.harm_bets))
        return np.concatenate([harm, safe], axis=-1)

    @property
    def harm_bets(self) -> int:
        """How many of the bets are on harm; they come first."""
        return self.ratio.harm.log_psi.size


def null_rate(n_b: Ints, n_c: Ints, p_b: Floats, p_c: Floats, ratio: float | Floats) -> Floats:
    """Baseline rate p0 that makes (p0, ratio p0) the nearest null to the bet (p_b, p_c).

    Smaller root of n_c (p_c - R p)(1 - p) + n_b (p_b - p)(1 - R p) = 0; arguments broadcast.
    """
    square = ratio * (n_b + n_c)
    linear = n_c * (p_c + ratio) + n_b * (1.0 + ratio * p_b)
    constant = n_c * p_c + n_b * p_b
    root = np.sqrt(np.maximum(linear * linear - 4.0 * square * constant, 0.0))
    smaller: Floats = 2.0 * constant / (linear + root)
    return smaller


def two_sample_log_factor(
    counts: tuple[Ints, Ints, Ints, Ints], rate: Floats, ratio: float | Floats, psi: Floats
) -> Floats:
    """Log e-value of one stratum for each bet psi, [rows, bets].

    counts = (n_b, n_c, x_b, x_c), each int64[rows], n > 0; rate float64[rows] in (0, 1) is the
    pooled rate expected beforehand: any value is valid, a near one is sharp. The null is
    RR <= ratio for psi > 1, RR >= ratio for psi < 1; ratio is one number or [rows, 1], psi is
    [bets] or [rows, bets].
    """
    n_b, n_c, x_b, x_c = (count[:, None] for count in counts)
    share = n_c / (n_b + n_c)
    low = rate[:, None] / (share * ratio * psi + 1.0 - share)
    p_b = np.clip(low, EXTREME, 1.0 - EXTREME)
    p_c = np.clip(ratio * psi * low, EXTREME, 1.0 - EXTREME)
    p_0 = null_rate(n_b, n_c, p_b, p_c, ratio)
    q_0 = ratio * p_0
    log_factor = x_c * np.log(p_c / q_0) + (n_c - x_c) * np.log((1.0 - p_c) / (1.0 - q_0))
    log_factor += x_b * np.log(p_b / p_0) + (n_b - x_b) * np.log((1.0 - p_b) / (1.0 - p_0))
    sided = (p_c > ratio * p_b) == (psi > 1.0)
    return np.where(sided & (p_c != ratio * p_b), log_factor, 0.0)


class TwoSampleSums:
    """Evidence on the ratio of frequent events; same surface as `RatioSums`, but fold in order.

    >>> sums = TwoSampleSums.zeros(TwoSampleTest(margin=0.0, start_rate=0.5))
    >>> for _ in range(20):
    ...     sums.fold(25, 25, 12, 19)
    >>> bool(sums.log_e_harm() > np.log(100)), round(float(sums.estimate()), 2)
    (True, 1.58)
    """

    __slots__ = ("log_bets", "ratio", "test")

    def __init__(self, test: TwoSampleTest, shape: tuple[int, ...] = ()) -> None:
        """No strata yet, for `shape` independent streams."""
        self.test = test
        self.ratio = RatioSums.zeros(test.ratio, shape)
        self.log_bets = FixedSum((*shape, test.psi.shape[-1]))

    @classmethod
    def zeros(cls, test: TwoSampleTest, shape: tuple[int, ...] = ()) -> Self:
        """No strata yet, for `shape` independent streams."""
        return cls(test, shape)

    @property
    def n_b(self) -> Ints:
        """Exposures of the baseline."""
        return self.ratio.n_b

    @property
    def n_c(self) -> Ints:
        """Exposures of the candidate."""
        return self.ratio.n_c

    @property
    def x_b(self) -> Ints:
        """Events of the baseline."""
        return self.ratio.x_b

    @property
    def x_c(self) -> Ints:
        """Events of the candidate."""
        return self.ratio.x_c

    def fold(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        x_b: ArrayLike,
        x_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add one closed stratum; the bet rests on what was folded before."""
        self.fold_factor(self.log_factor(n_b, n_c, x_b, x_c, mask), n_b, n_c, x_b, x_c, mask)

    def fold_factor(
        self,
        log_factor: Floats,
        n_b: ArrayLike,
        n_c: ArrayLike,
        x_b: ArrayLike,
        x_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """The same, where the stratum's `log_factor` is known already."""
        self.log_bets.add(log_factor)
        if self.test.resolution is None:
            self.ratio.count(n_b, n_c, x_b, x_c, mask)
        else:
            self.ratio.fold(n_b, n_c, x_b, x_c, mask)

    def log_factor(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        x_b: ArrayLike,
        x_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> Floats:
        """What a closed stratum is about to add per bet, [..., bets]; 0 if an arm is empty."""
        shape, bets = self.n_b.shape, self.log_bets.low.shape[-1]
        counts = used_counts((n_b, n_c, x_b, x_c), shape, mask)
        rows = np.flatnonzero(counts[0])
        factors: Floats = np.zeros((*shape, bets))
        if rows.size:
            b, c, events_b, events_c = counts.reshape(len(counts), -1)[:, rows]
            rate = self._expected_rate().ravel()[rows]
            ratio = rows_of(self.test.ratio.tolerated[..., None], shape, rows)
            psi = rows_of(self.test.psi, shape, rows)
            factor = two_sample_log_factor((b, c, events_b, events_c), rate, ratio, psi)
            factors.reshape(-1, bets)[rows] = factor
        return factors

    def _expected_rate(self) -> Floats:
        """Pooled rate of the strata so far, leaning on the test's first guess."""
        events = self.x_b + self.x_c + START_EXPOSURES * np.asarray(self.test.start_rate)
        rate: Floats = events / (self.n_b + self.n_c + START_EXPOSURES)
        return np.clip(rate, EXTREME, 1.0 - EXTREME)

    def log_e_harm(self) -> Floats:
        """Log e-value against RR <= 1 + margin."""
        bets = self.log_bets.value()[..., : self.test.harm_bets]
        return log_sum_exp(self.test.ratio.harm.log_weight + bets)

    def log_e_safe(self, phi: ArrayLike = 1.0) -> Floats:
        """Log e-value against RR >= 1 + margin; `phi` >= 1 tempers it (`overdispersion`)."""
        bets = self.log_bets.value()[..., self.test.harm_bets :]
        return log_sum_exp(self.test.ratio.safe.log_weight + tempered(bets, phi))

    def estimate(self) -> Floats:
        """Mantel-Haenszel rate ratio, as `RatioSums.estimate`."""
        return self.ratio.estimate()

    def interval(self, alpha: float, phi: ArrayLike = 1.0) -> tuple[Floats, Floats]:
        """Any-time interval of RR by the conditional form: valid, wider than the test is sharp."""
        return self.ratio.interval(alpha, phi)

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        return {"ratio": self.ratio.to_state(), "bets": self.log_bets.to_state()}

    @classmethod
    def from_state(cls, test: TwoSampleTest, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote for the same test."""
        ratio = RatioSums.from_state(test.ratio, state["ratio"])
        sums = cls(test, ratio.n_b.shape)
        sums.ratio, sums.log_bets = ratio, FixedSum.from_state(state["bets"])
        return sums
