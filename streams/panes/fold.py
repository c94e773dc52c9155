"""How do a partition's predictions become closed panes? Cells by segment and arm, no repetitions.

What all sources have in common stands in `source_fold.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from streams.panes.duplicates import Duplicates
from streams.panes.facts import Body, Cells, ClosedPane, LiveRollout, Marker, PaneClock, Parts
from streams.panes.groups import add_to_cells
from streams.panes.outcomes.fold import OutcomeFold
from streams.panes.outcomes.stored import OutcomeStore
from streams.panes.pairs import Pairing
from streams.panes.source_fold import Added, Refused, SourceFold
from streams.panes.units.ledger import UnitLedger
from streams.panes.units.parts import changed_units, restore_units, unit_keys
from streams.spec.model import RolloutSpec
from streams.wire.columns import PredictionColumns

__all__ = ["PartitionFold", "Refused"]


class PartitionFold(SourceFold[PredictionColumns, Cells, Cells]):
    """Open panes, live rollouts and the marker of one partition of `predictions`."""

    def __init__(self, clock: PaneClock, marker: Marker | None = None) -> None:
        super().__init__(clock, marker)
        self.outcomes = OutcomeFold(clock.pane_ms)
        self._store = OutcomeStore()
        self._duplicates = Duplicates()
        self._ended_parts: tuple[str, ...] = ()
        self._pairing = Pairing()

    @property
    def horizon_offset(self) -> int:
        """First offset that must be read again after a restart, to know what may be repeated."""
        return self._duplicates.horizon(self.marker.next_offset)

    def activate(self, spec: RolloutSpec, outcomes_offset: int = 0) -> LiveRollout:
        """Count events for this rollout from the next offset on, and outcomes from theirs."""
        rollout = super().activate(spec)
        rollout.units = UnitLedger.of(spec)
        rollout.outcomes_offset = outcomes_offset
        self.outcomes.activate(rollout, self.marker.closed_through)
        return rollout

    def deactivate(self, rollout: str) -> list[tuple[str, int]]:
        """Stop counting for this rollout; returns the keys of its open panes, now gone."""
        units = self.live[rollout].units if rollout in self.live else None
        if units is not None:
            self._ended_parts += unit_keys(rollout, units.stored_names)
        self.outcomes.deactivate(rollout)
        return super().deactivate(rollout)

    def changed_parts(self) -> Parts:
        """What became known of units and outcomes, and which answers may still find their pair.

        And what was known for ended rollouts.
        """
        self._pairing.follow(self.live.values())
        parts = (
            changed_units(self.live),
            self._store.changed(self.outcomes),
            self._pairing.changed_parts(),
        )
        ended, self._ended_parts = self._ended_parts, ()
        written = {key: body for each in parts for key, body in each.written.items()}
        return Parts(written=written, gone=(*(k for each in parts for k in each.gone), *ended))

    def restore_parts(self, parts: Mapping[str, Body], *, again: bool) -> None:
        """Take back what is known of units, what waits for outcomes and what for its pair."""
        restore_units(self.live, parts, again=again)
        self._store.restore(self.outcomes, self.live.values(), parts, again=again)
        self._pairing.follow(self.live.values())
        self._pairing.restore_parts(parts, again=again)

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
        self._pairing.follow(self.live.values())
        known = np.zeros(len(keep), dtype=np.bool_)
        for arms in self.targets.layers(columns.service, columns.version):
            known |= keep & (arms >= 0)
            chosen = np.flatnonzero(keep & self.targets.counted(arms, columns.segment))
            if chosen.size:
                self.dirty |= add_to_cells(
                    self.open, self.targets, columns, chosen, arms[chosen], self.clock.pane_ms
                )
                self.outcomes.expose(self.targets, columns, chosen, arms[chosen])
        self._pairing.forget_before(self.marker.max_event_ms - self.clock.lateness_ms)
        self.dirty |= self._pairing.add(columns, keep, self.open, self.clock.pane_ms)
        return Added(known=int(known.sum()))

    def _closed(self, rollout: str, pane: int) -> ClosedPane[Cells]:
        units = self.live[rollout].units
        if units is not None:
            units.close(pane, self.open[rollout, pane])
        return super()._closed(rollout, pane)

    def _added(
        self,
        columns: PredictionColumns,
        append_ms: NDArray[np.int64],
        highest: NDArray[np.int64],
    ) -> None:
        """Tell the outcomes' side which panes close, and when the broker received what closes."""
        clock, before = self.clock, self.marker.closed_through
        closed = np.maximum((highest - clock.lateness_ms) // clock.pane_ms - 1, before)
        self.outcomes.predictions_folded(append_ms, columns.row, closed, before)

    def _finished(self, pane: Cells) -> Cells:
        return pane
