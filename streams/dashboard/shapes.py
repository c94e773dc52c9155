"""How are values of the arms distributed? The same bins of each, cut to where anything lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import assert_never

import numpy as np

from streams.dashboard.answers.series import ArmDistribution, Distribution, Kind, Quantiles, Span
from streams.dashboard.pane_book import PaneBook, Spell
from streams.dashboard.sums import Ints, Shape
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.categories import OTHER
from streams.sketches.histogram import BucketMapping
from streams.sketches.log_histogram import MAPPING, LogHistogram
from streams.spec.model import ALL_SEGMENT, RolloutSpec

MOST_CLASSES = 50
"""Classes that are told apart; the rest is `other`."""


def kinds_of(book: PaneBook) -> list[Kind]:
    """Which distributions of the whole hold anything."""
    shapes = [sums.shape for (segment, _), sums in book.sums.items() if segment == ALL_SEGMENT]
    return [kind for kind in Kind if any(_holds(shape, kind) for shape in shapes)]


def distribution_of(
    spec: RolloutSpec, book: PaneBook, kind: Kind, segment: str, span: Span
) -> Distribution:
    """All arms of a segment; of what is recent the whole alone is known."""
    spell, shapes = _sums(book, segment, span)
    edges: list[float] = []
    names: list[str] = []
    if kind is Kind.CLASSES:
        names = _names(shapes)
        counts = {arm: _named(shape, names) for arm, shape in shapes.items()}
    else:
        edges, counts = _binned(shapes, kind)
    return Distribution(
        kind=kind,
        segment=segment,
        span=span,
        from_s=None if spell.from_ms is None else spell.from_ms / 1000,
        through_s=None if spell.through_ms is None else spell.through_ms / 1000,
        edges=edges,
        names=names,
        arms=[
            ArmDistribution(
                arm=arm,
                count=sum(counts[arm]),
                counts=counts[arm],
                quantiles=_quantiles(shapes[arm]) if kind is Kind.LATENCY else None,
            )
            for arm in spec.arms
            if arm in counts
        ],
    )


def _sums(book: PaneBook, segment: str, span: Span) -> tuple[Spell, Mapping[str, Shape]]:
    if span is Span.ALL:
        kept = {arm: sums.shape for (name, arm), sums in book.sums.items() if name == segment}
        return book.spell, kept
    spell, shapes = Spell(), dict[str, Shape]()
    for half in book.halves.values() if segment == ALL_SEGMENT else ():
        if half.spell.from_ms is not None and half.spell.through_ms is not None:
            spell.stretch(half.spell.from_ms, half.spell.through_ms)
        for arm, shape in half.shapes.items():
            shapes.setdefault(arm, Shape()).merge(shape)
    return spell, shapes


def _holds(shape: Shape, kind: Kind) -> bool:
    return bool(shape.classes) if kind is Kind.CLASSES else bool(_bins(shape, kind).any())


def _bins(shape: Shape, kind: Kind) -> Ints:
    match kind:
        case Kind.LATENCY:
            return shape.latency
        case Kind.SCORE:
            return shape.scores
        case Kind.CONFIDENCE:
            return shape.confidences
        case Kind.CLASSES:
            raise ValueError("classes have names, not bins")
        case _:
            assert_never(kind)


def _binned(shapes: Mapping[str, Shape], kind: Kind) -> tuple[list[float], dict[str, list[int]]]:
    """Edges and counts; of latency only the buckets between the first and the last with a count."""
    bins = {arm: _bins(shape, kind) for arm, shape in shapes.items()}
    mapping: BucketMapping = MAPPING if kind is Kind.LATENCY else SCORE_MAPPING
    edges = np.concatenate(([0.0], mapping.edges))
    first, last = 0, mapping.size
    if kind is Kind.LATENCY:
        there = np.flatnonzero(np.sum([*bins.values()], axis=0)) if bins else np.zeros(0, int)
        first, last = (int(there[0]), int(there[-1]) + 1) if there.size else (0, 0)
    counts = {arm: each[first:last].tolist() for arm, each in bins.items()}
    return (edges[first : last + 1].tolist() if last else []), counts


def _names(shapes: Mapping[str, Shape]) -> list[str]:
    """The largest classes of all arms together, then what is told apart no more."""
    total: Counter[str] = Counter()
    for shape in shapes.values():
        total.update(shape.classes)
    rest = total.pop(OTHER, 0)
    names = sorted(total, key=lambda name: (-total[name], name))
    kept = names[:MOST_CLASSES]
    return [*kept, OTHER] if rest or len(names) > len(kept) else kept


def _named(shape: Shape, names: list[str]) -> list[int]:
    told = {name: shape.classes[name] for name in names if name != OTHER}
    rest = sum(shape.classes.values()) - sum(told.values())
    return [rest if name == OTHER else told[name] for name in names]


def _quantiles(shape: Shape) -> Quantiles | None:
    histogram = LogHistogram(shape.latency.copy())
    p50, p95, p99 = (histogram.quantile(q) for q in (0.5, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    return Quantiles(p50=p50, p95=p95, p99=p99)
