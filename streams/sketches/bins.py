"""How are scores remembered? 40 equal bins of [0, 1], counted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from streams.sketches.histogram import BucketMapping, Floats, Histogram


@dataclass(frozen=True)
class LinearMapping:
    """Bins [i/size, (i+1)/size) of [0, 1]; the last one includes 1. No NaN may come here."""

    size: int = 40

    @property
    def edges(self) -> Floats:
        """Upper edge of each bin, float64[size]."""
        return np.arange(1, self.size + 1) / self.size

    def index(self, values: Floats) -> NDArray[np.int32]:
        """Bin of each score, int32 of the same shape."""
        return np.minimum((values * self.size).astype(np.int32), np.int32(self.size - 1))

    def value(self, index: int) -> float:
        """Middle of a bin."""
        return (index + 0.5) / self.size


SCORE_MAPPING = LinearMapping()


class FixedBins(Histogram):
    """Scores in [0, 1] by bin; missing scores (NaN) are left out before.

    >>> bins = FixedBins()
    >>> bins.update(np.array([0.0, 0.5, 1.0]))
    >>> bins.to_state()
    {'index': [0, 20, 39], 'count': [1, 1, 1]}
    """

    mapping: ClassVar[BucketMapping] = SCORE_MAPPING
    __slots__ = ()
