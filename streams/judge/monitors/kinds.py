"""Which reader and which test does each kind of metric have? The one place that knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import TypeVar, assert_never

from streams.errors import SpecError
from streams.evidence.quantile import effective_margin, margin_buckets
from streams.judge.monitors.dispersion import Dispersion
from streams.judge.monitors.evidence import Evidence
from streams.judge.monitors.latency import CurrentLatency, LatencyReader
from streams.judge.monitors.mix import ClassReader, MixEvidence, ScoreReader
from streams.judge.monitors.rates import RateReader, RatioEvidence, SuccessEvidence
from streams.judge.monitors.sla import SlaEvidence, SlaReader
from streams.judge.monitors.watch import Claim, Watch
from streams.spec.model import Metric, MetricKind, Overdispersion, RolloutSpec

Value = TypeVar("Value")


def open_watches(
    spec: RolloutSpec, candidate: str, shares: Mapping[tuple[str, str], float], now: CurrentLatency
) -> list[Watch]:
    """A watch for each metric of a candidate; `shares` is alpha by (candidate, metric).

    One of several candidates may be promoted, so each has its part of alpha_promote.

    Raises:
        SpecError: a metric lacks the number that its kind needs.
    """
    return [
        _open(
            metric,
            partial(
                Claim,
                metric=metric,
                candidate=candidate,
                alpha_share=shares[candidate, metric.name],
                alpha_promote=spec.alpha_promote / len(spec.candidates),
            ),
            now,
            spec,
        )
        for metric in spec.metrics
    ]


def _open(
    metric: Metric, claim: Callable[..., Claim], now: CurrentLatency, spec: RolloutSpec
) -> Watch:
    bursts = Dispersion() if spec.overdispersion is Overdispersion.MEASURED else None
    match metric.kind:
        case MetricKind.ERRORS | MetricKind.TIMEOUTS:
            evidence = partial(RatioEvidence, metric.margin, metric.floor, dispersion=bursts)
            reader = RateReader(attrgetter(metric.kind.value))
            return Watch(claim(limit=1 + metric.margin), reader, evidence)
        case MetricKind.SUCCESS:
            limit = _needed(metric.floor, metric, "floor")
            reader = RateReader(attrgetter("errors"))
            return Watch(claim(limit=limit), reader, partial(SuccessEvidence, limit))
        case MetricKind.LATENCY:
            return _open_latency(metric, claim, now, bursts)
        case MetricKind.LATENCY_SLA:
            return _open_sla(metric, claim, now)
        case MetricKind.CLASSES:
            return _open_mix(metric, claim, ClassReader(spec.max_classes))
        case MetricKind.SCORES:
            return _open_mix(metric, claim, ScoreReader())
        case _:
            assert_never(metric.kind)


def _open_latency(
    metric: Metric, claim: Callable[..., Claim], now: CurrentLatency, bursts: Dispersion | None
) -> Watch:
    quantile = _needed(metric.quantile, metric, "quantile")
    tested = effective_margin(margin_buckets(metric.margin))
    reader = LatencyReader(quantile, metric.margin)
    evidence = partial(RatioEvidence, 0.0, frequent=1 - quantile, dispersion=bursts)
    return Watch(claim(limit=1 + tested), reader, evidence, partial(now.gauge, quantile))


def _open_sla(metric: Metric, claim: Callable[..., Claim], now: CurrentLatency) -> Watch:
    quantile = _needed(metric.quantile, metric, "quantile")
    limit_ms = _needed(metric.limit_ms, metric, "limit_ms")
    evidence, gauge = partial(SlaEvidence, quantile), partial(now.candidate_gauge, quantile)
    return Watch(claim(limit=limit_ms), SlaReader(limit_ms), evidence, gauge)


def _open_mix(
    metric: Metric, claim: Callable[..., Claim], reader: ClassReader | ScoreReader
) -> Watch:
    threshold = _needed(metric.threshold, metric, "threshold")
    told = claim(limit=threshold)

    def evidence() -> Evidence:
        return MixEvidence(reader.columns, threshold, told.alpha_share, told.alpha_promote)

    return Watch(told, reader, evidence)


def _needed(value: Value | None, metric: Metric, field: str) -> Value:
    if value is None:
        raise SpecError(
            f"metric {metric.name!r} of kind {metric.kind.value!r}: `{field}` is missing; "
            f"give it in the rollout spec"
        )
    return value
