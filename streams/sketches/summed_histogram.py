"""How are whole numbers remembered whose mean matters? By logarithmic bucket, with exact sums.

A sum of values up to any bucket's edge is exact, so a cap may be chosen later.
"""

from __future__ import annotations

from collections.abc import Mapping as Record
from collections.abc import Sequence
from typing import Self

import numpy as np

from streams.sketches.histogram import Floats, Ints
from streams.sketches.log_histogram import LogHistogram


class SummedHistogram(LogHistogram):
    """Whole numbers >= 0 by logarithmic bucket (tokens), and the sum of each bucket.

    >>> h = SummedHistogram()
    >>> h.update(np.array([3.0, 3.0, 500.0]))
    >>> h.to_state()
    {'index': [401, 657], 'count': [2, 1], 'total': [6, 500]}
    """

    __slots__ = ("totals",)

    def __init__(self, counts: Ints | None = None, totals: Ints | None = None) -> None:
        """Empty, or of counts and totals int64[buckets], which are then owned."""
        super().__init__(counts)
        self.totals: Ints = np.zeros(self.mapping.size, np.int64) if totals is None else totals

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SummedHistogram):
            return NotImplemented
        return super().__eq__(other) is True and np.array_equal(self.totals, other.totals)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def update(self, values: Floats) -> None:
        """Add values, float64[n]."""
        super().update(values)
        sums = np.bincount(self.mapping.index(values), values, self.mapping.size)
        self.totals += np.rint(sums).astype(np.int64)

    def merge(self, other: Self) -> None:
        """Add another's values."""
        super().merge(other)
        self.totals += other.totals

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(self.counts.copy(), self.totals.copy())

    def to_state(self) -> dict[str, list[int]]:
        """Sparse counts and totals, ascending by bucket: the Avro record `davy.SummedBins`."""
        held = np.flatnonzero(self.counts)
        return super().to_state() | {"total": self.totals[held].tolist()}

    @classmethod
    def from_state(cls, state: Record[str, Sequence[int]]) -> Self:
        """Read what `to_state` wrote."""
        histogram = super().from_state(state)
        histogram.totals[np.asarray(state["index"], np.int64)] = state["total"]
        return histogram
