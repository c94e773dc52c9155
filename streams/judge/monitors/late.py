"""What does harm look like that may begin late? Late-onset mixtures of the rate tests.

Vectorised over streams, so that the planner and the proofs ask the very code that judges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats
from streams.evidence.grids import PerStream
from streams.evidence.one_arm import OneArmTest
from streams.evidence.onset import LateOnset, one_arm_log_factor, rate_ratio_log_factor
from streams.evidence.rates import RatioSums
from streams.evidence.two_sample import TwoSampleSums

EARLY = 0.8
"""Prior mass of harm from the very start, beside what the mixture has there: most harm of a new
version shows at once, and finding it must not wait for harm that may come late."""


class LateRatio:
    """Harm of a rate ratio, by the factors of whichever form the sums have."""

    def __init__(self, sums: RatioSums | TwoSampleSums) -> None:
        self._sums = sums
        self._test = sums.test if isinstance(sums, RatioSums) else sums.test.ratio
        self._onset = LateOnset.zeros(self._test.harm, sums.n_b.shape, early=EARLY)

    def fold(
        self,
        n_b: ArrayLike,
        n_c: ArrayLike,
        x_b: ArrayLike,
        x_c: ArrayLike,
        block: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
        *,
        phi: ArrayLike = 1.0,
    ) -> None:
        """Add a closed stratum and its start block, tempered by `phi` >= 1 (NaN: not known yet).

        The sums take it too, here, because a bet must rest on what was before; where phi is not
        known they alone do.
        """
        counts = (n_b, n_c, x_b, x_c)
        if isinstance(self._sums, TwoSampleSums):
            bets = self._sums.log_factor(*counts, mask)
            factor = bets[..., : self._sums.test.harm_bets]
            self._sums.fold_factor(bets, *counts, mask)
        else:
            factor = rate_ratio_log_factor(self._test, *counts)
            self._sums.fold(*counts, mask)
        divisor = np.asarray(phi, np.float64)
        known = ~np.isnan(divisor)
        tempering = np.where(known, divisor, 1.0)[..., None]
        self._onset.fold(factor / tempering, block, np.asarray(mask, np.bool_) & known)

    def log_e_harm(self) -> Floats:
        """Against "at no time above the margin", leading shape."""
        return self._onset.log_e_harm()

    def to_state(self) -> Any:
        """JSON values, without the sums."""
        return self._onset.to_state()

    def restore(self, state: Any, sums: RatioSums | TwoSampleSums) -> None:
        """Take on what `to_state` wrote, and the restored sums."""
        self._sums = sums
        self._onset = LateOnset.from_state(self._test.harm, state, early=EARLY)


class LateLimit:
    """Harm of one arm's rate against an absolute limit."""

    def __init__(self, limit: PerStream, shape: tuple[int, ...] = ()) -> None:
        self._test = OneArmTest(limit)
        self._onset = LateOnset.zeros(self._test.harm, shape, early=EARLY)

    def fold(
        self,
        n: ArrayLike,
        x: ArrayLike,
        block: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add a closed stratum: exposures, events, start block."""
        self._onset.fold(one_arm_log_factor(self._test, n, x), block, mask)

    def log_e_harm(self) -> Floats:
        """Against "at no time above the limit", leading shape."""
        return self._onset.log_e_harm()

    def to_state(self) -> Any:
        """JSON values."""
        return self._onset.to_state()

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._onset = LateOnset.from_state(self._test.harm, state, early=EARLY)
