"""Which matured cohorts may speak for promotion? Those whose weights are confirmed.

As `judge.promotion`, of cohorts: they are old when they mature, so few ever wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.judge.confirmation import ConfirmationQueue
from streams.judge.monitors.evidence import Counts
from streams.judge.weights import Weights, WeightTimeline


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCohort:
    """A matured cohort whose weights are not confirmed yet, as it was counted."""

    number: int
    start_ms: int
    end_ms: int
    counts: tuple[tuple[Counts, ...], ...]
    """By metric (coverage first), then by candidate."""


class CohortQueue(ConfirmationQueue[WaitingCohort]):
    """Matured cohorts of one outcome that wait."""

    def settled(self, timeline: WeightTimeline) -> Iterator[tuple[WaitingCohort, Weights]]:
        """Take out, in order, the cohorts that are settled; yield the steady ones with weights."""
        return self._settled(timeline, lambda w: (w.start_ms, w.end_ms))

    def to_state(self) -> dict[str, Any]:
        """The queue as JSON values."""
        waiting = [
            [w.number, w.start_ms, w.end_ms, [[c.tolist() for c in rows] for rows in w.counts]]
            for w in self._waiting
        ]
        return {"waiting": waiting, "dropped": self.dropped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._waiting = deque(
            WaitingCohort(
                number=number,
                start_ms=start_ms,
                end_ms=end_ms,
                counts=tuple(tuple(np.array(c, np.int64) for c in rows) for rows in counts),
            )
            for number, start_ms, end_ms, counts in state["waiting"]
        )
        self.dropped = state["dropped"]
