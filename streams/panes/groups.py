"""How are a batch's events added to open panes without touching them one by one?

Events are grouped by (arm, pane), and for each declared dimension by slice too; each metric is one
`bincount` over group x bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.panes.classes import add_classes, class_numbers
from streams.panes.facts import Cells, LiveRollout
from streams.panes.generative import MeasuredLlm
from streams.panes.segments import Slicing
from streams.panes.targets import Targets
from streams.panes.units.sighted import Sighted
from streams.sketches.bins import SCORE_MAPPING, FixedBins
from streams.sketches.cell import Cell
from streams.sketches.histogram import Histogram
from streams.sketches.log_histogram import MAPPING
from streams.sketches.unit_cell import UnitCell
from streams.spec.model import ALL_SEGMENT
from streams.wire.columns import PredictionColumns

_ERROR, _TIMEOUT = 1, 2

WIDEST = 1 << 12
"""So many groups are counted without a thought."""
SPARSE = 16
"""Buckets an event, from which on no table of all is made."""

Ints = NDArray[np.int64]
Place = tuple[str, int]
"""Rollout and pane."""


class Group(NamedTuple):
    """Events of one (segment, arm, pane) in a batch and the cell they belong to."""

    rollout: LiveRollout
    pane: int
    segment: str
    arm: str
    cells: Cells
    """Those of its rollout and pane."""
    cell: Cell

    def of_slice(self, name: str) -> Group:
        """The group of its events in one slice."""
        cell = _cell(self.cells, (name, self.arm))
        return Group(self.rollout, self.pane, name, self.arm, self.cells, cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is added of each event; found once, however many cells it goes to."""

    group: Ints
    error: NDArray[np.bool_]
    timeout: NDArray[np.bool_]
    latency: Ints
    """Bucket: failed requests count with their latency, a timeout took longer than any tells."""
    score: Ints
    """Bin; -1 where there is none, as of the others."""
    confidence: Ints
    predicted: Ints
    """Number of its class among its rollout's."""
    sighted: Sighted | None
    """Units, where a rollout counts them."""
    llm: MeasuredLlm | None
    """What generative models add; None where no event has it."""

    @classmethod
    def of(
        cls, columns: PredictionColumns, chosen: Ints, groups: list[Group], of: Ints
    ) -> Measured:
        """The chosen events, `of` these groups, and whose units they are where those count."""
        units = any(group.rollout.units is not None for group in groups)
        classes = columns.predicted_class
        status, llm = columns.status[chosen], columns.llm
        error, timeout = status >= _ERROR, status == _TIMEOUT
        latency = np.where(timeout, MAPPING.size - 1, MAPPING.index(columns.latency_ms[chosen]))
        told = {"bucket": latency, "error": error, "timeout": timeout}
        return cls(
            group=of,
            error=error,
            timeout=timeout,
            latency=latency,
            sighted=Sighted.of(columns, chosen, **told) if units else None,
            score=_share_bins(columns.score[chosen]),
            confidence=_share_bins(columns.confidence[chosen]),
            predicted=class_numbers(groups, of, classes.codes[chosen], classes),
            llm=None if llm is None else MeasuredLlm.of(llm, chosen, timeout),
        )

    def regrouped(self, part: NDArray[np.bool_], group: Ints) -> Measured:
        """Those of its events that are in `part`, in other groups."""
        if part.all():
            return replace(self, group=group)
        return Measured(
            group=group,
            error=self.error[part],
            timeout=self.timeout[part],
            latency=self.latency[part],
            score=self.score[part],
            confidence=self.confidence[part],
            predicted=self.predicted[part],
            sighted=self.sighted and self.sighted.at(part),
            llm=self.llm and self.llm.part(part),
        )


