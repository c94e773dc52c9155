"""Did the mean of one metric change? River's ADWIN on means of at least `MIN_EVENTS` events.

Source: Bifet, Gavalda, "Learning from time-changing data with adaptive windowing" (SDM 2007).
ADWIN's window cannot be stored as JSON, so what stands for it are the means that it was fed since
it began: fed again they give the same window, bit for bit, in this and in any version of river.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# The core of `river.drift.ADWIN`: that package brings scikit-learn, pandas and SQLAlchemy, which
# take seconds of each start and a hundred megabytes. A test holds it against `ADWIN` itself.
from river._river_rust.drift import AdaptiveWindowing

PARTS = 100_000
"""Means are integers: parts of one."""
MIN_EVENTS = 100
"""A mean holds so many events at least. A change of latency to twice is then found after about
2 700 events, when a block wholly after it has frozen tau already."""
KEPT = 512
"""Means remembered at most; when there are so many, the older half is forgotten."""
DELTA = 0.05
"""ADWIN's confidence. Its bounds are wide: none of 200 stationary streams of a day each was flagged
(tests/statistics/drift.py)."""
CLOCK = 8
"""Means between two looks."""


def new_detector() -> AdaptiveWindowing:
    """An empty ADWIN; `update` takes a mean in [0, 1] and tells whether it sees a change."""
    return AdaptiveWindowing(delta=DELTA, clock=CLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The means on both sides of a change, in parts."""

    before: int
    after: int


class Course:
    """The means of one metric since it last changed. One that has no events yet has no course."""

    def __init__(self, span: int, *, centred: bool = False) -> None:
        """ADWIN looks at [0, span] in parts, or at a span around the first mean."""
        self._span, self._centred = span, centred
        self._sum = self._count = 0
        self._begin()

    def add(self, total: int, count: int) -> Change | None:
        """A pane's events, their sum in parts; the change that it completes, if any."""
        self._sum, self._count = self._sum + total, self._count + count
        if self._count < MIN_EVENTS:
            return None
        mean, self._sum, self._count = self._sum // self._count, 0, 0
        return self._grow(mean)

    def _grow(self, mean: int) -> Change | None:
        if self._changed(mean):
            change = likeliest_change(self._means)
            self._begin()
            return change
        if len(self._means) >= KEPT:
            self._feed(self._means[KEPT // 2 :])
        return None

    def _begin(self) -> None:
        self._means: list[int] = []
        self._detector: AdaptiveWindowing | None = None

    def _changed(self, mean: int) -> bool:
        """One more mean; whether ADWIN sees a change with it."""
        if self._detector is None:
            self._detector = new_detector()
        self._means.append(mean)
        return self._detector.update(self._scaled(mean))

    def _scaled(self, mean: int) -> float:
        """The mean in [0, 1]; shares are not bent, so that it matters not how many make a mean."""
        place = mean / self._span
        if self._centred:
            place = 0.5 + (mean - self._means[0]) / self._span
        return min(max(place, 0.0), 1.0)

    def _feed(self, means: Iterable[int]) -> None:
        """Begin anew with means that are known; a change among them is none that was told."""
        self._begin()
        for mean in means:
            if self._changed(mean):
                self._begin()

    def to_state(self) -> dict[str, Any]:
        """The means, and the one that is not complete, as JSON values."""
        return {"means": list(self._means), "open": [self._sum, self._count]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._feed(state["means"])
        self._sum, self._count = state["open"]


def likeliest_change(means: Sequence[int]) -> Change:
    """Where two or more means are parted best: the split with the largest sum of squares between.

    ADWIN says that there was a change, and keeps more than what lies after it.

    >>> likeliest_change([10, 12, 11, 30, 32])
    Change(before=11, after=31)
    """
    sums, size = np.cumsum(means), len(means)
    before = np.arange(1, size)
    apart = (sums[:-1] * size - sums[-1] * before).astype(np.float64)
    place = int(np.argmax(apart**2 / (before * (size - before)))) + 1
    total, first = int(sums[-1]), int(sums[place - 1])
    return Change(before=first // place, after=(total - first) // (size - place))
