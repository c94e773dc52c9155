"""Which reader and which test does each kind of metric have? The one place that knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import TypeVar, assert_never

from streams.errors import SpecError
from streams.evidence.quantile import effective_margin, margin_buckets
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from streams.judge.monitors.blocks import BlockEvidence, UseReader
from streams.judge.monitors.capped import PARTS
from streams.judge.monitors.evidence import Claims, Evidence, Reader
from streams.judge.monitors.generative import generative_reader, times_of
from streams.judge.monitors.latency import LatencyReader
from streams.judge.monitors.means import (
    BoundedMeanEvidence,
    UnboundedMeanEvidence,
    relative_margin,
)
from streams.judge.monitors.mix import BinReader, ClassReader, MixEvidence
from streams.judge.monitors.paired import paired_evidence, paired_reader
from streams.judge.monitors.rates import (
    FREQUENT,
    RateReader,
    RatioEvidence,
    SuccessEvidence,
    frequent_sums,
    rare_sums,
)
from streams.judge.monitors.sla import SlaEvidence, SlaReader
from streams.judge.monitors.swapped import Swapped, swapped_margin
from streams.sketches.scaled_sums import UNIT
from streams.spec.metric_facts import OF_OUTCOMES, PAIRED, Harm, Metric, MetricKind

Value = TypeVar("Value")
START_RATE = 0.1
"""A guess of mistakes and conversions, before any are known: worth 20 exposures."""


class Form(StrEnum):
    """Forms of test; the metrics of one are judged together."""

    RARE = "rare"  # rate ratios of rare events
    FREQUENT = "frequent"  # rate ratios of events above 5 %
    SUCCESS = "success"  # one arm's share against a limit
    SLA = "sla"  # one arm's latency quantile against a limit
    MIX = "mix"  # divergence of categories
    COMPARED = "compared"  # rate ratios of outcomes, which are frequent
    MEAN = "mean"  # ratios of means of values with a range
    CAPPED = "capped"  # ratios of means of values without one
    PAIRED = "paired"  # rates of failure of two answers to one request
    DISAGREEMENT = "disagreement"  # share of requests with two different answers
    CPU = "cpu"  # block means of a resource: each has blocks of its own length
    MEMORY = "memory"
    GPU = "gpu"


FORMS = MappingProxyType(
    {
        MetricKind.ERRORS: Form.RARE,
        MetricKind.TIMEOUTS: Form.RARE,
        MetricKind.REFUSALS: Form.RARE,
        MetricKind.SUCCESS: Form.SUCCESS,
        MetricKind.LATENCY_SLA: Form.SLA,
        MetricKind.CLASSES: Form.MIX,
        MetricKind.SCORES: Form.MIX,
        MetricKind.CONFIDENCES: Form.MIX,
        MetricKind.MISTAKES: Form.COMPARED,
        MetricKind.RECALL: Form.COMPARED,
        MetricKind.RATE: Form.COMPARED,
        MetricKind.ACCURACY: Form.SUCCESS,
        MetricKind.LOG_LOSS: Form.MEAN,
        MetricKind.BRIER: Form.MEAN,
        MetricKind.MEAN: Form.MEAN,
        MetricKind.JUDGE_SCORES: Form.MEAN,
        MetricKind.TOKENS_IN: Form.CAPPED,
        MetricKind.TOKENS_OUT: Form.CAPPED,
        MetricKind.PAIRED_ERRORS: Form.PAIRED,
        MetricKind.PAIRED_TIMEOUTS: Form.PAIRED,
        MetricKind.LATENCY_RATIO: Form.SLA,
        MetricKind.DISAGREEMENT: Form.DISAGREEMENT,
        **{kind: Form(kind.resource) for kind in MetricKind if kind.resource},
    }
)
"""Of every kind whose form does not hang on its numbers."""


def form_of(metric: Metric) -> Form:
    """By which form a metric is judged.

    Raises:
        SpecError: the metric lacks the number that its kind needs.
    """
    if metric.kind is not MetricKind.LATENCY:
        return FORMS[metric.kind]
    slow = 1 - _needed(metric.quantile, metric, "quantile")
    return Form.FREQUENT if slow > FREQUENT else Form.RARE


def new_reader(metric: Metric, max_classes: int) -> Reader:
    """What counts a metric in a pane.

    Raises:
        SpecError: the metric lacks the number that its kind needs.
    """
    match metric.kind:
        case MetricKind.ERRORS | MetricKind.TIMEOUTS | MetricKind.SUCCESS:
            events = "timeouts" if metric.kind is MetricKind.TIMEOUTS else "errors"
            return RateReader(attrgetter(events))
        case kind if kind in PAIRED:
            return paired_reader(metric)
        case MetricKind.LATENCY:
            quantile = _needed(metric.quantile, metric, "quantile")
            return LatencyReader(quantile, metric.margin, times_of(metric.timing))
        case MetricKind.LATENCY_SLA:
            limit_ms = _needed(metric.limit_ms, metric, "limit_ms")
            return SlaReader(limit_ms, times_of(metric.timing))
        case MetricKind.CLASSES | MetricKind.SCORES | MetricKind.CONFIDENCES:
            return _mix_reader(metric.kind, max_classes)
        case kind if kind in OF_OUTCOMES:
            raise SpecError(
                f"metric {metric.name!r} of kind {kind.value!r}: `outcome` is missing; "
                f"name the outcome that it is computed from"
            )
        case kind:
            return UseReader() if kind.resource else generative_reader(kind)


def _mix_reader(kind: MetricKind, max_classes: int) -> Reader:
    return ClassReader(max_classes) if kind is MetricKind.CLASSES else BinReader(attrgetter(kind))


def tested_limit(metric: Metric) -> float:
    """The limit in the gauge's unit, as it is really tested.

    Raises:
        SpecError: the metric lacks the number that its kind needs.
    """
    match metric.kind:
        case MetricKind.SUCCESS | MetricKind.ACCURACY:
            return _needed(metric.floor, metric, "floor")
        case MetricKind.LATENCY | MetricKind.LATENCY_RATIO:
            return 1 + effective_margin(margin_buckets(metric.margin))
        case MetricKind.LATENCY_SLA:
            return _needed(metric.limit_ms, metric, "limit_ms")
        case MetricKind.CLASSES | MetricKind.SCORES | MetricKind.CONFIDENCES:
            return _needed(metric.threshold, metric, "threshold")
        case kind if kind is MetricKind.DISAGREEMENT or kind.is_limit:
            most = metric.limit if kind.is_limit else metric.most
            return _needed(most, metric, "limit" if kind.is_limit else "most")
        case _:
            return 1 - metric.margin if metric.harm is Harm.LESS else 1 + metric.margin


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
        case (
            Form.COMPARED
            | Form.MEAN
            | Form.CAPPED
            | Form.PAIRED
            | Form.DISAGREEMENT
            | (Form.CPU | Form.MEMORY | Form.GPU)
        ):
            return _of_ratios(form, claims)
        case _:
            assert_never(form)


def _of_ratios(form: Form, claims: Claims) -> Evidence:
    """Both arms against each other: rates of outcomes, means, pairs of answers, use of pods."""
    if form in {Form.PAIRED, Form.DISAGREEMENT}:
        return paired_evidence(claims)
    if form in {Form.CPU, Form.MEMORY, Form.GPU}:
        return BlockEvidence(claims)
    metrics = [claim.metric for claim in claims[0]]
    if form is Form.COMPARED:
        return _compared(metrics, len(claims))
    margins = [relative_margin(metric) for metric in metrics]
    if form is Form.MEAN:
        return BoundedMeanEvidence(margins, claims, UNIT)
    return UnboundedMeanEvidence(margins, claims, PARTS)


def _compared(metrics: Sequence[Metric], rows: int) -> Evidence:
    """Two samples against each other; all metrics have harm on the same side."""
    sides = {metric.harm for metric in metrics}
    if len(sides) > 1:
        raise ValueError(f"metrics with harm on both sides share no evidence: {metrics}")
    less = sides == {Harm.LESS}
    margins = tuple(swapped_margin(m.margin) if less else m.margin for m in metrics)
    test = TwoSampleTest(margins, start_rate=START_RATE)
    evidence = RatioEvidence(
        TwoSampleSums.zeros(test, (rows, len(margins))), (None,) * len(margins)
    )
    return Swapped(evidence) if less else evidence


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
