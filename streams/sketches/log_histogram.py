"""How are latencies remembered? DDSketch's logarithmic buckets: 1 % relative error everywhere.

Source: Masson, Rim, Lee, "DDSketch" (VLDB 2019), with exact edges: a table computed in decimal
arithmetic decides, so that no logarithm, processor or numpy build can move a value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from streams.sketches.histogram import BucketMapping, Floats, Histogram

MANTISSA_BITS = 7
"""Bits of mantissa that make a cell: a cell is at most 2^-7 wide, so holds at most one edge."""
CELL_SHIFT = 52 - MANTISSA_BITS


def log_edges(accuracy: str, lowest: str, highest: str) -> Floats:
    """Edges lowest * gamma^i up to the first >= highest, gamma = (1+a)/(1-a), rounded once.

    >>> log_edges("0.01", "0.001", "0.00105").round(8).tolist()
    [0.001, 0.0010202, 0.00104081, 0.00106184]
    """
    with localcontext() as context:
        context.prec = 60
        a, edge, top = Decimal(accuracy), Decimal(lowest), Decimal(highest)
        gamma = (1 + a) / (1 - a)
        edges = [edge]
        while edges[-1] < top:
            edges.append(edges[-1] * gamma)
    return np.array([float(edge) for edge in edges])


@dataclass(frozen=True, eq=False)
class LogMapping:
    """Buckets (edges[i-1], edges[i]] with edges 1e-3 * gamma^i milliseconds, a = 0.01.

    Bucket 0 holds everything from 0 to 1e-3 ms, the last bucket everything above its lower edge
    (about 1e7 ms): both are clamps. NaN, infinite and negative values must not come here; they
    are dead-lettered before.
    """

    accuracy: float = 0.01
    edges: Floats = field(default_factory=lambda: log_edges("0.01", "0.001", "10000000"))
    values: Floats = field(init=False, repr=False)
    """What `value` says of each bucket."""
    _cells: NDArray[np.int32] = field(init=False, repr=False)
    _first_cell: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.edges.flags.writeable = False
        object.__setattr__(self, "values", 2.0 * self.edges / (1.0 + self.gamma))
        self.values.flags.writeable = False
        first, last = (self.edges[[0, -1]].view(np.int64) >> CELL_SHIFT).tolist()
        starts = (np.arange(first, last + 1, dtype=np.int64) << CELL_SHIFT).view(np.float64)
        cells = np.searchsorted(self.edges, starts).astype(np.int32)
        object.__setattr__(self, "_cells", cells)
        object.__setattr__(self, "_first_cell", first)

    @property
    def size(self) -> int:
        """Number of buckets (1153)."""
        return self.edges.size

    @property
    def gamma(self) -> float:
        """Ratio of neighbouring edges, (1+a)/(1-a)."""
        return (1 + self.accuracy) / (1 - self.accuracy)

    def index(self, values: Floats) -> NDArray[np.int32]:
        """Bucket of each value in ms, int32 of the same shape; exact at every edge.

        The value's leading bits propose the bucket of the first number of their cell; one
        comparison with the table of edges corrects it.
        """
        clamped = np.clip(values, self.edges[0], self.edges[-1])
        cell = clamped.view(np.int64) >> CELL_SHIFT
        cell -= self._first_cell
        index: NDArray[np.int32] = self._cells[cell]
        index += clamped > self.edges[index]
        return index

    def value(self, index: int) -> float:
        """Representative of a bucket in ms, within a relative error of `accuracy` of its values."""
        return float(self.values[index])


MAPPING = LogMapping()


def margin_buckets(margin: float) -> int:
    """Bucket shift j nearest to a margin of +100 margin % in latency; at least 1 if margin > 0.

    >>> margin_buckets(0.10), margin_buckets(0.0)
    (5, 0)
    """
    if margin < 0.0:
        raise ValueError(f"a latency margin must not be negative, got {margin}")
    steps = round(math.log1p(margin) / math.log(MAPPING.gamma))
    return max(steps, 1) if margin > 0.0 else 0


class LogHistogram(Histogram):
    """Latencies in ms by logarithmic bucket.

    >>> h = LogHistogram()
    >>> h.update(np.array([12.0, 15.0, 240.0]))
    >>> h.total, round(h.quantile(0.5), 1), h.count_above(int(MAPPING.index(np.array(15.0))))
    (3, 14.9, 1)
    """

    mapping: ClassVar[BucketMapping] = MAPPING
    __slots__ = ()
