"""How alike are neighbouring minutes of a series, as far as it has gone? Sums of integers.

The same number as `paired_blocks.lag_one_autocorrelation` of the whole series, without keeping it:
the length of the next block follows from the minutes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from streams.evidence.paired_blocks import LARGEST_RHO

LEAST = 4
"""Values before anything is said: the bias is divided by their number less three."""


@dataclass(slots=True)
class Autocorrelation:
    """Running lag-one autocorrelation of integers; a gap leaves its pairs out.

    >>> series = Autocorrelation()
    >>> for turn in range(100):
    ...     series.add(turn // 10)
    >>> round(series.rho(), 2)
    0.99
    """

    count: int = 0
    total: int = 0
    squares: int = 0
    pairs: int = 0
    pair_total: int = 0
    """Sum of x_t + x_(t-1)."""
    pair_products: int = 0
    last: int | None = None

    def add(self, value: int | None) -> None:
        """The next minute; None is a gap."""
        if value is not None:
            self.count += 1
            self.total += value
            self.squares += value * value
            if self.last is not None:
                self.pairs += 1
                self.pair_total += value + self.last
                self.pair_products += value * self.last
        self.last = value

    def rho(self) -> float:
        """rho_1 about the mean so far, in [0, .99], raised by its bias (Kendall 1954).

        0 for a constant series, and before there are four values.
        """
        n, spread = self.count, self.count * self.squares - self.total**2
        if n < LEAST or spread <= 0 or not self.pairs:
            return 0.0
        moved = n * n * self.pair_products - n * self.total * self.pair_total
        raw = (moved + self.pairs * self.total**2) / (self.pairs * spread)
        return min(max((raw * n + 1.0) / (n - 3.0), 0.0), LARGEST_RHO)

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        return cls(**state)
