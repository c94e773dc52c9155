"""Which run holds a request? All closed panes that are still held, in few runs.

Panes lie in the widest aligned range (panes [j S, (j + 1) S) with S = widest, widest / 4 ... 1) of
which all panes are closed. So the runs are a pure function of `closed_through`, about
8 + 3 log4(widest) are looked through, and every row is merged log4(widest) times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from streams.panes.join.facts import Hashes, Ints
from streams.panes.join.runs import NOWHERE, Run

FANOUT = 4


class Sealed:
    """Runs of one plan, ascending by pane."""

    def __init__(self, widest: int) -> None:
        self.runs: list[Run] = []
        self._widths = list(_widths(widest))

    def take(self, new: list[Run], closed_through: int, kept_from: int) -> None:
        """Add runs of later panes, ascending; drop what is expired; merge."""
        runs = [run for run in (*self.runs, *new) if run.last_pane >= kept_from and run.size]
        self.runs = []
        for (first, panes), group in groupby(runs, lambda run: self._place(run, closed_through)):
            parts = list(group)
            alone = len(parts) == 1 and parts[0].panes == panes
            self.runs.append(parts[0] if alone else Run.merged(parts, first, panes))

    def run_of_pane(self, pane: int) -> Run | None:
        """The run that holds a pane, if any."""
        return next((r for r in self.runs if r.first_pane <= pane <= r.last_pane), None)

    def _place(self, run: Run, closed_through: int) -> tuple[int, int]:
        """First pane and width of the range that a run belongs to now."""
        for width in self._widths:
            first = run.first_pane // width * width
            if run.panes <= width and first + width - 1 <= closed_through:
                return first, width
        return run.first_pane, run.panes


def find_in(runs: Sequence[Run], hashes: Hashes, from_pane: int) -> tuple[Ints, Ints]:
    """Number of the run and row in it of each hash's earliest exposure, or `NOWHERE` twice."""
    run_of = np.full(hashes.size, NOWHERE)
    rows = np.full(hashes.size, NOWHERE)
    left = np.arange(hashes.size)
    for number, run in enumerate(runs):
        found = run.find(hashes[left], from_pane)
        hit = found != NOWHERE
        run_of[left[hit]], rows[left[hit]] = number, found[hit]
        left = left[~hit]
    return run_of, rows


def _widths(widest: int) -> Iterator[int]:
    """Powers of two, descending to 1; each holds whole ranges of the next."""
    while widest > 1:
        yield widest
        widest //= FANOUT
    yield 1
