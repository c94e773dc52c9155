"""How do a partition's events become closed panes?

A pure function of the partition's log and of the offsets at which rollouts became live: no wall
clock, no randomness, no trace of how the log was cut into batches (rules 1 and 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streams.panes.duplicates import Duplicates
from streams.panes.facts import NONE, Cells, ClosedPane, LiveRollout, Marker, PaneClock
from streams.panes.groups import add_to_cells
from streams.panes.targets import Targets
from streams.spec.model import RolloutSpec
from streams.wire.columns import PredictionColumns
from streams.wire.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A record that goes to dead-letters; `row` is its index in the batch."""

    row: int
    reason: Reason
    detail: str


class PartitionFold:
    """Open panes, live rollouts and the marker of one source partition."""

    def __init__(self, clock: PaneClock, marker: Marker | None = None) -> None:
        self.clock = clock
        self.marker = marker or Marker()
        self.live: dict[str, LiveRollout] = {}
        self.open: dict[tuple[str, int], Cells] = {}
        self.dirty: set[tuple[str, int]] = set()
        """Open panes changed since the caller last cleared this set."""
        self._targets = Targets(())
        self._duplicates = Duplicates()

    @property
    def horizon_offset(self) -> int:
        """First offset that must be read again after a restart, to know what may be repeated."""
        return self._duplicates.horizon(self.marker.next_offset)

    def activate(self, spec: RolloutSpec) -> LiveRollout:
        """Count events for this rollout from the next offset on."""
        seen = self.marker.max_event_ms
        rollout = LiveRollout(
            spec=spec,
            spec_hash=spec.spec_hash,
            first_offset=self.marker.next_offset,
            from_pane=NONE if seen < 0 else self.clock.pane_of(seen) + 1,
        )
        self.restore(rollout)
        return rollout

    def restore(self, rollout: LiveRollout) -> None:
        """Take a live rollout (back) as it was stored."""
        self.live[rollout.spec.rollout] = rollout
        self._targets = Targets(self.live.values())

    def deactivate(self, rollout: str) -> list[tuple[str, int]]:
        """Stop counting for this rollout; returns the keys of its open panes, now gone."""
        self.live.pop(rollout, None)
        self._targets = Targets(self.live.values())
        gone = sorted(key for key in self.open if key[0] == rollout)
        for key in gone:
            del self.open[key]
            self.dirty.discard(key)
        return gone

    def fold(
        self,
        columns: PredictionColumns,
        append_ms: NDArray[np.int64],
        offsets: NDArray[np.int64],
        *,
        end_offset: int,
    ) -> tuple[list[ClosedPane], list[Refused]]:
        """Fold one decoded batch; the broker's time and the offset of every record in it.

        Returns the panes that this batch closed, in order, and the records refused.
        """
        refused = [Refused(row=r.row, reason=r.reason, detail=r.detail) for r in columns.rejected]
        event_ms = columns.event_ms
        future = self._is_future(columns, append_ms)
        refused += self._future(columns, append_ms, future)
        highest = np.maximum.accumulate(
            np.where(future, NONE, np.maximum(event_ms, self.marker.max_event_ms))
        )
        late = ~future & (event_ms < highest - self.clock.lateness_ms)
        repeated = self._repeated(columns, ~future & ~late, offsets, highest)
        counted = ~future & ~late & ~repeated
        known = self._add(columns, counted)
        self._advance(
            highest,
            counted=int(counted.sum()),
            late=int(late.sum()),
            duplicates=int(repeated.sum()),
            known=known,
            dead=len(refused),
            invalid_scores=columns.invalid_scores,
            end_offset=end_offset,
        )
        return self._close(), sorted(refused, key=lambda r: r.row)

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

    def _is_future(
        self, columns: PredictionColumns, append_ms: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        future: NDArray[np.bool_] = columns.event_ms > append_ms[columns.row] + self.clock.future_ms
        return future

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

    def skip(self, dead: int, *, end_offset: int) -> None:
        """Step over records that cannot be folded; they count as dead."""
        marker = self.marker
        self.marker = replace(marker, next_offset=end_offset, dead=marker.dead + dead)

    def _future(
        self,
        columns: PredictionColumns,
        append_ms: NDArray[np.int64],
        future: NDArray[np.bool_],
    ) -> Iterable[Refused]:
        for i in np.flatnonzero(future):
            row = int(columns.row[i])
            ahead = int(columns.event_ms[i] - append_ms[row])
            yield Refused(
                row=row,
                reason=Reason.FUTURE,
                detail=f"completed_at is {ahead} ms after the broker received it "
                f"(tolerance {self.clock.future_ms} ms)",
            )

    def _add(self, columns: PredictionColumns, keep: NDArray[np.bool_]) -> int:
        """Add kept events to open panes; returns how many belong to a live rollout."""
        known = np.zeros(len(keep), dtype=np.bool_)
        for arms in self._targets.layers(columns.service, columns.version):
            chosen = np.flatnonzero(keep & (arms >= 0))
            if chosen.size:
                known[chosen] = True
                self.dirty |= add_to_cells(
                    self.open, self._targets, columns, chosen, arms[chosen], self.clock.pane_ms
                )
        return int(known.sum())

    def _advance(
        self,
        highest: NDArray[np.int64],
        *,
        counted: int,
        late: int,
        duplicates: int,
        known: int,
        dead: int,
        invalid_scores: int,
        end_offset: int,
    ) -> None:
        before = self.marker
        maximum = max(before.max_event_ms, int(highest[-1]) if highest.size else NONE)
        self.marker = replace(
            before,
            next_offset=end_offset,
            max_event_ms=maximum,
            closed_through=self.clock.closed_through(maximum),
            accepted=before.accepted + counted,
            late=before.late + late,
            duplicates=before.duplicates + duplicates,
            dead=before.dead + dead,
            unknown=before.unknown + counted - known,
            invalid_scores=before.invalid_scores + invalid_scores,
        )

    def _close(self) -> list[ClosedPane]:
        due = sorted(
            (pane, rollout) for rollout, pane in self.open if pane <= self.marker.closed_through
        )
        closed = []
        for pane, rollout in due:
            self.dirty.discard((rollout, pane))
            closed.append(
                ClosedPane(
                    rollout=rollout,
                    spec_hash=self.live[rollout].spec_hash,
                    pane=pane,
                    cells=self.open.pop((rollout, pane)),
                )
            )
        return closed
