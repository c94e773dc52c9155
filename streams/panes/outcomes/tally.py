"""How are joined outcomes added to cohorts without touching them one by one?

Outcomes are grouped by cohort, arm and combination of segment values; each figure of a group is
one sum over sorted rows, or one `bincount`. What is summed are integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.panes.cohorts import CohortClock
from streams.panes.join.facts import Joined
from streams.panes.join.settle import chosen
from streams.panes.outcomes.names import Names
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.categories import OTHER
from streams.sketches.log_histogram import MAPPING
from streams.sketches.outcome_cell import DELAY_BINS, MILLI, ClassTally, OutcomeCell
from streams.sketches.scaled_sums import UNIT, ScaledSums
from streams.spec.outcome_facts import Outcome, OutcomeKind, Probability

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Figure = TypeVar("Figure")

LEAST_PROBABILITY = 0.001
"""Log-loss is taken of no less: one prediction's loss is bounded."""


CellsOf = Callable[[int, int, int], Sequence[OutcomeCell]]
"""All cells that an exposure belongs to, by first pane of its cohort, arm and combination."""
Targets = Sequence[Sequence[OutcomeCell]]
"""By group, the cells that its figures are added to."""


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


def places_of(first_pane: Ints, arm: Ints, combination: Ints) -> tuple[Ints, Ints]:
    """Distinct (first pane, arm, combination), int64[3, groups], and the group of each row."""
    lowest, arms, mixes = int(first_pane.min()), int(arm.max()) + 1, int(combination.max()) + 1
    keys = ((first_pane - lowest) * arms + arm) * mixes + combination
    distinct, group = np.unique(keys, return_inverse=True)
    of_pane, of_mix = distinct // mixes, distinct % mixes
    return np.stack([of_pane // arms + lowest, of_pane % arms, of_mix]), group


def tally(
    outcome: Outcome,
    clock: CohortClock,
    joined: Joined,
    names: tuple[Names, Names],
    cells_of: CellsOf,
) -> None:
    """Add outcomes of one metric to their cells; `names` of classes and labels.

    Labels of which nobody can tell whether they were predicted count as if they had not come.
    """
    if outcome.kind is OutcomeKind.LABEL:
        joined = chosen(joined, np.flatnonzero(_comparable(joined, *names)))
    if not joined.size:
        return
    first_pane = np.asarray(clock.first_pane(joined.pane))
    places, of = places_of(first_pane, joined.arm, joined.segment)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(places.shape[1]))
    groups = Groups(of=of, order=order, starts=starts)
    targets = [cells_of(*place) for place in places.T.tolist()]
    for cells, delays in _each(targets, groups.table(clock.bin_of(joined.delay_ms), DELAY_BINS)):
        for cell in cells:
            cell.delays += delays
    match outcome.kind:
        case OutcomeKind.LABEL:
            _add_labels(targets, groups, outcome, joined, *names)
        case OutcomeKind.RATE | OutcomeKind.MEAN:
            _add_values(targets, groups, outcome, joined.said.view(np.float64))


def _predicted_as(classes: Names, labels: Names) -> Ints:
    """Number that each label has as a predicted class, -2 where none; the last is all others'."""
    return np.array([classes.of.get(name, -2) for name in labels.of] + [-2])


def _comparable(joined: Joined, classes: Names, labels: Names) -> Bools:
    """Where names beyond the limits leave no doubt: both known, or the known one told apart."""
    label = joined.said.astype(np.int64)
    told = label < labels.limit
    as_class = _predicted_as(classes, labels)[np.where(told, label, -1)]
    doubtful: Bools = (joined.predicted_class == classes.limit) & (as_class < 0)
    return told & ~doubtful


def _each(
    targets: Targets, figures: Iterable[Figure]
) -> Iterator[tuple[Sequence[OutcomeCell], Figure]]:
    """A group's cells with its figure."""
    return zip(targets, figures, strict=True)


def _add_events(targets: Targets, groups: Groups, event: Bools) -> None:
    for cells, events in _each(targets, groups.sums(event.astype(np.int64))):
        for cell in cells:
            cell.events += events


def _add_labels(
    targets: Targets,
    groups: Groups,
    outcome: Outcome,
    joined: Joined,
    classes: Names,
    labels: Names,
) -> None:
    label = joined.said.astype(np.int64)
    names = [*labels.of, OTHER]
    right = _predicted_as(classes, labels)[label] == joined.predicted_class
    _add_events(targets, groups, ~right)
    labelled = groups.table(label, len(names))
    hits = groups.table(label, len(names), right)
    for cells, row, hit in zip(targets, labelled, hits, strict=True):
        for number in np.flatnonzero(row).tolist():
            for cell in cells:
                tallied = cell.classes.setdefault(names[number], ClassTally())
                tallied.labelled += int(row[number])
                tallied.hits += int(hit[number])
    positive = labels.of.get(outcome.positive, -2)
    true = label == positive if outcome.positive else right
    stated = joined.score if outcome.probability is Probability.SCORE else joined.confidence
    _add_probabilities(targets, groups, stated, true)


def _add_probabilities(targets: Targets, groups: Groups, stated: Floats, true: Bools) -> None:
    given = ~np.isnan(stated)
    if not given.any():
        return
    p = np.where(given, stated, 0.0)
    bins = SCORE_MAPPING.index(p).astype(np.int64)
    right = groups.table(bins, SCORE_MAPPING.size, given & true)
    wrong = groups.table(bins, SCORE_MAPPING.size, given & ~true)
    of_truth = np.where(true, p, 1.0 - p)
    loss = np.log(np.maximum(of_truth, LEAST_PROBABILITY)) / np.log(LEAST_PROBABILITY)
    brier = _scaled_sums(groups, (1.0 - of_truth) ** 2, given)
    figures = zip(right, wrong, brier, _scaled_sums(groups, loss, given), strict=True)
    for cells, (yes, no, square, log) in _each(targets, figures):
        for cell in cells:
            cell.right.counts += yes
            cell.wrong.counts += no
            cell.brier.merge(square)
            cell.log_loss.merge(log)


def _add_values(targets: Targets, groups: Groups, outcome: Outcome, value: Floats) -> None:
    _add_events(targets, groups, value > 0)
    if outcome.kind is not OutcomeKind.MEAN:
        return
    milli = np.rint(value * MILLI).astype(np.int64)
    for cells, total in _each(targets, groups.sums(milli)):
        for cell in cells:
            cell.total_milli += total
    if outcome.low is None or outcome.high is None:
        _add_to_histograms(targets, groups, value)
        return
    parts = (value - outcome.low) / (outcome.high - outcome.low)
    for cells, sums in _each(targets, _scaled_sums(groups, parts, np.isfinite(parts))):
        for cell in cells:
            cell.values.merge(sums)


def _add_to_histograms(targets: Targets, groups: Groups, value: Floats) -> None:
    index = MAPPING.index(value).astype(np.int64)
    for cells, counts in _each(targets, groups.table(index, MAPPING.size)):
        for cell in cells:
            cell.histogram.counts += counts


def _scaled_sums(groups: Groups, share: Floats, given: Bools) -> list[ScaledSums]:
    """Of values in [0, 1], each rounded to a whole part."""
    parts = np.where(given, np.rint(share * UNIT), 0.0).astype(np.int64)
    columns = (given.astype(np.int64), parts, parts * parts)
    return [ScaledSums(*row) for row in zip(*map(groups.sums, columns), strict=True)]
