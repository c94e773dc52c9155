"""Does the candidate answer differently at all? The per-category equality e-process.

Each event has one category and moves one factor; given its category and the past its arm is
Bernoulli with the realised share, so the product over categories is a martingale. Not for
multi-label outputs, nor for balanced allocation within a pane.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, FixedSum, Floats, Ints, log_sum_exp
from streams.evidence.grids import two_sided_grid
from streams.sketches.packing import packed, unpacked_ints


class EqualitySums:
    """E = prod_c [(1 - 1/k) + E_c / k]; order-free and mergeable. k is fixed beforehand.

    Streams may each have a k of their own (`sizes`); the categories beyond it stay empty.

    >>> sums = EqualitySums.zeros(categories=3)
    >>> sums.fold([60, 30, 10], [30, 30, 40])
    >>> bool(sums.log_e() > np.log(1 / 0.001))
    True
    """

    __slots__ = ("categories", "log_d", "sizes", "x_c")

    def __init__(
        self, categories: int, shape: tuple[int, ...] = (), sizes: ArrayLike | None = None
    ) -> None:
        """No strata yet, k = `categories`, for `shape` independent streams."""
        self.categories = categories
        self.sizes: Ints = np.asarray(categories if sizes is None else sizes, np.int64)
        self.x_c: Ints = np.zeros((*shape, categories), np.int64)
        self.log_d = FixedSum((*shape, categories, two_sided_grid().log_psi.size))

    @classmethod
    def zeros(
        cls, categories: int, shape: tuple[int, ...] = (), sizes: ArrayLike | None = None
    ) -> Self:
        """No strata yet, k = `categories`, for `shape` independent streams."""
        return cls(categories, shape, sizes)

    def fold(
        self,
        counts_b: ArrayLike,
        counts_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add one closed stratum: events by category and arm, ints [..., k]."""
        given = np.asarray(counts_b, np.int64), np.asarray(counts_c, np.int64)
        b, c = (np.broadcast_to(each, self.x_c.shape) for each in given)
        n_b, n_c = b.sum(axis=-1), c.sum(axis=-1)
        used = ((n_b > 0) & (n_c > 0) & np.asarray(mask, np.bool_))[..., None]
        share = n_c / np.maximum(n_b + n_c, 1)
        events = np.where(used, b + c, 0)
        self.x_c += np.where(used, c, 0)
        log_d = np.log1p(share[..., None] * two_sided_grid().psi_less_one)
        rows = np.flatnonzero(events)
        terms = events.ravel()[rows, None] * log_d.reshape(-1, log_d.shape[-1])[rows // b.shape[-1]]
        self.log_d.flat(log_d.shape[-1]).add(terms, rows)

    def merge(self, other: Self) -> None:
        """Add the strata of another state with the same k."""
        self.x_c += other.x_c
        self.log_d.merge(other.log_d)

    def log_e(self) -> Floats:
        """Log e-value against "the same mix in both arms in every stratum", leading shape."""
        grid = two_sided_grid()
        log_e: Floats = np.full(self.x_c.shape, log_sum_exp(grid.log_weight))
        seen = self._seen()
        log_ratio = self.x_c[seen, None] * grid.log_psi - self.log_d.at(seen).value()
        log_e[seen] = log_sum_exp(grid.log_weight + log_ratio)
        k = self.sizes[..., None]
        with np.errstate(divide="ignore"):
            kept = np.log1p(-1.0 / k)
        damped: Floats = np.logaddexp(kept, log_e - np.log(k))
        total: Floats = damped.sum(axis=-1)
        return total

    def _seen(self) -> Bools:
        """Which categories of which streams have had an event, [..., k]."""
        seen: Bools = self.log_d.touched().any(axis=-1) | (self.x_c > 0)
        return seen

    def to_state(self) -> dict[str, Any]:
        """JSON: packed integers, of each stream's categories that have had an event."""
        seen = self._seen()
        return {
            "shape": list(self.x_c.shape),
            "kept": packed(np.flatnonzero(seen)),
            "x": packed(self.x_c[seen]),
            "d": self.log_d.at(seen).to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], sizes: ArrayLike | None = None) -> Self:
        """Read what `to_state` wrote for the same `sizes`."""
        *shape, categories = state["shape"]
        sums = cls(categories, tuple(shape), sizes)
        kept = unpacked_ints(state["kept"])
        sums.x_c.reshape(-1)[kept] = unpacked_ints(state["x"])
        log_d, into = FixedSum.from_state(state["d"]), sums.log_d.flat(sums.log_d.low.shape[-1])
        into.high[kept], into.low[kept] = log_d.high, log_d.low
        return sums
