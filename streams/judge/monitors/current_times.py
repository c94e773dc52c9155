"""How slow are both arms now, by each of the times that a spec asks about?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.judge.monitors.generative import times_of
from streams.judge.monitors.latency import CurrentLatency
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Metric, MetricKind, Timing

KINDS = frozenset({MetricKind.LATENCY, MetricKind.LATENCY_SLA})


class CurrentTimes:
    """Times of requests, first tokens and output tokens, those that are asked about."""

    def __init__(self, metrics: Iterable[Metric] = (), alpha: float = 0.05) -> None:
        """What is asked about, and the any-time miscoverage of its intervals."""
        asked: dict[Timing, list[float]] = {}
        for metric in metrics:
            if metric.kind in KINDS:
                quantiles = asked.setdefault(metric.timing, [])
                if metric.kind is MetricKind.LATENCY and metric.quantile:
                    quantiles.append(metric.quantile)
        self._each = {
            timing: CurrentLatency(quantiles, alpha, times_of(timing))
            for timing, quantiles in asked.items()
        }

    def join(self, rows: Sequence[CurrentTimes]) -> None:
        """Be measured together with rows that are asked about the same, this one among them."""
        for timing, each in self._each.items():
            each.join([row.of(timing) for row in rows])

    def of(self, timing: Timing) -> CurrentLatency:
        """One of the times asked about."""
        return self._each[timing]

    def add(self, baseline: Cell, candidate: Cell, weight_bp: int) -> None:
        """A pane; another weight than the last one's starts afresh."""
        for each in self._each.values():
            each.add(baseline, candidate, weight_bp)

    def to_state(self) -> dict[str, Any]:
        """The histograms by time, as JSON values."""
        return {timing.value: each.to_state() for timing, each in self._each.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same metrics."""
        for timing, each in self._each.items():
            each.restore(state[timing.value])
