"""Did harm begin late? An e-process that mixes over the time at which a regression starts.

S_t^g = L_t^g (S_{t-1}^g + v_t), E = sum_g w_g S_t^g + sum_{j>t} v_j, v_j = 1/(j (j + 1)), over
start blocks of 300 s: a candidate that was well for an hour has not spent that hour's evidence
against itself. One float a grid point, in log space; order-dependent, so fold in order.
"""

# Why it is one: for a fixed start block j the product of L^g from block j on is an e-process that
# is 1 before j; the start's prior v_j (sum 1) and the grid's weights mix those to one e-process.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Floats, Ints, log_sum_exp
from streams.evidence.grids import Grid
from streams.evidence.one_arm import OneArmTest
from streams.evidence.rates import RatioTest
from streams.sketches.packing import packed, unpacked_floats

START_BLOCK_S = 300


def start_block(elapsed_s: ArrayLike) -> Ints:
    """Start block, from 1, of a stratum that closes `elapsed_s` seconds after the start.

    >>> start_block([0, 299, 300]).tolist()
    [1, 1, 2]
    """
    block: Ints = np.floor_divide(np.asarray(elapsed_s), START_BLOCK_S).astype(np.int64) + 1
    return block


def rate_ratio_log_factor(
    test: RatioTest, n_b: ArrayLike, n_c: ArrayLike, x_b: ArrayLike, x_c: ArrayLike
) -> Floats:
    """Log likelihood ratios of a closed stratum against RR <= 1 + margin, [..., grid].

    What `RatioSums` adds up, for exposures n and events x of any shape; 0 if an arm is empty.
    """
    b, c, events_b, events_c = (np.asarray(v, np.float64) for v in (n_b, n_c, x_b, x_c))
    odds = c * test.tolerated
    share = odds / np.maximum(odds + b, 1e-300)
    events = (events_b + events_c)[..., None]
    log_mean = np.log1p(share[..., None] * test.harm.psi_less_one)
    log_factor = events_c[..., None] * test.harm.log_psi - events * log_mean
    return np.where(((b > 0) & (c > 0))[..., None], log_factor, 0.0)


def one_arm_log_factor(test: OneArmTest, n: ArrayLike, x: ArrayLike) -> Floats:
    """Log likelihood ratios of one arm's counts against p <= limit, [..., grid]."""
    count, events = np.asarray(n, np.float64)[..., None], np.asarray(x, np.float64)[..., None]
    limit = np.asarray(test.limit, np.float64)[..., None]
    log_mean = np.log1p(limit * test.harm.psi_less_one)
    log_factor: Floats = events * test.harm.log_psi - count * log_mean
    return log_factor


def begun_by(block: ArrayLike, early: float = 0.0) -> Floats:
    """Prior mass of an onset up to a start block, sum of v_1 .. v_block; any shape.

    v_j = (1 - early) / (j (j + 1)), and `early` more on the first block: what is well from the
    start pays for harm from the start, not for that which may never come late.

    >>> begun_by([0, 1, 2]).round(3).tolist(), begun_by([0, 1, 2], early=0.8).round(3).tolist()
    ([0.0, 0.5, 0.667], [0.0, 0.9, 0.933])
    """
    j = np.asarray(block, np.float64)
    return np.where(j > 0, 1.0 - (1.0 - early) / (j + 1.0), 0.0)


class LateOnset:
    """Log S^g, float64[..., grid], and the start block that each stream has come to, int64.

    Feed the log factors of closed strata (`rate_ratio_log_factor`, `one_arm_log_factor`, divided
    by `overdispersion.phi` where that is measured) in order of time.

    >>> test = RatioTest(margin=0.0, resolution=None)
    >>> onset = LateOnset.zeros(test.harm)
    >>> for second in range(0, 3_600, 10):
    ...     onset.fold(rate_ratio_log_factor(test, 500, 500, 5, 5), start_block(second))
    >>> for second in range(3_600, 3_700, 10):
    ...     onset.fold(rate_ratio_log_factor(test, 500, 500, 5, 15), start_block(second))
    >>> bool(onset.log_e_harm() > np.log(100))
    True
    """

    __slots__ = ("_ahead", "block", "early", "grid", "log_s")

    def __init__(self, grid: Grid, shape: tuple[int, ...] = (), *, early: float = 0.0) -> None:
        """No strata yet, for `shape` independent streams; `early` as in `begun_by`."""
        self.grid, self.early = grid, early
        self.block: Ints = np.zeros(shape, np.int64)
        self.log_s: Floats = np.full((*shape, grid.log_psi.size), -np.inf)
        self._ahead: Floats | None = None

    @classmethod
    def zeros(cls, grid: Grid, shape: tuple[int, ...] = (), *, early: float = 0.0) -> Self:
        """No strata yet, for `shape` independent streams; `early` as in `begun_by`."""
        return cls(grid, shape, early=early)

    def fold(
        self,
        log_factor: ArrayLike,
        block: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Multiply a closed stratum's factors [..., grid] in, in start block `block` >= 1.

        `mask` tells which streams have closed a stratum. ValueError if a block comes before the
        stream's last one.
        """
        if np.all(mask) and np.all(self.block == block) and np.all(self.block > 0):
            # The usual: all have closed a stratum, in a block that goes on.
            self.log_s += np.asarray(log_factor, np.float64)
            return
        used: Bools = np.broadcast_to(np.asarray(mask, np.bool_), self.block.shape)
        reached = np.where(used, np.asarray(block, np.int64), self.block)
        if np.any(used & ((reached < self.block) | (reached < 1))):
            raise ValueError(
                "strata must be folded in order of time: start block "
                f"{int(reached.min())} came after {int(self.block.max())}"
            )
        begun = self.log_s
        if np.any(reached != self.block):
            started = begun_by(reached, self.early) - begun_by(self.block, self.early)
            with np.errstate(divide="ignore"):
                begun = np.logaddexp(begun, np.log(started)[..., None])
            self.block[...], self._ahead = reached, None
        moved = begun + np.asarray(log_factor, np.float64)
        self.log_s[...] = np.where(used[..., None], moved, self.log_s)

    def log_e_harm(self) -> Floats:
        """Log e-value against "at no time more than the limit", leading shape."""
        begun = log_sum_exp(self.grid.log_weight + self.log_s)
        if self._ahead is None:
            self._ahead = np.log1p(-begun_by(self.block, self.early))
        return np.logaddexp(begun, self._ahead)

    def to_state(self) -> dict[str, Any]:
        """JSON: the block and, packed, log S^g; the latter null before any stratum."""
        seen = bool((self.block > 0).any())
        return {"block": self.block.tolist(), "log_s": packed(self.log_s) if seen else None}

    @classmethod
    def from_state(cls, grid: Grid, state: Mapping[str, Any], *, early: float = 0.0) -> Self:
        """Read what `to_state` wrote for the same grid and `early`."""
        onset = cls(grid, np.shape(state["block"]), early=early)
        onset.block[...] = state["block"]
        if state["log_s"] is not None:
            onset.log_s[...] = unpacked_floats(state["log_s"])
        return onset
