"""Which panes may speak for promotion? Those that wait here until their weights are confirmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from streams.judge.arrivals import Arrivals
from streams.judge.confirmation import ConfirmationQueue
from streams.judge.monitors.evidence import Counts
from streams.judge.weights import Weights, WeightTimeline


@dataclass(frozen=True, kw_only=True)
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

    @cached_property
    def state(self) -> list[Any]:
        """JSON values, counts sparse; made once, however many states it waits in."""
        counts = [_sparse(each) for each in self.counts]
        return [self.pane, counts, self.arrivals.to_state()]


class PromotionQueue(ConfirmationQueue[Waiting]):
    """Panes that wait."""

    def settled(self, timeline: WeightTimeline, pane_ms: int) -> Iterator[tuple[Waiting, Weights]]:
        """Take out, in order, the panes that are settled; yield the steady ones with weights."""
        return self._settled(timeline, lambda w: (w.pane * pane_ms, (w.pane + 1) * pane_ms))

    def to_state(self) -> dict[str, Any]:
        """The queue as JSON values, counts sparse."""
        return {"waiting": [each.state for each in self._waiting], "dropped": self.dropped}

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
