"""In which metrics has the baseline itself changed? A change is evidence about the world alone.

It is never harm of a candidate, makes no verdict invalid and blocks nothing. When latency has
changed, the next stage learns its thresholds anew (`monitors/latency.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.judge.decision_facts import Direction, Drift
from streams.judge.drift import measures
from streams.judge.drift.course import PARTS, Change, Course
from streams.judge.facts import PaneInput
from streams.judge.record import drift_from_record, drift_to_record
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT, BASELINE

LATENCY, CLASSES = "latency", "classes"
TOLD = 16
"""Changes of a rollout that decisions remember."""
ERRORS_SPAN = PARTS // 5
"""Errors are watched up to 20 %: a finer scale for what services have."""
LATENCY_SPAN = round(2 * math.log(4) * PARTS)
"""Latency is watched from a quarter of what it was at first to four times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One metric of the baseline: how it is measured and told, and its course."""

    name: str
    unit: str
    measure: Callable[[Cell], measures.Measured]
    course: Course

    def feed(self, cell: Cell, pane: int) -> Drift | None:
        """A pane of the baseline; the change that was detected in it."""
        change = self.course.add(*self.measure(cell))
        return None if change is None else self._told(change, pane)

    def _told(self, change: Change, pane: int) -> Drift:
        up = change.after > change.before
        return Drift(
            metric=self.name,
            unit=self.unit,
            pane=pane,
            before=_figure(change.before, self.unit),
            after=_figure(change.after, self.unit),
            direction=Direction.UP if up else Direction.DOWN,
        )


def _figure(parts: int, unit: str) -> float:
    """To five digits, beyond which logarithms may differ between processors."""
    value = parts / PARTS
    return float(f"{math.exp(value) if unit == 'ms' else value:.5g}")


class DriftWatch:
    """Everything that is watched of the baseline, over all segments, and its last changes."""

    def __init__(self) -> None:
        self.told: tuple[Drift, ...] = ()
        """The last changes of the rollout, oldest first."""
        self._largest = measures.LargestClasses()
        self._probes = tuple(_probes(self._largest))

    def feed(self, pane: PaneInput) -> frozenset[str]:
        """A pane; the metrics whose change was detected in it. No baseline, no news."""
        cell = pane.cells.get((ALL_SEGMENT, BASELINE))
        if cell is None:
            return frozenset()
        fed = [probe.feed(cell, pane.pane) for probe in self._probes]
        found = [drift for drift in fed if drift is not None]
        metrics = frozenset(drift.metric for drift in found)
        if CLASSES in metrics:
            self._largest.forget()
        self.told = (*self.told, *found)[-TOLD:]
        return metrics

    def to_state(self) -> dict[str, Any]:
        """Everything that a later pane needs, as JSON values."""
        return {
            "told": [drift_to_record(drift) for drift in self.told],
            "largest": self._largest.to_state(),
            "courses": {probe.name: probe.course.to_state() for probe in self._probes},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self.told = tuple(drift_from_record(record) for record in state["told"])
        self._largest.restore(state["largest"])
        for probe in self._probes:
            probe.course.restore(state["courses"][probe.name])


def _probes(largest: measures.LargestClasses) -> Iterator[Probe]:
    for name, unit, measure, course in (
        ("errors", "share", measures.errors, Course(ERRORS_SPAN)),
        (LATENCY, "ms", measures.log_latency, Course(LATENCY_SPAN, centred=True)),
        (CLASSES, "share", largest.measure, Course(PARTS)),
        ("scores", "score", measures.scores, Course(PARTS)),
        ("confidences", "score", measures.confidences, Course(PARTS)),
    ):
        yield Probe(name=name, unit=unit, measure=measure, course=course)
