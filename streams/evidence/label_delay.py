"""Do labels of the candidate come later? A trend of the label ratio along the delay.

Strata are exposure pane x delay bin. A candidate with other outcomes has another ratio of labels,
but the same at every delay; one that is slower has fewer early and more late. E mixes trends
psi s^b over the delay s and is divided by the best common psi, so true harm does not flag.
"""

# Within a pane an exposure has at most one label, so with g_k the factor of a label in bin k the
# expectation over all bins is (1 + sum_k p_k (g_k - 1))^n <= exp(n sum_k p_k (g_k - 1)): exposures
# of both arms are the denominator in every bin, and the form of `rates` holds bin by bin. Dividing
# by the supremum over common psi keeps E[E] <= 1 under whichever is true (universal inference,
# Wasserman, Ramdas and Balakrishnan 2020).

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import FixedSum, Floats, Ints, log_sum_exp

BINS = 8
"""Delay bins up to the window W; edges W / 128, W / 64 ... W / 2, W."""
LEVELS = np.geomspace(0.25, 4.0, 9)
"""psi of the mixture at the middle of the delays."""
TRENDS = np.array([-1.0, -0.6, -0.3, -0.15, 0.15, 0.3, 0.6, 1.0])
"""b of the mixture: doubling the delay changes the ratio by 2^b."""
COMMON = 6.0 * np.sinh(2.5 * np.linspace(-1.0, 1.0, 161)) / np.sinh(2.5)
"""Log of the common psi: steps of .03 at 1, wider towards 1/400 and 400."""


@dataclass(frozen=True)
class LabelDelayTest:
    """Labels count that come within `window_s` of their exposure."""

    window_s: float

    def __post_init__(self) -> None:
        if not 0.0 < self.window_s < np.inf:
            raise ValueError(f"a label window must be positive, got {self.window_s} s")

    @cached_property
    def edges_s(self) -> Floats:
        """Upper ends of the delay bins, seconds, float64[8]."""
        return self.window_s * 2.0 ** np.arange(1.0 - BINS, 1.0)

    def bin_of(self, delay_s: ArrayLike) -> Ints:
        """Delay bin of labels, from 0; 8 for labels beyond the window, which do not count."""
        index: Ints = np.searchsorted(self.edges_s, np.asarray(delay_s, np.float64)).astype(
            np.int64
        )
        return index

    def complete(self, age_s: float) -> int:
        """How many bins of a pane that ended `age_s` seconds ago (by watermark) are complete."""
        return int(np.searchsorted(self.edges_s, age_s, side="right"))

    @cached_property
    def log_psi(self) -> Floats:
        """Log ratio per bin and alternative, float64[8, 72]."""
        log_s = np.log(2.0) * (np.arange(BINS) - (BINS - 1) / 2.0)
        table = np.log(LEVELS)[:, None] + log_s[:, None, None] * TRENDS
        flat: Floats = table.reshape(BINS, -1)
        return flat

    @cached_property
    def theta_minus_one(self) -> Floats:
        """Psi - 1 per bin, alternatives then common ones, float64[8, 233]."""
        common = np.broadcast_to(COMMON, (BINS, COMMON.size))
        moved: Floats = np.expm1(np.concatenate([self.log_psi, common], axis=1))
        return moved


class LabelDelaySums:
    """Labels of complete cells; order-free, mergeable byte for byte.

    `x_c` is the candidate's labels by bin, int64[..., 8].

    >>> delays = LabelDelaySums.zeros(LabelDelayTest(window_s=3_600))
    >>> for k, (labels_b, labels_c) in enumerate([(40, 20)] * 4 + [(40, 40)] * 2 + [(20, 40)] * 2):
    ...     for pane in range(10):
    ...         delays.fold(k, 600, 600, labels_b, labels_c)
    >>> bool(delays.log_e() > np.log(1_000))
    True
    """

    __slots__ = ("log_f", "test", "x_c")

    def __init__(self, test: LabelDelayTest, shape: tuple[int, ...] = ()) -> None:
        """No cells yet, for `shape` independent streams."""
        self.test = test
        self.x_c: Ints = np.zeros((*shape, BINS), np.int64)
        self.log_f = FixedSum((*shape, test.theta_minus_one.shape[1]))

    @classmethod
    def zeros(cls, test: LabelDelayTest, shape: tuple[int, ...] = ()) -> Self:
        """No cells yet, for `shape` independent streams."""
        return cls(test, shape)

    def fold(
        self,
        delay_bin: int,
        n_b: ArrayLike,
        n_c: ArrayLike,
        labels_b: ArrayLike,
        labels_c: ArrayLike,
        mask: ArrayLike = True,  # noqa: FBT002 - an array of booleans, not a switch
    ) -> None:
        """Add a complete cell: the pane's exposures (all, errors too), its labels in the bin.

        Ints of the leading shape; every cell once, when the watermark has passed the pane's end
        by the bin's upper edge.
        """
        b, c = np.asarray(n_b, np.int64), np.asarray(n_c, np.int64)
        used = (b > 0) & (c > 0) & np.asarray(mask, np.bool_)
        x_b, x_c = (np.where(used, np.asarray(x, np.int64), 0) for x in (labels_b, labels_c))
        self.x_c[..., delay_bin] += x_c
        share: Floats = np.asarray(c / np.maximum(b + c, 1))
        events = np.asarray(x_b + x_c, np.float64)[..., None]
        terms = events * np.log1p(share[..., None] * self.test.theta_minus_one[delay_bin])
        self.log_f.add(np.broadcast_to(terms, self.log_f.low.shape))

    def merge(self, other: Self) -> None:
        """Add the cells of another state of the same test; the same bytes in any order."""
        self.x_c += other.x_c
        self.log_f.merge(other.log_f)

    def log_e(self) -> Floats:
        """Log e-value against "the same ratio at every delay", leading shape."""
        trends = self.test.log_psi.shape[1]
        log_f = self.log_f.value()
        bets = (self.x_c[..., None] * self.test.log_psi).sum(axis=-2) - log_f[..., :trends]
        common = self.x_c.sum(axis=-1)[..., None] * COMMON - log_f[..., trends:]
        return log_sum_exp(bets - np.log(trends)) - _highest(common)

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        return {"x": self.x_c.tolist(), "f": self.log_f.to_state()}

    @classmethod
    def from_state(cls, test: LabelDelayTest, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote for the same test."""
        sums = cls(test, np.shape(state["x"])[:-1])
        sums.x_c[...] = state["x"]
        sums.log_f = FixedSum.from_state(state["f"])
        return sums


def _highest(values: Floats) -> Floats:
    """Maximum over the common psi of a concave function, by the parabola through three points."""
    at = np.clip(values.argmax(axis=-1), 1, COMMON.size - 2)
    left, top, right = (
        np.take_along_axis(values, (at + step)[..., None], axis=-1)[..., 0] for step in (-1, 0, 1)
    )
    before, after = COMMON[at] - COMMON[at - 1], COMMON[at + 1] - COMMON[at]
    rise, fall = (top - left) / before, (right - top) / after
    bend = np.minimum((fall - rise) / (before + after), -1e-300)
    slope = (rise * after + fall * before) / (before + after)
    vertex = top - slope**2 / (4.0 * bend)
    inside = np.abs(slope) <= -2.0 * bend * np.maximum(before, after)
    highest: Floats = np.where(inside, np.maximum(vertex, top), values.max(axis=-1))
    return highest
