"""How are a batch's events added to open panes without touching them one by one?

Events are grouped by (arm, pane), and for each declared dimension by slice too; each metric is one
`bincount` over group x bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streams.panes.classes import add_classes
from streams.panes.facts import Cells, LiveRollout
from streams.panes.generative import MeasuredLlm
from streams.panes.segments import Slicing
from streams.panes.targets import Targets
from streams.panes.units.sighted import Sighted
from streams.sketches.bins import SCORE_MAPPING, FixedBins
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from streams.sketches.unit_cell import UnitCell
from streams.spec.model import ALL_SEGMENT
from streams.wire.columns import Coded, PredictionColumns

_ERROR, _TIMEOUT = 1, 2

WIDEST = 1 << 12
"""So many groups are counted without a thought."""

Ints = NDArray[np.int64]
Place = tuple[str, int]
"""Rollout and pane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
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
        cell = self.cells.setdefault((name, self.arm), Cell())
        return replace(self, segment=name, cell=cell)


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
    predicted: NDArray[np.int32]
    """Class."""
    sighted: Sighted | None
    """Units, where a rollout counts them."""
    llm: MeasuredLlm | None
    """What generative models add; None where no event has it."""

    @classmethod
    def of(cls, columns: PredictionColumns, chosen: Ints, group: Ints, *, units: bool) -> Measured:
        """The chosen events, in their groups, and whose they are if asked for."""
        status, llm = columns.status[chosen], columns.llm
        error, timeout = status >= _ERROR, status == _TIMEOUT
        latency = np.where(timeout, MAPPING.size - 1, MAPPING.index(columns.latency_ms[chosen]))
        told = {"bucket": latency, "error": error, "timeout": timeout}
        return cls(
            group=group,
            error=error,
            timeout=timeout,
            latency=latency,
            sighted=Sighted.of(columns, chosen, **told) if units else None,
            score=_share_bins(columns.score[chosen]),
            confidence=_share_bins(columns.confidence[chosen]),
            predicted=columns.predicted_class.codes[chosen],
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
    units = any(group.rollout.units is not None for group in groups)
    measured = Measured.of(columns, chosen, group_of, units=units)
    classes = columns.predicted_class
    _add(groups, measured, classes)
    for rollout, slicing in targets.sliced:
        for slices, part in _sliced(rollout, slicing, groups, measured, columns, chosen):
            _add(slices, part, classes)
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
    cell = cells.setdefault((ALL_SEGMENT, arm), Cell())
    return Group(rollout=rollout, pane=pane, segment=ALL_SEGMENT, arm=arm, cells=cells, cell=cell)


def _sliced(
    rollout: LiveRollout,
    slicing: Slicing,
    groups: list[Group],
    measured: Measured,
    columns: PredictionColumns,
    chosen: Ints,
) -> Iterator[tuple[list[Group], Measured]]:
    """A rollout's events by slice, once for each of its dimensions."""
    own = np.array([group.rollout is rollout for group in groups])
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


def _add(groups: list[Group], measured: Measured, classes: Coded) -> None:
    _add_requests(groups, measured)
    table = _table(measured.group, measured.latency, (len(groups), MAPPING.size))
    for group, counts in zip(groups, table, strict=True):
        group.cell.latency.counts += counts
    add_classes(groups, measured.group, measured.predicted, classes)
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


def _table(group_of: Ints, column: NDArray[np.integer], shape: tuple[int, int]) -> Ints:
    """Counts by (group, column): one pass over the events."""
    flat = np.bincount(group_of * shape[1] + column, minlength=shape[0] * shape[1])
    return flat.reshape(shape)


def _share_bins(share: NDArray[np.float64]) -> Ints:
    bins = np.full(share.size, -1, np.int64)
    given = ~np.isnan(share)
    bins[given] = SCORE_MAPPING.index(share[given])
    return bins


def _add_shares(bins: list[FixedBins], group_of: Ints, index: Ints) -> None:
    given = index >= 0
    if not given.any():
        return
    table = _table(group_of[given], index[given], (len(bins), SCORE_MAPPING.size))
    for each, counts in zip(bins, table, strict=True):
        each.counts += counts


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
