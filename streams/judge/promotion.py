"""Which panes may speak for promotion? Those that wait here until their weights are confirmed.

The queue is bounded: when routing stays unconfirmed for too long, the oldest panes are dropped
from promotion's evidence (never from harm's), and that is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.judge.arrivals import Arrivals
from streams.judge.monitors.evidence import Counts
from streams.judge.weights import Placement, Weights, WeightTimeline

PANES_WAITING = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A judged pane whose weights are not confirmed yet, as each pair counted it."""

    pane: int
    counts: tuple[Counts, ...]
    """Per candidate."""
    arrivals: Arrivals

    @property
    def exposures(self) -> list[int]:
        """Requests, or users at risk, per arm, baseline first."""
        baseline = int(self.counts[0][0, 0])
        return [baseline, *(int(counts[1, 0]) for counts in self.counts)]


class PromotionQueue:
    """Panes in order, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self.dropped = 0
        """Panes of the current stage that were given up unconfirmed."""

    def push(self, waiting: Waiting) -> None:
        """Let a pane wait; the oldest is dropped beyond `PANES_WAITING`."""
        self._waiting.append(waiting)
        if len(self._waiting) > PANES_WAITING:
            self._waiting.popleft()
            self.dropped += 1

    def settled(self, timeline: WeightTimeline, pane_ms: int) -> Iterator[tuple[Waiting, Weights]]:
        """Take out, in order, the panes that are settled; yield the steady ones with weights."""
        while self._waiting:
            start_ms = self._waiting[0].pane * pane_ms
            placement, weights = timeline.place(start_ms, start_ms + pane_ms)
            if placement is Placement.WAITING:
                return
            head = self._waiting.popleft()
            if placement is Placement.STEADY and weights is not None:
                yield head, weights

    def enter_stage(self) -> None:
        """Panes from before the stage say nothing in it; count what is given up from zero."""
        self._waiting.clear()
        self.dropped = 0

    def to_state(self) -> dict[str, Any]:
        """The queue as JSON values, counts sparse."""
        waiting = [
            [w.pane, [_sparse(counts) for counts in w.counts], w.arrivals.to_state()]
            for w in self._waiting
        ]
        return {"waiting": waiting, "dropped": self.dropped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._waiting = deque(
            Waiting(
                pane=pane,
                counts=tuple(_dense(*counts) for counts in pairs),
                arrivals=Arrivals.from_state(arrivals),
            )
            for pane, pairs, arrivals in state["waiting"]
        )
        self.dropped = state["dropped"]


def _sparse(counts: Counts) -> tuple[int, list[int], list[int]]:
    flat = counts.ravel()
    index = np.flatnonzero(flat)
    return counts.shape[1], index.tolist(), flat[index].tolist()


def _dense(columns: int, index: Sequence[int], count: Sequence[int]) -> Counts:
    flat = np.zeros(2 * columns, np.int64)
    flat[np.asarray(index, np.int64)] = count
    return flat.reshape(2, columns)
