"""How are bounded values added so that order leaves no trace? As whole parts of their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

UNIT = 1 << 20
"""Parts that the range of a bounded value is cut into."""


@dataclass(slots=True)
class ScaledSums:
    """Values in [0, 1] as whole parts (1 / UNIT), so that sums know no order.

    >>> sums = ScaledSums()
    >>> sums.update(np.array([0.5, 1.0]))
    >>> sums.count, sums.total / UNIT, sums.squares / UNIT**2
    (2, 1.5, 1.25)
    """

    count: int = 0
    total: int = 0
    squares: int = 0
    """In 1 / UNIT^2."""

    def update(self, values: NDArray[np.float64]) -> None:
        """Add values in [0, 1], no NaN among them."""
        parts = np.rint(values * UNIT).astype(np.int64)
        self.count += parts.size
        self.total += int(parts.sum())
        self.squares += int((parts**2).sum())

    def merge(self, other: Self) -> None:
        """Add another's values."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(self.count, self.total, self.squares)
