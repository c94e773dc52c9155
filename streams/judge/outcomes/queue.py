"""Which matured cohorts may speak for promotion? Those whose weights are confirmed.

As `judge.promotion`, of cohorts: they are old when they mature, so few ever wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.judge.monitors.evidence import Counts
from streams.judge.weights import Placement, Weights, WeightTimeline

COHORTS_WAITING = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCohort:
    """A matured cohort whose weights are not confirmed yet, as it was counted."""

    number: int
    start_ms: int
    end_ms: int
    counts: tuple[tuple[Counts, ...], ...]
    """By metric (coverage first), then by candidate."""


class CohortQueue:
    """Matured cohorts of one outcome in order, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[WaitingCohort] = deque()
        self.dropped = 0
        """Cohorts of the current stage that were given up unconfirmed."""

    def push(self, waiting: WaitingCohort) -> None:
        """Let a cohort wait; the oldest is dropped beyond `COHORTS_WAITING`."""
        self._waiting.append(waiting)
        if len(self._waiting) > COHORTS_WAITING:
            self._waiting.popleft()
            self.dropped += 1

    def settled(self, timeline: WeightTimeline) -> Iterator[tuple[WaitingCohort, Weights]]:
        """Take out, in order, the cohorts that are settled; yield the steady ones with weights."""
        while self._waiting:
            head = self._waiting[0]
            placement, weights = timeline.place(head.start_ms, head.end_ms)
            if placement is Placement.WAITING:
                return
            self._waiting.popleft()
            if placement is Placement.STEADY and weights is not None:
                yield head, weights

    def enter_stage(self) -> None:
        """Cohorts from before the stage say nothing in it; count what is given up from zero."""
        self._waiting.clear()
        self.dropped = 0

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
