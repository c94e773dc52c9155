"""What is counted per bucket? An int64 histogram over a fixed bucket mapping.

Merge is addition, so any partition and order of the input gives the same counts, byte for byte.
Counts at bucket edges are exact; only values inside a bucket are forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Record
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from streams.sketches.packing import packed, unpacked_ints

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 16_384
"""Values that are bucketed at once, so that temporaries stay in the cache."""


class BucketMapping(Protocol):
    """Which bucket a value falls into."""

    @property
    def size(self) -> int:
        """Number of buckets."""

    @property
    def edges(self) -> Floats:
        """Upper edge of each bucket, ascending, float64[size]."""

    def index(self, values: Floats) -> NDArray[np.int32]:
        """Bucket of each value, same shape."""

    def value(self, index: int) -> float:
        """The value that stands for a bucket."""


class Histogram:
    """Counts per bucket of a mapping; subclasses fix the mapping.

    A table of all buckets is made once somebody asks for it: most of what is read is only added to
    another one, and far more buckets are empty than not.
    """

    mapping: ClassVar[BucketMapping]
    __slots__ = ("_held", "_table")

    def __init__(self, counts: Ints | None = None) -> None:
        """Start empty, or from int64[size] counts (taken over, not copied)."""
        self._table = counts
        self._held: tuple[Ints, Ints] | None = None

    @property
    def counts(self) -> Ints:
        """Counts by bucket, int64[size]; they may be changed in place."""
        if self._table is None:
            self._table = np.zeros(self.mapping.size, np.int64)
            if self._held is not None:
                index, count = self._held
                self._table[index] = count
                self._held = None
        return self._table

    @counts.setter
    def counts(self, counts: Ints) -> None:
        self._table, self._held = counts, None

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(np.array_equal(self.counts, other.counts))

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"{type(self).__name__}(total={self.total})"

    @property
    def total(self) -> int:
        """Number of values counted."""
        return int(np.add.reduce(self.counts))

    def update(self, values: Floats) -> None:
        """Count values (float64, any shape); they must be valid for the mapping."""
        flat = np.ascontiguousarray(values, np.float64).ravel()
        size = self.mapping.size
        for start in range(0, flat.size, BLOCK):
            index = self.mapping.index(flat[start : start + BLOCK])
            self.counts += np.bincount(index, minlength=size)

    def merge(self, other: Self) -> None:
        """Add another histogram of the same mapping."""
        if other._held is not None:
            index, count = other._held
            self.counts[index] += count
        elif other._table is not None:
            self.counts += other._table

    def copy(self) -> Self:
        """An independent copy."""
        cls = type(self)
        copied = cls(None if self._table is None else self._table.copy())
        if self._held is not None:  # a part of what was read with it, of which it keeps no more
            copied._held = self._held[0].copy(), self._held[1].copy()
        return copied

    def quantile(self, q: float) -> float | None:
        """Value at rank max(1, ceil(q total)), by its bucket's value; None while empty."""
        index = self.quantile_index(q)
        return None if index is None else self.mapping.value(index)

    def quantile_index(self, q: float) -> int | None:
        """Bucket that holds the value of rank max(1, ceil(q total)); None while empty."""
        total = self.total
        return None if total == 0 else self.rank_index(max(1, math.ceil(q * total)))

    def rank_index(self, rank: int) -> int:
        """Bucket that holds the `rank`-th smallest value, 1 <= rank <= total."""
        return int(np.searchsorted(np.cumsum(self.counts), rank))

    def count_above(self, edge_index: int) -> int:
        """How many values lie strictly above `edges[edge_index]`; exact. -1 counts all."""
        return int(np.add.reduce(self.counts[edge_index + 1 :]))

    def through(self) -> Ints:
        """How many values lie at or below each edge, int64[size]: for many questions at once."""
        return np.cumsum(self.counts)

    @classmethod
    def sparse(cls, index: Ints, count: Ints) -> Self:
        """What `to_state` wrote, as arrays of valid buckets and counts (kept, not copied)."""
        histogram = cls()
        if index.size:
            histogram._held = index, count
        return histogram

    def to_state(self) -> dict[str, list[int]]:
        """Sparse counts, ascending by bucket: the Avro record `davy.Bins`."""
        index = np.flatnonzero(self.counts)
        return {"index": index.tolist(), "count": self.counts[index].tolist()}

    def to_span(self) -> list[Any]:
        """First bucket with a value, and packed counts from there to the last: for own state."""
        used = self.counts > 0
        first, after = int(used.argmax()), used.size - int(used[::-1].argmax())
        if not used[first]:
            after = first
        return [first, packed(self.counts[first:after])]

    @classmethod
    def from_span(cls, state: Sequence[Any]) -> Self:
        """Read what `to_span` wrote. `ValueError` where it cannot have."""
        first, text = state
        counts, histogram = unpacked_ints(text), cls()
        if not 0 <= first <= cls.mapping.size - counts.size or counts.min(initial=0) < 0:
            raise ValueError(f"no such buckets, or a count below 0: {counts.size} from {first}")
        histogram.counts[first : first + counts.size] = counts
        return histogram

    @classmethod
    def from_state(cls, state: Record[str, Sequence[int]]) -> Self:
        """Read what `to_state` wrote.

        Raises:
            ValueError: it cannot have: a bucket that does not exist, or a count below 1.
        """
        index, count = state["index"], state["count"]
        histogram = cls()
        if len(index) != len(count) or (index and (min(index) < 0 or min(count) < 1)):
            raise ValueError("buckets and counts do not fit together, or one is below 0")
        if index:
            if max(index) >= cls.mapping.size:
                raise ValueError(f"no such bucket: {max(index)} of {cls.mapping.size}")
            histogram._held = np.array(index, np.int64), np.array(count, np.int64)
        return histogram
