"""Which panels does a rollout have, and where does each metric of each row stand in them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

import numpy as np

from streams.evidence.fixed import Ints
from streams.judge.budget import Key
from streams.judge.monitors.blocks import BLOCK_COLUMNS
from streams.judge.monitors.current_times import CurrentTimes
from streams.judge.monitors.dispersion import Dispersions
from streams.judge.monitors.evidence import Claim, Gauge, Reader
from streams.judge.monitors.kinds import Form, form_of, new_evidence, new_reader, tested_limit
from streams.judge.monitors.paired import RatioReader
from streams.judge.monitors.panel import Panel
from streams.judge.monitors.units import by_unit, counted_of
from streams.judge.monitors.watch import PaneWatch
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Overdispersion, RolloutSpec, Unit

OF_USE = frozenset({Form.CPU, Form.MEMORY, Form.GPU})
"""Forms that look at pods: they know no segments, and their blocks are no strata of requests."""
BURSTY = frozenset({Form.RARE, Form.FREQUENT})
"""Forms that a measured overdispersion tempers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A candidate in a segment."""

    segment: str
    candidate: str
    arm: int
    """The candidate's place among the spec's arms."""
    now: CurrentTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A metric and where its counts stand among those of a pane."""

    metric: Metric
    columns: range


def open_watches(
    spec: RolloutSpec, shares: Mapping[Key, float], rows: Sequence[Row]
) -> tuple[list[Panel], list[list[PaneWatch]]]:
    """The panels of a rollout, and by row a watch of each metric of requests, in the spec's order.

    The rows of the whole come first: promotion asks of them alone. One of several candidates may
    be promoted, so each has its part of alpha_promote. Column 0 of the counts is exposures, then
    come each metric's own.

    Raises:
        SpecError: a metric lacks the number that its kind needs.
    """
    readers = [[_reader(metric, spec) for metric in spec.request_metrics] for _ in rows]
    ends = list(accumulate((reader.columns for reader in readers[0]), initial=1))
    seats = {
        metric.name: Seat(metric=metric, columns=range(*ends))
        for metric, ends in zip(spec.request_metrics, pairwise(ends), strict=True)
    }
    panels, found = [], dict[tuple[int, str], Place]()
    for form in Form:
        seated = [seat for seat in seats.values() if form_of(seat.metric) is form]
        if seated:
            of_form = rows[: len(spec.candidates)] if form in OF_USE else rows
            panel = _open_panel(spec, form, seated, shares, of_form)
            panels.append(panel)
            found |= dict(_places(panel))
    watches = [
        [
            _watch(found[place, metric.name], reader, row.now)
            for metric, reader in zip(spec.request_metrics, readers[place], strict=True)
            if (place, metric.name) in found
        ]
        for place, row in enumerate(rows)
    ]
    return panels, watches


def _reader(metric: Metric, spec: RolloutSpec) -> Reader:
    reader = new_reader(metric, spec.max_classes)
    return reader if spec.unit is Unit.REQUEST else by_unit(metric, reader)


def _open_panel(
    spec: RolloutSpec,
    form: Form,
    seats: Sequence[Seat],
    shares: Mapping[Key, float],
    rows: Sequence[Row],
) -> Panel:
    claims = [
        [
            Claim(
                metric=seat.metric,
                segment=row.segment,
                candidate=row.candidate,
                limit=tested_limit(seat.metric),
                alpha_share=shares[row.segment, row.candidate, seat.metric.name],
                alpha_promote=spec.alpha_promote / len(spec.candidates),
                counted=counted_of(seat.metric, spec.unit),
            )
            for seat in seats
        ]
        for row in rows
    ]
    sizes = {seat.metric.name: len(seat.columns) for seat in seats}
    measured = form in BURSTY and spec.overdispersion is Overdispersion.MEASURED
    dispersions = Dispersions(len(claims), len(seats)) if measured else None
    new = partial(new_evidence, form, sizes)
    columns = _block_columns(len(seats)) if form in OF_USE else _columns(seats)
    return Panel(claims, columns, new, dispersions, promoted=len(spec.candidates))


def _block_columns(metrics: int) -> Ints:
    """Blocks hold nothing but what a panel of use looks at, metric by metric."""
    return np.arange(metrics * BLOCK_COLUMNS).reshape(metrics, BLOCK_COLUMNS)


def _columns(seats: Sequence[Seat]) -> Ints:
    """Where the counts of each metric stand; shorter ones are filled up with the last, empty."""
    widest = max(len(seat.columns) for seat in seats)
    columns = np.full((len(seats), widest), -1, np.int64)
    for row, seat in zip(columns, seats, strict=True):
        row[: len(seat.columns)] = seat.columns
    return columns


Place = tuple[Panel, int, int]


def _places(panel: Panel) -> Iterator[tuple[tuple[int, str], Place]]:
    for row, claims in enumerate(panel.claims):
        for column, claim in enumerate(claims):
            yield (row, claim.metric.name), (panel, row, column)


def _watch(place: Place, reader: Reader, now: CurrentTimes) -> PaneWatch:
    panel, row, column = place
    claim = panel.claims[row][column]
    measure = _measure(claim.metric, now)
    if isinstance(reader, RatioReader):
        measure = partial(reader.gauge, claim.alpha_promote)
    return PaneWatch(
        claim=claim, reader=reader, panel=panel, row=row, column=column, measure=measure
    )


def _measure(metric: Metric, now: CurrentTimes) -> Callable[[], Gauge] | None:
    quantile = metric.quantile or 0.0
    if metric.kind is MetricKind.LATENCY:
        return partial(now.of(metric.timing).ratio, quantile)
    if metric.kind is MetricKind.LATENCY_SLA:
        return partial(now.of(metric.timing).candidate_quantile, quantile)
    return None
