"""How are joined outcomes added to cohorts without touching them one by one?

Outcomes are grouped by cohort, arm and combination of segment values; each figure of a group is
one sum over sorted rows, or one `bincount`. What is summed are integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.panes.cohorts import CohortClock
from streams.panes.join.facts import Joined
from streams.panes.outcomes.names import Names
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.categories import OTHER
from streams.sketches.log_histogram import MAPPING
from streams.sketches.outcome_cell import DELAY_BINS, MILLI, ClassTally, OutcomeCell
from streams.sketches.scaled_sums import UNIT, ScaledSums
from streams.spec.model import Outcome, OutcomeKind, Probability

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_PROBABILITY = 0.001
"""Log-loss is taken of no less: one prediction's loss is bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gained:
    """What one (cohort, arm, combination of segment values) gained."""

    first_pane: int
    arm: int
    combination: int
    cell: OutcomeCell


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Rows by group: `of` tells each row's, `order` sorts by it, `starts` where each begins."""

    of: Ints
    order: Ints
    starts: Ints

    @property
    def count(self) -> int:
        """How many groups; none is empty."""
        return self.starts.size

    def sums(self, values: Ints) -> list[int]:
        """Sum of each group."""
        found: list[int] = np.add.reduceat(values[self.order], self.starts).tolist()
        return found

    def table(self, column: Ints, width: int, rows: Bools | None = None) -> Ints:
        """Rows of each group by column number, int64[groups, width]."""
        chosen = slice(None) if rows is None else rows
        flat = self.of[chosen] * width + column[chosen]
        return np.bincount(flat, minlength=self.count * width).reshape(self.count, width)


def gained(
    outcome: Outcome, clock: CohortClock, joined: Joined, classes: Names, labels: Names
) -> Iterator[Gained]:
    """What the outcomes (of one metric, at least one) add to each cell."""
    first = np.asarray(clock.first_pane(joined.pane))
    place = np.stack([first, joined.arm, joined.segment])
    places, of = np.unique(place, axis=1, return_inverse=True)
    of = of.ravel()
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(places.shape[1]))
    groups = Groups(of=of, order=order, starts=starts)
    cells = [OutcomeCell() for _ in range(groups.count)]
    _add_delays(cells, groups, clock.bin_of(joined.delay_ms))
    match outcome.kind:
        case OutcomeKind.LABEL:
            _add_labels(cells, groups, outcome, joined, classes, labels)
        case OutcomeKind.RATE | OutcomeKind.MEAN:
            _add_values(cells, groups, outcome, joined.said.view(np.float64))
    for (pane, arm, combination), cell in zip(places.T.tolist(), cells, strict=True):
        yield Gained(first_pane=pane, arm=arm, combination=combination, cell=cell)


def _add_delays(cells: list[OutcomeCell], groups: Groups, bins: Ints) -> None:
    for cell, delays in zip(cells, groups.table(bins, DELAY_BINS), strict=True):
        cell.delays = delays


def _add_labels(
    cells: list[OutcomeCell],
    groups: Groups,
    outcome: Outcome,
    joined: Joined,
    classes: Names,
    labels: Names,
) -> None:
    label = joined.said.astype(np.int64)
    names = [*labels.of, OTHER]
    predicted_as = np.array([classes.of.get(name, -2) for name in labels.of] + [-2])
    right = predicted_as[label] == joined.predicted_class
    for cell, wrong in zip(cells, groups.sums((~right).astype(np.int64)), strict=True):
        cell.events = wrong
    labelled = groups.table(label, len(names))
    hits = groups.table(label, len(names), right)
    for cell, row, hit in zip(cells, labelled, hits, strict=True):
        for number in np.flatnonzero(row).tolist():
            cell.classes[names[number]] = ClassTally(int(row[number]), int(hit[number]))
    positive = labels.of.get(outcome.positive, -2)
    true = label == positive if outcome.positive else right
    stated = joined.score if outcome.probability is Probability.SCORE else joined.confidence
    _add_probabilities(cells, groups, stated, true)


def _add_probabilities(
    cells: list[OutcomeCell], groups: Groups, stated: Floats, true: Bools
) -> None:
    given = ~np.isnan(stated)
    if not given.any():
        return
    p = np.where(given, stated, 0.0)
    bins = SCORE_MAPPING.index(p).astype(np.int64)
    right = groups.table(bins, SCORE_MAPPING.size, given & true)
    wrong = groups.table(bins, SCORE_MAPPING.size, given & ~true)
    for cell, yes, no in zip(cells, right, wrong, strict=True):
        cell.right.counts += yes
        cell.wrong.counts += no
    of_truth = np.where(true, p, 1.0 - p)
    loss = np.log(np.maximum(of_truth, LEAST_PROBABILITY)) / np.log(LEAST_PROBABILITY)
    brier = _scaled_sums(groups, (1.0 - of_truth) ** 2, given)
    for cell, square, log in zip(cells, brier, _scaled_sums(groups, loss, given), strict=True):
        cell.brier, cell.log_loss = square, log


def _add_values(cells: list[OutcomeCell], groups: Groups, outcome: Outcome, value: Floats) -> None:
    for cell, events in zip(cells, groups.sums((value > 0).astype(np.int64)), strict=True):
        cell.events = events
    if outcome.kind is not OutcomeKind.MEAN:
        return
    for cell, total in zip(
        cells, groups.sums(np.rint(value * MILLI).astype(np.int64)), strict=True
    ):
        cell.total_milli = total
    if outcome.low is None or outcome.high is None:
        index = MAPPING.index(value).astype(np.int64)
        for cell, counts in zip(cells, groups.table(index, MAPPING.size), strict=True):
            cell.histogram.counts += counts
        return
    parts = (value - outcome.low) / (outcome.high - outcome.low)
    for cell, sums in zip(cells, _scaled_sums(groups, parts, np.isfinite(parts)), strict=True):
        cell.values = sums


def _scaled_sums(groups: Groups, share: Floats, given: Bools) -> list[ScaledSums]:
    """Of values in [0, 1], each rounded to a whole part."""
    parts = np.where(given, np.rint(share * UNIT), 0.0).astype(np.int64)
    columns = (given.astype(np.int64), parts, parts * parts)
    return [ScaledSums(*row) for row in zip(*map(groups.sums, columns), strict=True)]
