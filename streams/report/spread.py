"""How were latency, scores, classes spread in each arm? From sketches of the whole rollout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np

from streams.panes.facts import Cells
from streams.report.arm_facts import Bin, Distribution, Quantile
from streams.report.facts import MetricStory
from streams.sketches.cell import Cell
from streams.sketches.histogram import Histogram
from streams.sketches.llm_cell import LlmCell
from streams.spec.metric_facts import Metric, MetricKind, Timing
from streams.spec.model import ALL_SEGMENT, BASELINE

MOST_BINS = 48
MOST_CLASSES = 20
TIMES = frozenset({MetricKind.LATENCY, MetricKind.LATENCY_SLA})
QUANTILES = (0.5, 0.9, 0.95, 0.99)
REST = "all others"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Something that cells count in a histogram."""

    name: str
    unit: str
    read: Callable[[Cell], Histogram]


def _llm(cell: Cell) -> LlmCell:
    return cell.llm or LlmCell()


KINDS = (
    _Kind(name="latency", unit="ms", read=lambda cell: cell.latency),
    _Kind(name="score", unit="", read=lambda cell: cell.scores),
    _Kind(name="confidence", unit="", read=lambda cell: cell.confidences),
    _Kind(name="time to first token", unit="ms", read=lambda cell: _llm(cell).ttft),
    _Kind(name="time per token", unit="ms", read=lambda cell: _llm(cell).tpot),
    _Kind(name="prompt", unit="tokens", read=lambda cell: _llm(cell).tokens_in),
    _Kind(name="answer", unit="tokens", read=lambda cell: _llm(cell).tokens_out),
)


def with_quantiles(
    stories: Iterable[MetricStory], metrics: Sequence[Metric], cells: Cells
) -> Iterator[MetricStory]:
    """Stories on times with the quantile that each arm had, where the panes are at hand."""
    by_name = {metric.name: metric for metric in metrics if metric.kind in TIMES}
    for story in stories:
        metric = by_name.get(story.metric)
        if metric is None:
            yield story
            continue
        baseline = _quantile_ms(metric, cells.get((story.segment, BASELINE)))
        treated = _quantile_ms(metric, cells.get((story.segment, story.candidate)))
        yield replace(
            story,
            baseline=replace(story.baseline, quantile_ms=baseline),
            treated=replace(story.treated, quantile_ms=treated),
        )


def _quantile_ms(metric: Metric, cell: Cell | None) -> float | None:
    if cell is None or metric.quantile is None:
        return None
    match metric.timing:
        case Timing.REQUEST:
            return cell.latency.quantile(metric.quantile)
        case Timing.TTFT:
            return _llm(cell).ttft.quantile(metric.quantile)
        case Timing.TPOT:
            return _llm(cell).tpot.quantile(metric.quantile)
        case _:
            assert_never(metric.timing)


def distributions(cells: Cells, arms: Sequence[str]) -> tuple[Distribution, ...]:
    """Of the whole, what any arm has values of."""
    whole = {arm: cells[ALL_SEGMENT, arm] for arm in arms if (ALL_SEGMENT, arm) in cells}
    return tuple(_distributions(whole))


def _distributions(cells: dict[str, Cell]) -> Iterator[Distribution]:
    for kind in KINDS:
        read = {arm: kind.read(cell) for arm, cell in cells.items()}
        found = {arm: histogram for arm, histogram in read.items() if histogram.total}
        if found:
            yield _of_values(kind, found)
    classes = {arm: cell.classes.counts for arm, cell in cells.items() if cell.classes.total}
    if classes:
        yield _of_classes(classes)


def _of_values(kind: _Kind, found: dict[str, Histogram]) -> Distribution:
    held = np.flatnonzero(sum(histogram.counts for histogram in found.values()))
    first, last = int(held[0]), int(held[-1])
    length = -(-(last - first + 1) // MOST_BINS)
    starts = range(first, last + 1, length)
    return Distribution(
        name=kind.name,
        unit=kind.unit,
        arms=tuple(found),
        totals=tuple(histogram.total for histogram in found.values()),
        bins=tuple(_bin(tuple(found.values()), start, start + length) for start in starts),
        quantiles=tuple(
            Quantile(label=f"p{100 * q:g}", values=tuple(h.quantile(q) for h in found.values()))
            for q in QUANTILES
        ),
    )


def _bin(histograms: Sequence[Histogram], start: int, end: int) -> Bin:
    """The share of each in the buckets from `start` to before `end`."""
    edges = histograms[0].mapping.edges
    low, high = _lower(histograms[0], start), float(edges[min(end, edges.size) - 1])
    return Bin(
        label=f"{low:.3g} .. {high:.3g}",
        low=low,
        high=high,
        shares=tuple(int(h.counts[start:end].sum()) / h.total for h in histograms),
    )


def _lower(histogram: Histogram, bucket: int) -> float:
    """Lower end of a bucket; that of the first is 0."""
    return float(histogram.mapping.edges[bucket - 1]) if bucket else 0.0


def _of_classes(found: dict[str, dict[str, int]]) -> Distribution:
    """The largest classes, by name; the others are one."""
    totals = {arm: sum(counts.values()) for arm, counts in found.items()}
    names = sorted({name for counts in found.values() for name in counts})

    def weight(name: str) -> float:
        return sum(counts.get(name, 0) / totals[arm] for arm, counts in found.items())

    largest = sorted(sorted(names, key=weight, reverse=True)[:MOST_CLASSES])
    parts = [Bin(label=n, low=None, high=None, shares=_shares(found, [n])) for n in largest]
    rest = [name for name in names if name not in set(largest)]
    if rest:
        parts.append(Bin(label=REST, low=None, high=None, shares=_shares(found, rest)))
    return Distribution(
        name="predicted classes",
        unit="",
        arms=tuple(found),
        totals=tuple(totals.values()),
        bins=tuple(parts),
        quantiles=(),
    )


def _shares(found: dict[str, dict[str, int]], names: Sequence[str]) -> tuple[float, ...]:
    return tuple(
        sum(counts.get(name, 0) for name in names) / sum(counts.values())
        for counts in found.values()
    )


def is_logarithmic(distribution: Distribution) -> bool:
    """Whether it is drawn over equal factors."""
    return bool(distribution.unit)
