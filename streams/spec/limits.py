"""Which numbers does each kind of metric take, and in which unit is each written?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streams.spec import units
from streams.spec.metric_facts import MetricKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A field of a metric and its unit."""

    field: str
    parse: Callable[[str], float]

    @property
    def key(self) -> str:
        """What the field is called in YAML, where values carry their unit."""
        return self.field.removesuffix("_ms")


MARGIN = Limit(field="margin", parse=units.margin)
FLOOR = Limit(field="floor", parse=units.share)
THRESHOLD = Limit(field="threshold", parse=units.nats)
USE = Limit(field="limit", parse=units.use)
LIMIT = Limit(field="limit_ms", parse=units.milliseconds)
CHANGE = Limit(field="change", parse=units.change)
FALL = Limit(field="change", parse=units.fall)
MOST = Limit(field="most", parse=units.most)
WEIGHT = Limit(field="weight", parse=units.positive)
# The first is what the short form (`errors: +25%`) means.
LIMITS: dict[MetricKind, tuple[Limit, ...]] = {
    MetricKind.ERRORS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.TIMEOUTS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.SUCCESS: (FLOOR, WEIGHT),
    MetricKind.LATENCY: (MARGIN, WEIGHT),
    MetricKind.LATENCY_SLA: (LIMIT, WEIGHT),
    MetricKind.CLASSES: (THRESHOLD, WEIGHT),
    MetricKind.SCORES: (THRESHOLD, WEIGHT),
    MetricKind.CONFIDENCES: (THRESHOLD, WEIGHT),
    MetricKind.MISTAKES: (MARGIN, FLOOR, WEIGHT),
    MetricKind.ACCURACY: (FLOOR, WEIGHT),
    MetricKind.RECALL: (MARGIN, WEIGHT),
    MetricKind.LOG_LOSS: (MARGIN, WEIGHT),
    MetricKind.BRIER: (MARGIN, WEIGHT),
    MetricKind.RATE: (CHANGE, WEIGHT),
    MetricKind.MEAN: (CHANGE, WEIGHT),
    MetricKind.REFUSALS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.JUDGE_SCORES: (FALL, WEIGHT),
    MetricKind.TOKENS_IN: (MARGIN, WEIGHT),
    MetricKind.TOKENS_OUT: (MARGIN, WEIGHT),
    MetricKind.PAIRED_ERRORS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.PAIRED_TIMEOUTS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.LATENCY_RATIO: (MARGIN, WEIGHT),
    MetricKind.DISAGREEMENT: (MOST, WEIGHT),
    MetricKind.CPU: (MARGIN, WEIGHT),
    MetricKind.MEMORY: (MARGIN, WEIGHT),
    MetricKind.GPU: (MARGIN, WEIGHT),
    MetricKind.CPU_LIMIT: (USE, WEIGHT),
    MetricKind.MEMORY_LIMIT: (USE, WEIGHT),
    MetricKind.GPU_LIMIT: (USE, WEIGHT),
}
NEEDED = {LIMIT: "300ms", FLOOR: "90%"}
"""First limits that some kinds have no default of, and how one is written."""
