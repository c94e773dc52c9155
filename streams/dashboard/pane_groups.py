"""How are cells of many panes put together, so that every sum is touched once? Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.log_histogram import MAPPING
from streams.wire.pane_columns import Bins, PaneColumns
from streams.wire.reasons import MAX_EVENT_MS

Ints = NDArray[np.int64]
RECENT_MS = 600_000
"""A half of what is recent: the running half, and the one before it."""
RADIX = np.iinfo(np.int16).max
"""Up to here numpy sorts by digits, in one pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts by bucket, in any order; a bucket may come more than once."""

    index: Ints
    count: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All cells of one segment and arm whose panes begin in the same ten minutes, one or more."""

    segment: str
    arm: str
    half: int
    """Which ten minutes: begin // RECENT_MS."""
    from_ms: int
    through_ms: int
    """Begin of the first pane and end of the last, event time."""
    second: Ints
    """In which each cell's pane began."""
    exposures: Ints
    errors: Ints
    latency: Counts
    scores: Counts
    confidences: Counts
    classes: Counter[str]


def check(columns: PaneColumns, pane_ms: Ints) -> None:
    """Whether panes can be summed at all.

    Raises:
        ValueError: a pane at no time, or a bucket that there is not.
    """
    pane = columns.pane
    if (pane_ms <= 0).any() or ((pane < 0) | (pane >= MAX_EVENT_MS // pane_ms)).any():
        raise ValueError("it lies before 1970 or after 2200")
    _check_buckets(columns.latency, MAPPING.size)
    _check_buckets(columns.scores, SCORE_MAPPING.size)
    _check_buckets(columns.confidences, SCORE_MAPPING.size)


def _check_buckets(bins: Bins, size: int) -> None:
    if bins.index.size and not 0 <= bins.index.min() <= bins.index.max() < size:
        raise ValueError(f"a bucket that there is not: there are {size}")


def grouped(columns: PaneColumns, pane_ms: Ints, keep: NDArray[np.bool_]) -> dict[str, list[Group]]:
    """Rollout -> groups of its cells, in the order in which segments and arms came first.

    Args:
        columns: panes that `check` lets pass.
        pane_ms: how long each pane is.
        keep: which panes count.
    """
    cells = np.flatnonzero(keep[columns.cell_pane])
    found: dict[str, list[Group]] = {}
    if cells.size:
        for rollout, group in _Grouping(columns, pane_ms, cells).groups():
            found.setdefault(rollout, []).append(group)
    return found


class _Grouping:
    """Which group each kept cell belongs to, and what lies in a group."""

    def __init__(self, columns: PaneColumns, pane_ms: Ints, cells: Ints) -> None:
        pane = columns.cell_pane[cells]
        self._columns, self._cells, self._pane = columns, cells, pane
        self._begin_ms = columns.pane[pane] * pane_ms[pane]
        self._end_ms = self._begin_ms + pane_ms[pane]
        names = (columns.rollout.codes[pane], columns.segment.codes[cells])
        halves = self._begin_ms // RECENT_MS
        number, self._first = _numbered(*names, columns.arm.codes[cells], halves)
        self._groups = len(self._first)
        self._of_cell = np.full(len(columns.cell_pane), -1)
        """By cell of the columns; -1: it does not count."""
        self._of_cell[cells] = number
        self._parted = _Parted(number, self._groups)
        self._latency, self._scores, self._confidences = (
            _Parted(self._of_cell[bins.cell], self._groups)
            for bins in (columns.latency, columns.scores, columns.confidences)
        )
        self._classes = self._counted()

    def groups(self) -> Iterator[tuple[str, Group]]:
        """Each with the rollout that it is of."""
        columns = self._columns
        for number, first in enumerate(self._first.tolist()):
            cell, mine = self._cells[first], self._parted.rows(number)
            cells, begin_ms = self._cells[mine], self._begin_ms[mine]
            group = Group(
                segment=columns.segment.names[columns.segment.codes[cell]],
                arm=columns.arm.names[columns.arm.codes[cell]],
                half=int(begin_ms[0]) // RECENT_MS,
                from_ms=int(begin_ms.min()),
                through_ms=int(self._end_ms[mine].max()),
                second=begin_ms // 1000,
                exposures=columns.exposures[cells],
                errors=columns.errors[cells],
                latency=_counts(columns.latency, self._latency.rows(number)),
                scores=_counts(columns.scores, self._scores.rows(number)),
                confidences=_counts(columns.confidences, self._confidences.rows(number)),
                classes=self._classes[number],
            )
            yield columns.rollout.names[columns.rollout.codes[self._pane[first]]], group

    def _counted(self) -> list[Counter[str]]:
        """Class counts of each group."""
        columns, found = self._columns, [Counter[str]() for _ in range(self._groups)]
        group = self._of_cell[columns.class_cell]
        there = group >= 0
        if there.any():
            codes, counts = columns.class_name.codes[there], columns.class_count[there]
            number, first = _numbered(group[there], codes)
            sums = np.zeros(len(first), np.int64)
            np.add.at(sums, number, counts)
            places = zip(group[there][first].tolist(), codes[first].tolist(), strict=True)
            for (place, code), total in zip(places, sums.tolist(), strict=True):
                found[place][columns.class_name.names[code]] += total
        return found


class _Parted:
    """Rows by the group that they belong to, within a group in their order."""

    def __init__(self, group: Ints, groups: int) -> None:
        small = group.astype(np.int16) if groups <= RADIX else group
        self._order = np.argsort(small, kind="stable")
        self._bounds = np.searchsorted(small[self._order], np.arange(groups + 1))

    def rows(self, number: int) -> Ints:
        """Those of one group."""
        rows: Ints = self._order[self._bounds[number] : self._bounds[number + 1]]
        return rows


def _counts(bins: Bins, rows: Ints) -> Counts:
    return Counts(index=bins.index[rows], count=bins.count[rows])


def _numbered(*columns: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """The number of each row's combination, and the first row of each; numbered as they come."""
    keys = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        low = column.min()
        _, known = np.unique(keys, return_inverse=True)
        keys = known * (int(column.max() - low) + 1) + (column - low)
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place[number], first[order]
