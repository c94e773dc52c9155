"""When is a stratum full? Consecutive panes merge until they hold enough exposures.

Closing looks at exposures only, never at events; a weight change discards or closes what is open
(the judge decides), so a stratum never mixes two applied weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Ints
from streams.sketches.packing import packed, unpacked_ints

EVEN_WEIGHT_BP = 2_000
EVEN_EXPOSURES = 20
SKEWED_EXPOSURES = 50


def target_exposures(weight_bp: int) -> int:
    """Exposures of both arms that close a stratum at a candidate's weight: 20 from 20 %, else 50.

    >>> target_exposures(5_000), target_exposures(100)
    (20, 50)
    """
    return EVEN_EXPOSURES if weight_bp >= EVEN_WEIGHT_BP else SKEWED_EXPOSURES


class StratumSums:
    """Counts of the open stratum, int64[..., 2, columns]: arms (baseline, candidate) by column.

    Column 0 is exposures, the others are events of as many metrics as share the strata.

    >>> stratum = StratumSums.zeros(columns=2)
    >>> stratum.add([[15, 1], [4, 0]]); stratum.closes(weight_bp=5_000).item()
    False
    >>> stratum.add([[0, 0], [1, 1]]); stratum.closes(weight_bp=5_000).item()
    True
    >>> stratum.take().tolist(), stratum.exposures.item()
    ([[15, 1], [5, 1]], 0)
    """

    __slots__ = ("counts",)

    def __init__(self, columns: int, shape: tuple[int, ...] = ()) -> None:
        """An empty stratum for `shape` independent streams."""
        self.counts: Ints = np.zeros((*shape, 2, columns), np.int64)

    @classmethod
    def zeros(cls, columns: int, shape: tuple[int, ...] = ()) -> Self:
        """An empty stratum for `shape` independent streams."""
        return cls(columns, shape)

    @property
    def exposures(self) -> Ints:
        """Exposures of both arms together, leading shape."""
        total: Ints = np.add.reduce(self.counts[..., 0], axis=-1)
        return total

    def add(self, counts: ArrayLike) -> None:
        """Add a pane's counts, ints [..., 2, columns]."""
        self.counts += np.asarray(counts, np.int64)

    def closes(self, weight_bp: int) -> Bools:
        """Whether it holds enough exposures for the candidate's weight, bool of leading shape."""
        return self.exposures >= target_exposures(weight_bp)

    def take(self, mask: ArrayLike = True) -> Ints:  # noqa: FBT002 - an array of booleans
        """Counts of the streams in `mask` (zeros elsewhere); those streams start afresh."""
        if mask is True:
            taken, self.counts = self.counts, np.zeros_like(self.counts)
            return taken
        chosen = np.asarray(mask, np.bool_)[..., None, None]
        taken = np.where(chosen, self.counts, 0)
        self.counts -= taken
        return taken

    def to_state(self) -> dict[str, Any]:
        """JSON: packed integers."""
        return {"counts": packed(self.counts)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        counts = unpacked_ints(state["counts"])
        stratum = cls(counts.shape[-1], counts.shape[:-2])
        stratum.counts = counts
        return stratum
