"""How do evidence and traffic look over time? Columns of equal length. Pure functions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from streams.dashboard import shares
from streams.dashboard.answers.common import Column
from streams.dashboard.answers.series import EvidenceSeries, TrafficSeries
from streams.dashboard.buckets import Buckets
from streams.dashboard.changes import Changes
from streams.dashboard.claims import COLUMNS, Claim
from streams.dashboard.pane_book import PaneBook
from streams.dashboard.story import Story
from streams.spec.model import BASELINE, RolloutSpec

EXPOSURES, ERRORS = 0, 1
"""Columns of `Sums.traffic`."""


def evidence_series(claim: Claim, unit: str, series: Buckets) -> EvidenceSeries:
    """One claim over time."""
    rows = series.rows()
    told = {name: _column(rows[:, place]) for place, name in enumerate(COLUMNS)}
    return EvidenceSeries(
        metric=claim.metric,
        candidate=claim.candidate,
        segment=claim.segment,
        unit=unit,
        bucket_s=series.width,
        at_s=rows[:, COLUMNS.index("at_s")].tolist(),
        estimate=told["estimate"],
        low=told["low"],
        high=told["high"],
        limit=told["margin"],
        log_e_harm=told["log_e_harm"],
        log_e_harm_threshold=told["log_e_harm_threshold"],
        log_e_safe=told["log_e_safe"],
        log_e_safe_threshold=told["log_e_safe_threshold"],
        events={BASELINE: told["baseline_events"], claim.candidate: told["events"]},
        exposures={BASELINE: told["baseline_exposures"], claim.candidate: told["exposures"]},
    )


def traffic_series(spec: RolloutSpec, story: Story, book: PaneBook, segment: str) -> TrafficSeries:
    """Shares and requests of a segment over time."""
    sums = {arm: book.sums.get((segment, arm)) for arm in spec.arms}
    width = max((each.traffic.width for each in sums.values() if each), default=1)
    counts = {arm: _counts(each.traffic, width) if each else {} for arm, each in sums.items()}
    buckets = sorted({second for told in counts.values() for second in told})
    times = sorted({*map(float, buckets), *story.wanted.times, *story.applied.times})
    exposures = {arm: _spread(counts[arm], times, EXPOSURES, buckets) for arm in spec.arms}
    return TrafficSeries(
        segment=segment,
        bucket_s=width,
        at_s=times,
        wanted_pct=_held(spec, story.wanted, times, segment),
        applied_pct=_held(spec, story.applied, times, segment),
        measured_pct=_measured(spec, exposures, len(times)),
        exposures=exposures,
        errors={arm: _spread(counts[arm], times, ERRORS, buckets) for arm in spec.arms},
    )


def _column(values: NDArray[np.float64]) -> Column:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _counts(traffic: Buckets, width: int) -> dict[int, list[float]]:
    """Begin of each bucket -> its row; arms whose buckets are narrower are made as wide as all."""
    found: dict[int, list[float]] = {}
    for second, row in zip(traffic.times(), traffic.rows().tolist(), strict=True):
        begin = second // width * width
        before = found.get(begin, [0.0] * len(row))
        found[begin] = [one + other for one, other in zip(before, row, strict=True)]
    return found


def _spread(
    counts: dict[int, list[float]], times: list[float], column: int, buckets: list[int]
) -> Column:
    """A count where there is a bucket, 0 where another arm alone has one, null elsewhere."""
    there, none = {float(second) for second in buckets}, [0.0, 0.0]
    return [counts.get(int(at), none)[column] if at in there else None for at in times]


def _held(
    spec: RolloutSpec, changes: Changes, times: list[float], segment: str
) -> dict[str, Column]:
    """What held at each time."""
    weights = [changes.at(at) for at in times]
    told = [None if each is None else shares.of_segment(spec, each, segment) for each in weights]
    return _by_arm(spec, told)


def _measured(spec: RolloutSpec, exposures: dict[str, Column], count: int) -> dict[str, Column]:
    rows = [{arm: column[at] for arm, column in exposures.items()} for at in range(count)]
    told = [shares.measured(spec, {arm: n or 0.0 for arm, n in row.items()}) for row in rows]
    return _by_arm(spec, told)


def _by_arm(spec: RolloutSpec, told: list[dict[str, float] | None]) -> dict[str, Column]:
    return {arm: [None if row is None else row[arm] for row in told] for arm in spec.arms}