def add_to_cells(
    open_panes: dict[Place, Cells],
    targets: Targets,
    columns: PredictionColumns,
    chosen: Ints,
    arms: Ints,
    pane_ms: int,
) -> set[Place]:
    """Add the chosen events (indexes into `columns`, with their arm numbers) to their cells.

    Returns the keys of the open panes that changed.
    """
    pane = columns.event_ms[chosen] // pane_ms
    first = int(pane.min())
    span = int(pane.max()) - first + 1
    keys, group_of = _dense(arms * span + (pane - first), len(targets.arms) * span)
    groups = [
        _group(open_panes, key % span + first, *targets.arms[key // span]) for key in keys.tolist()
    ]
    measured = Measured.of(columns, chosen, groups, group_of)
    _add(groups, measured)
    for slicing, rollouts in targets.sliced:
        own = np.array([group.rollout.spec.rollout in rollouts for group in groups])
        for slices, part in _sliced(slicing, own, groups, measured, columns, chosen):
            _add(slices, part)
    return {(group.rollout.spec.rollout, group.pane) for group in groups}


def _dense(keys: Ints, below: int) -> tuple[Ints, Ints]:
    """The distinct keys, ascending, and the place of each key among them.

    Keys below a small number are counted, not sorted.

    >>> [part.tolist() for part in _dense(np.array([7, 2, 7]), 9)]
    [[2, 7], [1, 0, 1]]
    """
    if below > WIDEST + 4 * keys.size:
        distinct, places = np.unique(keys, return_inverse=True)
        return distinct, places
    occupied = np.flatnonzero(np.bincount(keys, minlength=below))
    place = np.zeros(below, np.int64)
    place[occupied] = np.arange(occupied.size)
    return occupied, place[keys]


def _group(open_panes: dict[Place, Cells], pane: int, rollout: LiveRollout, arm: str) -> Group:
    """Events of the whole of one arm and pane; its cell is made where it is not there yet."""
    cells = open_panes.setdefault((rollout.spec.rollout, pane), {})
    return Group(rollout, pane, ALL_SEGMENT, arm, cells, _cell(cells, (ALL_SEGMENT, arm)))


def _cell(cells: Cells, key: tuple[str, str]) -> Cell:
    cell = cells.get(key)
    if cell is None:
        cell = cells[key] = Cell()
    return cell


def _sliced(
    slicing: Slicing,
    own: NDArray[np.bool_],
    groups: list[Group],
    measured: Measured,
    columns: PredictionColumns,
    chosen: Ints,
) -> Iterator[tuple[list[Group], Measured]]:
    """Events by slice, once for each dimension; of the groups that are sliced so."""
    if not own.any():
        return
    part = own[measured.group]
    group_of = measured.group[part]
    for codes, slices in slicing.cuts(slicing.numbers(columns.segment, chosen[part])):
        keys = group_of * len(slices) + codes
        occupied, place = _dense(keys, len(groups) * len(slices))
        cut = [
            groups[k // len(slices)].of_slice(slices[k % len(slices)]) for k in occupied.tolist()
        ]
        yield cut, measured.regrouped(part, place)


def _add(groups: list[Group], measured: Measured) -> None:
    _add_requests(groups, measured)
    _add_counts([group.cell.latency for group in groups], measured.group, measured.latency)
    add_classes(groups, measured.group, measured.predicted)
    _add_shares([group.cell.scores for group in groups], measured.group, measured.score)
    _add_shares([group.cell.confidences for group in groups], measured.group, measured.confidence)
    _add_units(groups, measured)
    if measured.llm is not None:
        measured.llm.add_to([group.cell for group in groups], measured.group)


def _add_requests(groups: list[Group], measured: Measured) -> None:
    of, size = measured.group, len(groups)
    exposures = np.bincount(of, minlength=size).tolist()
    errors = np.bincount(of[measured.error], minlength=size).tolist()
    timeouts = np.bincount(of[measured.timeout], minlength=size).tolist()
    for group, n, failed, late in zip(groups, exposures, errors, timeouts, strict=True):
        group.cell.exposures += n
        group.cell.errors += failed
        group.cell.timeouts += late


def _add_counts(histograms: Sequence[Histogram], group_of: Ints, bucket: Ints) -> None:
    """Add each event's bucket to its group's histogram: one pass over the events."""
    size = histograms[0].mapping.size
    keys = group_of * size + bucket
    if len(histograms) * size > SPARSE * keys.size:
        _add_sparse(histograms, keys)
        return
    table = np.bincount(keys, minlength=len(histograms) * size).reshape(-1, size)
    for histogram, counts in zip(histograms, table, strict=True):
        histogram.counts += counts


def _add_sparse(histograms: Sequence[Histogram], keys: Ints) -> None:
    """The same where there would be far more buckets than events."""
    size = histograms[0].mapping.size
    found, counts = np.unique(keys, return_counts=True)
    bounds = np.searchsorted(found, size * np.arange(len(histograms) + 1)).tolist()
    buckets = found % size
    for histogram, (first, end) in zip(histograms, pairwise(bounds), strict=True):
        histogram.counts[buckets[first:end]] += counts[first:end]


def _share_bins(share: NDArray[np.float64]) -> Ints:
    bins = np.full(share.size, -1, np.int64)
    given = ~np.isnan(share)
    bins[given] = SCORE_MAPPING.index(share[given])
    return bins


def _add_shares(bins: list[FixedBins], group_of: Ints, index: Ints) -> None:
    given = index >= 0
    if given.any():
        _add_counts(bins, group_of[given], index[given])


def _add_units(groups: list[Group], measured: Measured) -> None:
    """What is seen of units, for the rollouts that count them."""
    if measured.sighted is None:
        return
    order = np.argsort(measured.group, kind="stable")
    ends = np.cumsum(np.bincount(measured.group, minlength=len(groups)))
    for group, rows in zip(groups, np.split(order, ends[:-1]), strict=True):
        if group.rollout.units is not None:
            seen = measured.sighted.at(rows)
            group.rollout.units.add(group.pane, (group.segment, group.arm), seen.units, seen.sight)
            group.cell.units = group.cell.units or UnitCell()
            group.cell.units.merge(seen.told())
