"""What does a batch see of units? One row an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from streams.panes.units.packing import Bools, Hashes, Ints, sights
from streams.sketches.unit_cell import UnitCell
from streams.wire.columns import PredictionColumns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighted:
    """Units of events and what each event says of its unit."""

    units: Hashes
    sight: Ints
    named: Bools
    """Where the event names its unit; without a name it is its own."""

    @classmethod
    def of(
        cls, columns: PredictionColumns, chosen: Ints, *, bucket: Ints, error: Bools, timeout: Bools
    ) -> Self:
        """The chosen events, by latency bucket and status."""
        return cls(
            units=columns.unit_hash[chosen],
            sight=sights(bucket, error, timeout),
            named=columns.unit_given[chosen],
        )

    def at(self, rows: Ints | Bools) -> Sighted:
        """Those of some events."""
        return Sighted(units=self.units[rows], sight=self.sight[rows], named=self.named[rows])

    def told(self) -> UnitCell:
        """What can be told before the pane closes."""
        return UnitCell(unnamed=int(self.named.size - np.count_nonzero(self.named)))
