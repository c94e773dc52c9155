"""How do a partition's predictions become closed panes? Cells by segment and arm, no repetitions.

What all sources have in common stands in `source_fold.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streams.panes.duplicates import Duplicates
from streams.panes.facts import Cells, Marker, PaneClock
from streams.panes.groups import add_to_cells
from streams.panes.source_fold import Added, Refused, SourceFold
from streams.wire.columns import PredictionColumns

__all__ = ["PartitionFold", "Refused"]


class PartitionFold(SourceFold[PredictionColumns, Cells, Cells]):
    """Open panes, live rollouts and the marker of one partition of `predictions`."""

    def __init__(self, clock: PaneClock, marker: Marker | None = None) -> None:
        super().__init__(clock, marker)
        self._duplicates = Duplicates()

    @property
    def horizon_offset(self) -> int:
        """First offset that must be read again after a restart, to know what may be repeated."""
        return self._duplicates.horizon(self.marker.next_offset)

    def recall(
        self,
        columns: PredictionColumns,
        append_ms: NDArray[np.int64],
        offsets: NDArray[np.int64],
    ) -> None:
        """Take back in, after a restart, what the events from `horizon_offset` on were.

        Those that the watermark has passed are left out: they cannot be repeated any more.
        """
        past = columns.event_ms < self.marker.max_event_ms - self.clock.lateness_ms
        kept = ~past & ~self._is_future(columns, append_ms)
        self._duplicates.remember(columns, kept, offsets[columns.row])

    def _repeated(
        self,
        columns: PredictionColumns,
        kept: NDArray[np.bool_],
        offsets: NDArray[np.int64],
        highest: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        if not self.clock.dedupe:
            return np.zeros(kept.size, np.bool_)
        watermark = highest - self.clock.lateness_ms
        return self._duplicates.repeats(columns, kept, offsets[columns.row], watermark)

    def _add(self, columns: PredictionColumns, keep: NDArray[np.bool_]) -> Added:
        """Add kept events to open panes."""
        known = np.zeros(len(keep), dtype=np.bool_)
        for arms in self.targets.layers(columns.service, columns.version):
            chosen = np.flatnonzero(keep & (arms >= 0))
            if chosen.size:
                known[chosen] = True
                self.dirty |= add_to_cells(
                    self.open, self.targets, columns, chosen, arms[chosen], self.clock.pane_ms
                )
        return Added(known=int(known.sum()))

    def _finished(self, pane: Cells) -> Cells:
        return pane
