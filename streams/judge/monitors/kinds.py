"""Which reader and which test does each kind of metric have? The one place that knows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from operator import attrgetter
from typing import TypeVar, assert_never

from streams.errors import SpecError
from streams.evidence.quantile import effective_margin, margin_buckets
from streams.judge.monitors.evidence import Claims, Evidence, Reader
from streams.judge.monitors.latency import LatencyReader
from streams.judge.monitors.mix import BinReader, ClassReader, MixEvidence
from streams.judge.monitors.rates import (
    FREQUENT,
    RateReader,
    RatioEvidence,
    SuccessEvidence,
    frequent_sums,
    rare_sums,
)
from streams.judge.monitors.sla import SlaEvidence, SlaReader
from streams.spec.model import Metric, MetricKind

Value = TypeVar("Value")


class Form(StrEnum):
    """Forms of test; the metrics of one are judged together."""

    RARE = "rare"  # rate ratios of rare events
    FREQUENT = "frequent"  # rate ratios of events above 5 %
    SUCCESS = "success"  # one arm's share against a limit
    SLA = "sla"  # one arm's latency quantile against a limit
    MIX = "mix"  # divergence of categories


def form_of(metric: Metric) -> Form:
    """By which form a metric is judged.

    Raises:
        SpecError: the metric lacks the number that its kind needs.
    """
    match metric.kind:
        case MetricKind.ERRORS | MetricKind.TIMEOUTS:
            return Form.RARE
        case MetricKind.SUCCESS:
            return Form.SUCCESS
        case MetricKind.LATENCY:
            slow = 1 - _needed(metric.quantile, metric, "quantile")
            return Form.FREQUENT if slow > FREQUENT else Form.RARE
        case MetricKind.LATENCY_SLA:
            return Form.SLA
        case MetricKind.CLASSES | MetricKind.SCORES | MetricKind.CONFIDENCES:
            return Form.MIX
        case _:
            assert_never(metric.kind)


def new_reader(metric: Metric, max_classes: int) -> Reader:
    """What counts a metric in a pane.

    Raises:
        SpecError: the metric lacks the number that its kind needs.
    """
    match metric.kind:
        case MetricKind.ERRORS | MetricKind.TIMEOUTS:
            return RateReader(attrgetter(metric.kind.value))
        case MetricKind.SUCCESS:
            return RateReader(attrgetter("errors"))
        case MetricKind.LATENCY:
            return LatencyReader(_needed(metric.quantile, metric, "quantile"), metric.margin)
        case MetricKind.LATENCY_SLA:
            return SlaReader(_needed(metric.limit_ms, metric, "limit_ms"))
        case MetricKind.CLASSES:
            return ClassReader(max_classes)
        case MetricKind.SCORES | MetricKind.CONFIDENCES:
            return BinReader(attrgetter(metric.kind.value))
        case _:
            assert_never(metric.kind)


def tested_limit(metric: Metric) -> float:
    """The limit in the gauge's unit, as it is really tested.

    Raises:
        SpecError: the metric lacks the number that its kind needs.
    """
    match metric.kind:
        case MetricKind.ERRORS | MetricKind.TIMEOUTS:
            return 1 + metric.margin
        case MetricKind.SUCCESS:
            return _needed(metric.floor, metric, "floor")
        case MetricKind.LATENCY:
            return 1 + effective_margin(margin_buckets(metric.margin))
        case MetricKind.LATENCY_SLA:
            return _needed(metric.limit_ms, metric, "limit_ms")
        case MetricKind.CLASSES | MetricKind.SCORES | MetricKind.CONFIDENCES:
            return _needed(metric.threshold, metric, "threshold")
        case _:
            assert_never(metric.kind)


def new_evidence(form: Form, sizes: Mapping[str, int], claims: Claims) -> Evidence:
    """The test of a form for candidates and metrics; `sizes` counts each metric's columns."""
    metrics, candidates = [claim.metric for claim in claims[0]], len(claims)
    match form:
        case Form.RARE:
            margins = tuple(0.0 if _slow(metric) else metric.margin for metric in metrics)
            floors = tuple(None if _slow(metric) else metric.floor for metric in metrics)
            return RatioEvidence(rare_sums(margins, candidates), floors)
        case Form.FREQUENT:
            rates = tuple(1 - (metric.quantile or 0.0) for metric in metrics)
            return RatioEvidence(frequent_sums(rates, candidates), (None,) * len(rates))
        case Form.SUCCESS:
            limits = tuple(claim.limit for claim in claims[0])
            return SuccessEvidence(limits, candidates)
        case Form.SLA:
            quantiles = tuple(_needed(m.quantile, m, "quantile") for m in metrics)
            return SlaEvidence(quantiles, candidates)
        case Form.MIX:
            return MixEvidence(claims, tuple(sizes[metric.name] for metric in metrics))
        case _:
            assert_never(form)


def _slow(metric: Metric) -> bool:
    """Whether the margin lies in the counts already: latencies are counted beyond it."""
    return metric.kind is MetricKind.LATENCY


def _needed(value: Value | None, metric: Metric, field: str) -> Value:
    if value is None:
        raise SpecError(
            f"metric {metric.name!r} of kind {metric.kind.value!r}: `{field}` is missing; "
            f"give it in the rollout spec"
        )
    return value
