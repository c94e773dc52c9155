"""What is measured of the baseline in a pane? Sums of integers in parts of one, and counts.

Integers, so that no processor's arithmetic can move a mean; linear in the events, so that a pane
with fewer requests has the same mean.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from streams.judge.drift.course import MIN_EVENTS, PARTS
from streams.sketches.bins import SCORE_MAPPING, FixedBins
from streams.sketches.cell import Cell
from streams.sketches.histogram import BucketMapping
from streams.sketches.log_histogram import MAPPING

Measured = tuple[int, int]
"""Sum in parts, and count of events."""


def errors(cell: Cell) -> Measured:
    """Requests that failed."""
    return cell.errors * PARTS, cell.exposures


def log_latency(cell: Cell) -> Measured:
    """Natural logarithms of milliseconds."""
    return int(cell.latency.counts @ _LOG_MS), cell.latency.total


def scores(cell: Cell) -> Measured:
    """Scores in [0, 1]."""
    return _binned(cell.scores)


def confidences(cell: Cell) -> Measured:
    """Confidences in [0, 1]."""
    return _binned(cell.confidences)


def _binned(bins: FixedBins) -> Measured:
    return int(bins.counts @ _SCORE), bins.total


def _values(mapping: BucketMapping) -> list[float]:
    return [mapping.value(index) for index in range(mapping.size)]


_LOG_MS = np.array([round(PARTS * math.log(ms)) for ms in _values(MAPPING)], np.int64)
_SCORE = np.array([round(PARTS * score) for score in _values(SCORE_MAPPING)], np.int64)


class LargestClasses:
    """Requests whose class is one of those that made up half of the first requests."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._first: Counter[str] = Counter()

    def measure(self, cell: Cell) -> Measured:
        """Requests of those classes; nothing while they are being learnt."""
        counts = cell.classes.counts
        if not self._names:
            self._learn(counts)
            return 0, 0
        largest = sum(count for name, count in counts.items() if name in self._names)
        return largest * PARTS, cell.classes.total

    def _learn(self, counts: dict[str, int]) -> None:
        self._first.update(counts)
        total = self._first.total()
        if total < MIN_EVENTS:
            return
        names, held = set[str](), 0
        for name, count in sorted(self._first.items(), key=lambda item: (-item[1], item[0])):
            if 2 * held >= total:
                break
            names.add(name)
            held += count
        self.forget()
        self._names = frozenset(names)

    def forget(self) -> None:
        """The mix has changed: learn anew which classes are large."""
        self._names, self._first = frozenset(), Counter()

    def to_state(self) -> dict[str, Any]:
        """The classes, and what they are being learnt from, as JSON values."""
        return {"names": sorted(self._names), "first": dict(sorted(self._first.items()))}

    def restore(self, state: dict[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._names, self._first = frozenset(state["names"]), Counter(state["first"])
