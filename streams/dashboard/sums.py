"""What do all panes of one segment and arm add up to? Counts over time, and over values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.dashboard.buckets import MOST, Buckets, Fold
from streams.dashboard.pane_groups import Group
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.log_histogram import MAPPING

Ints = NDArray[np.int64]
MOST_SLICED = 120
"""Buckets of a slice's traffic."""


def _latencies() -> Ints:
    return np.zeros(MAPPING.size, np.int64)


def _shares() -> Ints:
    return np.zeros(SCORE_MAPPING.size, np.int64)


@dataclass(slots=True)
class Shape:
    """Counts by latency, score, confidence and class."""

    latency: Ints = field(default_factory=_latencies)
    scores: Ints = field(default_factory=_shares)
    confidences: Ints = field(default_factory=_shares)
    classes: Counter[str] = field(default_factory=Counter)

    def add(self, group: Group) -> None:
        """Fold cells in."""
        np.add.at(self.latency, group.latency.index, group.latency.count)
        np.add.at(self.scores, group.scores.index, group.scores.count)
        np.add.at(self.confidences, group.confidences.index, group.confidences.count)
        self.classes.update(group.classes)

    def merge(self, other: Shape) -> None:
        """Add another's counts."""
        self.latency += other.latency
        self.scores += other.scores
        self.confidences += other.confidences
        self.classes.update(other.classes)


@dataclass(slots=True)
class Sums:
    """One segment and arm since the first pane that was read."""

    traffic: Buckets
    """Columns: exposures, errors."""
    shape: Shape = field(default_factory=Shape)
    exposures: int = 0
    errors: int = 0

    @classmethod
    def of(cls, *, whole: bool) -> Sums:
        """Nothing yet; the whole has finer buckets than a slice."""
        return cls(Buckets(2, Fold.SUM, MOST if whole else MOST_SLICED))

    def add(self, group: Group) -> None:
        """Fold cells in."""
        self.traffic.put_all(group.second, np.column_stack((group.exposures, group.errors)))
        self.exposures += int(group.exposures.sum())
        self.errors += int(group.errors.sum())
        self.shape.add(group)
