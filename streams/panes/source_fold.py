"""What do the folds of all sources do alike? Late and future events, live rollouts, closing.

A pure function of the partition's log and of the offsets at which rollouts became live: no wall
clock, no randomness, no trace of how the log was cut into batches (rules 1 and 2).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import NONE, Body, ClosedPane, LiveRollout, Marker, PaneClock, Parts
from streams.panes.targets import Targets
from streams.spec.model import RolloutSpec
from streams.wire.headers import Rejected
from streams.wire.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A record that goes to dead-letters; `row` is its index in the batch."""

    row: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of the events that were neither late nor from the future."""

    known: int
    """Events that belong to a live rollout."""
    repeated: int = 0
    """Events found to be repetitions only when they were added; not folded."""
    refused: tuple[Refused, ...] = ()


class Columns(Protocol):
    """What every source's decoded batch holds."""

    @property
    def row(self) -> NDArray[np.int64]:
        """Index in the batch of each accepted event, ascending."""

    @property
    def event_ms(self) -> NDArray[np.int64]:
        """Event time."""

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Records that cannot be used."""

    @property
    def invalid_scores(self) -> int:
        """Parts of accepted events that were no numbers of their kind."""


ColumnsT = TypeVar("ColumnsT", bound=Columns)
Open = TypeVar("Open")
Closed = TypeVar("Closed")


class SourceFold(ABC, Generic[ColumnsT, Open, Closed]):
    """Open panes, live rollouts and the marker of one source partition.

    A source says what an open pane holds (`Open`), how events are added to it, and what is left
    of it when it closes (`Closed`).
    """

    def __init__(self, clock: PaneClock, marker: Marker | None = None) -> None:
        self.clock = clock
        self.marker = marker or Marker()
        self.live: dict[str, LiveRollout] = {}
        self.open: dict[tuple[str, int], Open] = {}
        self.dirty: set[tuple[str, int]] = set()
        """Open panes changed since the caller last cleared this set."""
        self.targets = Targets(())

    @abstractmethod
    def _add(self, columns: ColumnsT, keep: NDArray[np.bool_]) -> Added:
        """Add the kept events to open panes, and mark these as dirty."""

    @abstractmethod
    def _finished(self, pane: Open) -> Closed:
        """What a pane that closes leaves."""

    def _repeated(
        self,
        columns: ColumnsT,  # noqa: ARG002 - a source that knows repetitions looks at them
        kept: NDArray[np.bool_],
        offsets: NDArray[np.int64],  # noqa: ARG002
        highest: NDArray[np.int64],  # noqa: ARG002
    ) -> NDArray[np.bool_]:
        """Which of the kept events repeat one before them; nobody's, unless a source says so."""
        return np.zeros(kept.size, np.bool_)

    def _added(
        self, columns: ColumnsT, append_ms: NDArray[np.int64], highest: NDArray[np.int64]
    ) -> None:
        """Hear that a batch was added, before its panes close; `highest` event time by event."""

    @property
    def horizon_offset(self) -> int:
        """First offset that must be read again after a restart, to know what may be repeated."""
        return self.marker.next_offset

    def recall(
        self, columns: ColumnsT, append_ms: NDArray[np.int64], offsets: NDArray[np.int64]
    ) -> None:
        """Take back in, after a restart, what the events from `horizon_offset` on were."""

    def changed_parts(self) -> Parts:
        """What is kept besides open panes and differs from the last time this was asked."""
        return Parts()

    def restore_parts(self, parts: Mapping[str, Body], *, again: bool) -> None:
        """Take back what all changes have left, after the live rollouts were restored.

        `again`: a flush that broke off may have written over it: what is ever rewritten is among
        the next changes.
        """

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
        self.targets = Targets(self.live.values())

    def deactivate(self, rollout: str) -> list[tuple[str, int]]:
        """Stop counting for this rollout; returns the keys of its open panes, now gone."""
        self.live.pop(rollout, None)
        self.targets = Targets(self.live.values())
        gone = sorted(key for key in self.open if key[0] == rollout)
        for key in gone:
            del self.open[key]
            self.dirty.discard(key)
        return gone

    def fold(
        self,
        columns: ColumnsT,
        append_ms: NDArray[np.int64],
        offsets: NDArray[np.int64],
        *,
        end_offset: int,
    ) -> tuple[list[ClosedPane[Closed]], list[Refused]]:
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
        added = self._add(columns, ~future & ~late & ~repeated)
        refused += added.refused
        self._added(columns, append_ms, highest)
        self._advance(
            highest,
            late=int(late.sum()),
            duplicates=int(repeated.sum()) + added.repeated,
            counted=int((~future & ~late & ~repeated).sum()) - added.repeated - len(added.refused),
            known=added.known,
            dead=len(refused),
            invalid_scores=columns.invalid_scores,
            end_offset=end_offset,
        )
        return self._close(), sorted(refused, key=lambda r: r.row)

    def skip(self, dead: int, *, end_offset: int) -> None:
        """Step over records that cannot be folded; they count as dead."""
        marker = self.marker
        self.marker = replace(marker, next_offset=end_offset, dead=marker.dead + dead)

    def _is_future(self, columns: ColumnsT, append_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        future: NDArray[np.bool_] = columns.event_ms > append_ms[columns.row] + self.clock.future_ms
        return future

    def _future(
        self, columns: ColumnsT, append_ms: NDArray[np.int64], future: NDArray[np.bool_]
    ) -> Iterable[Refused]:
        for i in np.flatnonzero(future):
            row = int(columns.row[i])
            ahead = int(columns.event_ms[i] - append_ms[row])
            yield Refused(
                row=row,
                reason=Reason.FUTURE,
                detail=f"its time is {ahead} ms after the broker received it "
                f"(tolerance {self.clock.future_ms} ms)",
            )

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

    def _close(self) -> list[ClosedPane[Closed]]:
        """What is due, in the order in which it came to be due; panes of pairs wait for them."""
        held = {name: self.clock.panes_of(r.spec.pair_hold_ms) for name, r in self.live.items()}
        due = sorted((pane + held[rollout], rollout, pane) for rollout, pane in self.open)
        through = self.marker.closed_through
        return [self._closed(rollout, pane) for at, rollout, pane in due if at <= through]

    def _closed(self, rollout: str, pane: int) -> ClosedPane[Closed]:
        self.dirty.discard((rollout, pane))
        return ClosedPane(
            rollout=rollout,
            spec_hash=self.live[rollout].spec_hash,
            pane=pane,
            cells=self._finished(self.open.pop((rollout, pane))),
        )
