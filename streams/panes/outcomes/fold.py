"""What came of the predictions of one source partition, for all rollouts that ask?

Fed from two sides: `predictions_folded` with what the fold of predictions counted and closed,
`outcomes_taken` with batches of outcomes. `merge` goes as far as both are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.panes.cohorts import Cohort
from streams.panes.facts import NONE, LiveRollout
from streams.panes.outcomes.interleave import Closing, Interleaving, Rows
from streams.panes.outcomes.rollout_join import OpenCohort, RolloutJoin
from streams.panes.targets import Targets
from streams.wire.columns import PredictionColumns

Ints = NDArray[np.int64]


class OutcomeFold:
    """The joins of one source partition, and the order in which both logs reach them."""

    def __init__(self, pane_ms: int) -> None:
        self.joins: dict[str, RolloutJoin] = {}
        self.order = Interleaving()
        self.joined_through = NONE
        """Highest pane of the predictions up to whose closing outcomes were joined."""
        self.ended: Counter[str] = Counter()
        """Outcomes of rollouts that have ended, and those that no rollout can be asked of."""
        self._pane_ms = pane_ms

    @property
    def wanted(self) -> bool:
        """Whether any live rollout awaits outcomes."""
        return bool(self.joins)

    @property
    def counts(self) -> Counter[str]:
        """Outcomes by what became of them, since the beginning; `pending` is as of now."""
        fates = sum((join.fates for join in self.joins.values()), self.ended.copy())
        pending = sum(join.pending for join in self.joins.values())
        return fates + Counter(pending=pending)

    def activate(self, live: LiveRollout, closed_through: int) -> None:
        """Join for this rollout from now on, if it awaits outcomes."""
        if not live.spec.outcomes:
            return
        if not self.joins:
            self.order.closings.clear()
            self.joined_through = closed_through
        join = RolloutJoin(live, self._pane_ms)
        join.advance(self.joined_through)
        self.joins[live.spec.rollout] = join

    def restore(
        self,
        live: LiveRollout,
        pieces: Mapping[str, bytes],
        cohorts: Iterable[tuple[str, int, OpenCohort]],
        *,
        again: bool,
    ) -> None:
        """Take a rollout's join back; `again` as for `RolloutJoin.write_again`."""
        join = self.joins[live.spec.rollout] = RolloutJoin(live, self._pane_ms)
        join.restore(pieces, cohorts)
        if again:
            join.write_again()

    def deactivate(self, rollout: str) -> None:
        """Join for this rollout no more."""
        join = self.joins.pop(rollout, None)
        if join is not None:
            self.ended += join.fates
        if not self.joins:
            self.order.forget()

    def expose(
        self, targets: Targets, columns: PredictionColumns, chosen: Ints, arms: Ints
    ) -> None:
        """Take predictions that count: rows of the columns, and each one's target number."""
        for name, join in self.joins.items():
            places = [
                live.spec.arms.index(arm) if live.spec.rollout == name else NONE
                for live, arm in targets.arms
            ]
            arm = np.array(places)[arms]
            mine = arm != NONE
            if mine.any():
                join.expose(columns, chosen[mine], arm[mine])

    def predictions_folded(self, append_ms: Ints, at: Ints, closed: Ints, before: int) -> None:
        """A batch of predictions was folded.

        `append_ms` of all its records; `closed` through which pane after each accepted one, `at`
        the record of each; `before`, through which pane before the batch.
        """
        if not append_ms.size:
            return
        received = np.maximum.accumulate(np.maximum(append_ms, self.order.predictions_read_ms))
        rises = closed > np.concatenate([[before], closed[:-1]])
        closings = [
            Closing(append_ms=ms, closed_through=pane)
            for ms, pane in zip(received[at[rises]].tolist(), closed[rises].tolist(), strict=True)
        ]
        self.order.predictions_folded(int(received[-1]), closings if self.wanted else ())

    def merge(self) -> list[Cohort]:
        """Join as far as both logs are known; returns what cohorts tell now, in order."""
        told: list[Cohort] = []
        for step in self.order.steps():
            match step:
                case Rows():
                    self._join(step)
                case Closing(closed_through=closed_through):
                    told += self._close(closed_through)
        return told

    def _join(self, step: Rows) -> None:
        rows = np.arange(step.first, step.last)
        offset = step.batch.offset[step.first : step.last]
        for join in self.joins.values():
            join.take(step.batch.columns, rows[offset >= join.live.outcomes_offset])

    def _close(self, closed_through: int) -> Sequence[Cohort]:
        self.joined_through = closed_through
        return [
            cohort
            for name in sorted(self.joins)
            for cohort in self.joins[name].advance(closed_through)
        ]
