"""What does harm look like that may begin late? Late-onset mixtures of the rate tests."""

from __future__ import annotations

from typing import Any

from streams.evidence.one_arm import OneArmTest
from streams.evidence.onset import LateOnset, one_arm_log_factor, rate_ratio_log_factor
from streams.evidence.rates import RatioSums
from streams.evidence.two_sample import TwoSampleSums


class LateRatio:
    """Harm of a rate ratio, by the factors of whichever form the sums have."""

    def __init__(self, sums: RatioSums | TwoSampleSums) -> None:
        ratio = sums.test if isinstance(sums, RatioSums) else sums.test.ratio
        self._test, self._onset = ratio, LateOnset.zeros(ratio.harm)

    def fold(self, sums: RatioSums | TwoSampleSums, counts: list[list[int]], block: int) -> None:
        """A closed stratum ((n_b, x_b), (n_c, x_c)) that `sums` has not folded yet."""
        (n_b, x_b), (n_c, x_c) = counts
        if isinstance(sums, TwoSampleSums):
            factor = sums.log_factor(n_b, n_c, x_b, x_c)[..., : self._test.harm.log_psi.size]
        else:
            factor = rate_ratio_log_factor(self._test, n_b, n_c, x_b, x_c)
        self._onset.fold(factor, block)

    def log_e_harm(self) -> float:
        """Against "at no time above the margin"."""
        return float(self._onset.log_e_harm())

    def to_state(self) -> Any:
        """JSON values."""
        return self._onset.to_state()

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._onset = LateOnset.from_state(self._test.harm, state)


class LateLimit:
    """Harm of one arm's rate against an absolute limit."""

    def __init__(self, limit: float) -> None:
        self._test = OneArmTest(limit)
        self._onset = LateOnset.zeros(self._test.harm)

    def fold(self, n: int, x: int, block: int) -> None:
        """A closed stratum: exposures and events."""
        self._onset.fold(one_arm_log_factor(self._test, n, x), block)

    def log_e_harm(self) -> float:
        """Against "at no time above the limit"."""
        return float(self._onset.log_e_harm())

    def to_state(self) -> Any:
        """JSON values."""
        return self._onset.to_state()

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._onset = LateOnset.from_state(self._test.harm, state)
