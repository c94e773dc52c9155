"""Does one of two answers to the same request fail more often? McNemar's test, looked at for ever.

Of pairs count those in which only the candidate failed (c), only the baseline (b), and both (a).
The candidate's rate is at most R times the baseline's, R = 1 + margin, exactly if the mean of g is
at most 0, where g = 1 in c, -R in b, 1 - R in a, and 0 where both answered.
"""

# Why it is one: under that null a bet l on g, 0 < l < 1/R, multiplies by 1 + l g >= 0, whose
# expectation given the past is 1 + l E[g] <= 1; pairs without a failure multiply by 1. So
# log E_l = c log(1 + l) + b log(1 - l R) + a log(1 - l (R - 1)) belongs to an e-process whatever
# the rates do over time and however the two answers depend on each other, as long as every
# pair's rates keep the null; a mixture over l too. At R = 1 the pairs with two failures drop out
# and it is the likelihood ratio of b against c: McNemar's test. With -g, 0 < l < 1, it speaks
# against a rate of at least R times the baseline's. Both are monotone in R: inverted, an interval.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats, Ints, log_sum_exp
from streams.evidence.grids import Grid, PerStream, weighted
from streams.evidence.roots import turning_point

LARGEST_LOG_RATIO = 8.0


def bet_grid() -> Grid:
    """20 bets as shares of the largest, geometric in [.01, .95], weights prop. to their root.

    The large ones find a candidate that fails alone after a dozen failures, the small ones serve
    margins; more weight on the large, which small samples need.
    """
    log_bet = np.linspace(np.log(0.01), np.log(0.95), 20)
    return weighted(log_bet, 0.5 * log_bet)


BETS = bet_grid()


def paired_log_factor(
    tolerated: ArrayLike, only_c: ArrayLike, only_b: ArrayLike, both: ArrayLike
) -> Floats:
    """Log factors against "the candidate's rate is at most `tolerated` the baseline's".

    Counts of pairs and the ratio > 0, of shapes that broadcast; returns [..., bets].
    """
    ratio, bet = np.asarray(tolerated, np.float64)[..., None], BETS.psi
    c, b, a = (np.asarray(count, np.float64)[..., None] for count in (only_c, only_b, both))
    shared = np.log1p(-bet * (1.0 - 1.0 / ratio))
    factor: Floats = c * np.log1p(bet / ratio) + b * np.log1p(-bet) + a * shared
    return factor


def paired_safe_log_factor(
    tolerated: ArrayLike, only_c: ArrayLike, only_b: ArrayLike, both: ArrayLike
) -> Floats:
    """As `paired_log_factor`, against "the rate is at least `tolerated` the baseline's"."""
    ratio, bet = np.asarray(tolerated, np.float64)[..., None], BETS.psi
    c, b, a = (np.asarray(count, np.float64)[..., None] for count in (only_c, only_b, both))
    shared = np.log1p(bet * (ratio - 1.0))
    factor: Floats = c * np.log1p(-bet) + b * np.log1p(bet * ratio) + a * shared
    return factor


@dataclass(frozen=True)
class PairedTest:
    """Harm is a rate of more than (1 + margin) the baseline's.

    One margin for all streams, or a tuple with one for each place of their last axis.
    """

    margin: PerStream

    def __post_init__(self) -> None:
        if not np.all(np.asarray(self.margin) > -1.0):
            raise ValueError(f"a relative margin must be above -1, got {self.margin}")

    @cached_property
    def tolerated(self) -> Floats:
        """The largest ratio that is no harm."""
        return 1.0 + np.asarray(self.margin, np.float64)


class PairedSums:
    """Pairs n, failures of one answer alone and of both, int64 of the leading shape; order-free.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions
    or percentages" (1947); betting: Waudby-Smith and Ramdas (2024).

    >>> sums = PairedSums.zeros(PairedTest(margin=0.0))
    >>> sums.fold(1_000, only_c=30, only_b=5, both=200)
    >>> bool(sums.log_e_harm() > np.log(100)), round(float(sums.estimate()), 3)
    (True, 1.122)
    """

    __slots__ = ("both", "n", "only_b", "only_c", "test")

    def __init__(self, test: PairedTest, shape: tuple[int, ...] = ()) -> None:
        """No pairs yet, for `shape` independent streams."""
        self.test = test
        self.n: Ints = np.zeros(shape, np.int64)
        self.only_c, self.only_b, self.both = (np.zeros(shape, np.int64) for _ in "cba")

    @classmethod
    def zeros(cls, test: PairedTest, shape: tuple[int, ...] = ()) -> Self:
        """No pairs yet, for `shape` independent streams."""
        return cls(test, shape)

    def fold(
        self,
        n: ArrayLike,
        only_c: ArrayLike,
        only_b: ArrayLike,
        both: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add pairs, and those with a failure; any grouping gives the same state."""
        told = (self.n, n), (self.only_c, only_c), (self.only_b, only_b), (self.both, both)
        for sums, counts in told:
            sums[...] += np.where(mask, np.asarray(counts, np.int64), 0)

    def log_e_harm(self) -> Floats:
        """Log e-value against a ratio of at most 1 + margin."""
        return log_sum_exp(BETS.log_weight + paired_log_factor(self.test.tolerated, *self._counts))

    def log_e_safe(self) -> Floats:
        """Log e-value against a ratio of at least 1 + margin: non-inferiority."""
        factor = paired_safe_log_factor(self.test.tolerated, *self._counts)
        return log_sum_exp(BETS.log_weight + factor)

    @property
    def _counts(self) -> tuple[Ints, Ints, Ints]:
        return self.only_c, self.only_b, self.both

    def estimate(self) -> Floats:
        """Ratio of the rates of failure, candidate's over baseline's; NaN without any of its."""
        failed_c, failed_b = self.only_c + self.both, self.only_b + self.both
        ratio: Floats = np.full(self.n.shape, np.nan)
        np.divide(failed_c, failed_b, out=ratio, where=failed_b > 0)
        return ratio

    def interval(self, alpha: float) -> tuple[Floats, Floats]:
        """Any-time 1 - alpha interval of the ratio, alpha/2 a side; 0 and inf are no bounds."""
        limit = np.log(2.0 / alpha)
        counts = tuple(count[..., None] for count in self._counts)
        first, last = np.full(self.n.shape, -LARGEST_LOG_RATIO), LARGEST_LOG_RATIO

        def above(at: Floats) -> Floats:
            return log_sum_exp(BETS.log_weight + paired_log_factor(np.exp(at), *counts))

        def below(at: Floats) -> Floats:
            return log_sum_exp(BETS.log_weight + paired_safe_log_factor(np.exp(at), *counts))

        low, _ = turning_point(lambda at: above(at) >= limit, first, last)
        high, _ = turning_point(lambda at: below(-at) >= limit, first, last)
        lows = np.where(low > first, np.exp(low), 0.0)
        return lows, np.where(high > first, np.exp(-high), np.inf)

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        return {name: getattr(self, name).tolist() for name in ("n", "only_c", "only_b", "both")}

    @classmethod
    def from_state(cls, test: PairedTest, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote for the same test."""
        sums = cls(test, np.shape(state["n"]))
        sums.fold(state["n"], state["only_c"], state["only_b"], state["both"])
        return sums
