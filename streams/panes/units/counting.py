"""What does a pane tell of its units, given what was known of each before it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.panes.seen import NEVER
from streams.panes.units.open_units import CellKey
from streams.panes.units.packing import (
    BEFALLEN,
    ERRED,
    TIMED_OUT,
    Hashes,
    Ints,
    arm_of,
    slowest_of,
    slowest_seen,
    with_arm,
    with_slowest,
)
from streams.sketches.log_histogram import MAPPING, LogHistogram
from streams.sketches.unit_cell import Slowest, UnitCell

NO_ARM = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """Units that one arm served in one segment of a pane, and what was seen of each."""

    key: CellKey
    arm: int
    """Number of the arm, in the spec's order."""
    lowered: bool
    """Whether margins lower its latencies: a candidate's are compared with a higher limit."""
    units: Hashes
    """Ascending."""
    sight: Ints


class Census:
    """Units of a pane that are told apart, ascending; history before it and, in the end, after."""

    def __init__(self, *, units: Hashes, before: Ints, shifts: Sequence[int]) -> None:
        """`before` is `NEVER` of units that are new."""
        self.units, self.shifts = units, tuple(shifts)
        self.new = before == NEVER
        self.before = before
        self.history = np.where(self.new, 0, before)
        self.after = self.history.copy()
        self.lowest, self.highest = np.full(units.size, NO_ARM), np.full(units.size, NEVER)

    def places(self, served: Served) -> tuple[Ints, Ints]:
        """Where units are told, and which rows of `served` they are."""
        if not self.units.size:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self.units, served.units), self.units.size - 1)
        rows = np.flatnonzero(self.units[at] == served.units)
        return at[rows], rows


def take_census(census: Census, served: Sequence[Served]) -> dict[CellKey, UnitCell]:
    """Units by segment and arm; afterwards `census.after` is what is known of them."""
    placed = [(each, *census.places(each)) for each in served]
    for each, at, _ in placed:
        census.lowest[at] = np.minimum(census.lowest[at], each.arm)
        census.highest[at] = np.maximum(census.highest[at], each.arm)
    cells = {each.key: _counted(census, each, at, rows) for each, at, rows in placed}
    census.after = with_arm(census.after, census.highest)
    return cells


def _counted(census: Census, served: Served, at: Ints, rows: Ints) -> UnitCell:
    history, sight = census.history[at], served.sight[rows]
    new = census.new[at]
    origin = np.where(new, census.lowest[at], arm_of(history))
    alone = census.lowest[at] == census.highest[at]
    census.after[at] |= sight & BEFALLEN
    return UnitCell(
        seen=rows.size,
        error_risk=_count(history & ERRED == 0),
        errors=_count(sight & ~history & ERRED),
        timeout_risk=_count(history & TIMED_OUT == 0),
        timeouts=_count(sight & ~history & TIMED_OUT),
        fresh=_count(new & alone),
        crossed=_count(origin != served.arm),
        lost=served.units.size - rows.size,
        slowest={
            shift: _slowest(census, number, shift if served.lowered else 0, at, sight)
            for number, shift in enumerate(census.shifts)
        },
    )


def _slowest(census: Census, number: int, lowered: int, at: Ints, sight: Ints) -> Slowest:
    before = slowest_of(census.history[at], number)
    after = np.maximum(before, slowest_seen(sight) - lowered)
    known = slowest_of(census.after[at], number)
    census.after[at] = with_slowest(census.after[at], number, np.maximum(known, after))
    return Slowest(before=_histogram(before), after=_histogram(after))


def _histogram(buckets: Ints) -> LogHistogram:
    histogram = LogHistogram()
    histogram.counts += np.bincount(buckets, minlength=MAPPING.size)
    return histogram


def _count(rows: Ints) -> int:
    return int(np.count_nonzero(rows))
