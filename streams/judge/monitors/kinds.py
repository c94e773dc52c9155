"""Which reader and which test does each kind of metric have? The one place that knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import TypeVar, assert_never

import numpy as np

from streams.errors import SpecError
from streams.evidence.fixed import Ints
from streams.evidence.quantile import effective_margin, margin_buckets
from streams.judge.monitors.dispersion import Dispersions
from streams.judge.monitors.evidence import Claim, Claims, Evidence, Gauge, Reader
from streams.judge.monitors.latency import CurrentLatency, LatencyReader
from streams.judge.monitors.mix import ClassReader, MixEvidence, ScoreReader
from streams.judge.monitors.panel import Panel
from streams.judge.monitors.rates import (
    FREQUENT,
    RateReader,
    RatioEvidence,
    SuccessEvidence,
    frequent_sums,
    rare_sums,
)
from streams.judge.monitors.sla import SlaEvidence, SlaReader
from streams.judge.monitors.watch import Watch
from streams.spec.model import Metric, MetricKind, Overdispersion, RolloutSpec

Value = TypeVar("Value")


class Form(StrEnum):
    """Forms of test; the metrics of one are judged together."""

    RARE = "rare"  # rate ratios of rare events
    FREQUENT = "frequent"  # rate ratios of events above 5 %
    SUCCESS = "success"  # one arm's share against a limit
    SLA = "sla"  # one arm's latency quantile against a limit
    MIX = "mix"  # divergence of categories


BURSTY = frozenset({Form.RARE, Form.FREQUENT})
"""Forms that a measured overdispersion tempers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A metric and where its counts stand among those of a pane."""

    metric: Metric
    columns: range


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
        case MetricKind.CLASSES | MetricKind.SCORES:
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
        case MetricKind.SCORES:
            return ScoreReader()
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
        case MetricKind.CLASSES | MetricKind.SCORES:
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


def open_watches(
    spec: RolloutSpec, shares: Mapping[tuple[str, str], float], nows: Sequence[CurrentLatency]
) -> tuple[list[Panel], list[list[Watch]]]:
    """The panels of a rollout, and by candidate a watch of each metric in the spec's order.

    `shares` is alpha by (candidate, metric), `nows` the latencies of each candidate. One of
    several candidates may be promoted, so each has its part of alpha_promote. Column 0 of the
    counts is exposures, then come each metric's own.

    Raises:
        SpecError: a metric lacks the number that its kind needs.
    """
    readers = [[new_reader(m, spec.max_classes) for m in spec.metrics] for _ in spec.candidates]
    ends = list(accumulate((reader.columns for reader in readers[0]), initial=1))
    seats = {
        metric.name: Seat(metric=metric, columns=range(*ends))
        for metric, ends in zip(spec.metrics, pairwise(ends), strict=True)
    }
    panels, found = [], dict[tuple[str, str], Place]()
    for form in Form:
        seated = [seat for seat in seats.values() if form_of(seat.metric) is form]
        if seated:
            panel = _open_panel(spec, form, seated, shares)
            panels.append(panel)
            found |= dict(_places(panel))
    watches = [
        [
            _watch(found[candidate.name, metric.name], reader, now)
            for metric, reader in zip(spec.metrics, row, strict=True)
        ]
        for candidate, row, now in zip(spec.candidates, readers, nows, strict=True)
    ]
    return panels, watches


def _open_panel(
    spec: RolloutSpec, form: Form, seats: Sequence[Seat], shares: Mapping[tuple[str, str], float]
) -> Panel:
    claims = [
        [
            Claim(
                metric=seat.metric,
                candidate=candidate.name,
                limit=tested_limit(seat.metric),
                alpha_share=shares[candidate.name, seat.metric.name],
                alpha_promote=spec.alpha_promote / len(spec.candidates),
            )
            for seat in seats
        ]
        for candidate in spec.candidates
    ]
    sizes = {seat.metric.name: len(seat.columns) for seat in seats}
    measured = form in BURSTY and spec.overdispersion is Overdispersion.MEASURED
    dispersions = Dispersions(len(claims), len(seats)) if measured else None
    return Panel(claims, _columns(seats), partial(new_evidence, form, sizes), dispersions)


def _columns(seats: Sequence[Seat]) -> Ints:
    """Where the counts of each metric stand; shorter ones are filled up with the last, empty."""
    widest = max(len(seat.columns) for seat in seats)
    columns = np.full((len(seats), widest), -1, np.int64)
    for row, seat in zip(columns, seats, strict=True):
        row[: len(seat.columns)] = seat.columns
    return columns


Place = tuple[Panel, int, int]


def _places(panel: Panel) -> Iterator[tuple[tuple[str, str], Place]]:
    for row, claims in enumerate(panel.claims):
        for column, claim in enumerate(claims):
            yield (claim.candidate, claim.metric.name), (panel, row, column)


def _watch(place: Place, reader: Reader, now: CurrentLatency) -> Watch:
    panel, row, column = place
    claim = panel.claims[row][column]
    measure = _measure(claim.metric, now)
    return Watch(claim=claim, reader=reader, panel=panel, row=row, column=column, measure=measure)


def _measure(metric: Metric, now: CurrentLatency) -> Callable[[], Gauge] | None:
    quantile = metric.quantile or 0.0
    if metric.kind is MetricKind.LATENCY:
        return partial(now.ratio, quantile)
    if metric.kind is MetricKind.LATENCY_SLA:
        return partial(now.candidate_quantile, quantile)
    return None


def _needed(value: Value | None, metric: Metric, field: str) -> Value:
    if value is None:
        raise SpecError(
            f"metric {metric.name!r} of kind {metric.kind.value!r}: `{field}` is missing; "
            f"give it in the rollout spec"
        )
    return value
