"""How is a long series kept in a bounded room? In buckets whose width doubles when they run out.

Buckets begin at multiples of their width, so two neighbours become one and nothing is cut: which
bucket a value lies in follows from its time and the width alone, whatever came in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

MOST = 600
"""Buckets of a series: about as many as a chart has pixels for."""


class Fold(Enum):
    """What becomes of several rows of one bucket."""

    SUM = auto()  # they add up
    LAST = auto()  # the one that was put last stays; rows must come in the order of time


class Buckets:
    """Rows of numbers by whole seconds.

    >>> buckets = Buckets(1, Fold.SUM, most=2)
    >>> for second in (0, 1, 2):
    ...     buckets.put(second, [1.0])
    >>> buckets.width, buckets.times(), buckets.rows().tolist()
    (2, [0, 2], [[2.0], [1.0]])
    """

    __slots__ = ("_first", "_fold", "_last", "_rows", "_there", "width")

    def __init__(self, columns: int, fold: Fold, most: int = MOST) -> None:
        self.width = 1
        """Seconds of a bucket."""
        self._fold = fold
        self._first = self._last = 0
        """Numbers of the first and the last bucket, where there is any."""
        self._rows = np.zeros((most, columns))
        self._there = np.zeros(most, bool)

    def __bool__(self) -> bool:
        return bool(self._there.any())

    def put(self, second: int, row: Sequence[float]) -> None:
        """Fold a row into the bucket of its second, 0 or later."""
        place = self._place(second)
        match self._fold:
            case Fold.SUM:
                self._rows[place] += row
            case Fold.LAST:
                self._rows[place] = row
            case _:
                assert_never(self._fold)
        self._there[place] = True

    def put_all(self, seconds: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Fold many rows in at once, one or more: the same as `put` of each, in any order.

        Args:
            seconds: 0 or later, int64[rows].
            rows: numbers[rows, columns]; only of series that add up.
        """
        if self._fold is not Fold.SUM:
            raise ValueError("only what adds up can be put in any order")
        self._there[self._place(int(seconds.min()))] = True
        self._place(int(seconds.max()))  # all others lie between, so nothing widens after this
        places, most = seconds // self.width - self._first, len(self._there)
        for column in range(rows.shape[1]):
            self._rows[:, column] += np.bincount(places, rows[:, column], most)
        self._there[places] = True

    def times(self) -> list[int]:
        """Begin of each bucket that holds anything, in seconds, ascending."""
        found: list[int] = ((np.flatnonzero(self._there) + self._first) * self.width).tolist()
        return found

    def rows(self) -> NDArray[np.float64]:
        """What they hold, float64[buckets, columns]."""
        return self._rows[self._there]

    def _place(self, second: int) -> int:
        if not self:
            self._first = self._last = second // self.width
        while not self._fits(second // self.width):
            self._widen()
        bucket = second // self.width
        if bucket < self._first:
            self._move(self._first - bucket)
        self._last = max(self._last, bucket)
        return bucket - self._first

    def _fits(self, bucket: int) -> bool:
        return max(self._last, bucket) - min(self._first, bucket) < len(self._there)

    def _move(self, by: int) -> None:
        """Make room in front: there is some behind."""
        self._rows, self._there = np.roll(self._rows, by, axis=0), np.roll(self._there, by)
        self._first -= by

    def _widen(self) -> None:
        """Two neighbours become one; the first of a pair has an even number."""
        odd, most = self._first % 2, len(self._there)
        length = 2 * (most // 2 + 1)
        rows, there = np.zeros((length, self._rows.shape[1])), np.zeros(length, bool)
        rows[odd : odd + most], there[odd : odd + most] = self._rows, self._there
        one, other = rows[::2], rows[1::2]
        merged = one + other if self._fold is Fold.SUM else np.where(there[1::2, None], other, one)
        self._rows, self._there = np.zeros_like(self._rows), np.zeros_like(self._there)
        self._rows[: len(merged)] = merged[:most]
        self._there[: len(merged)] = (there[::2] | there[1::2])[:most]
        self.width *= 2
        self._first, self._last = self._first // 2, self._last // 2
