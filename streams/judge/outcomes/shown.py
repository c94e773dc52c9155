"""Which numbers of an outcome are shown of each arm? All matured cohorts, tested never.

They are pooled over weights, so that they equal what anybody counts from the topics; the verdicts
compare, these only tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from streams.evidence.ranking import area_under_curve, calibration_error
from streams.judge.decision_facts import Figure
from streams.judge.outcomes.readers import CappedReader
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.outcome_cell import (
    MILLI,
    OutcomeCell,
    OutcomeCells,
    outcome_cells_from_states,
    outcome_cells_to_states,
)
from streams.spec.model import ALL_SEGMENT
from streams.spec.outcome_facts import Outcome, OutcomeKind

MIDDLES = np.array([SCORE_MAPPING.value(index) for index in range(SCORE_MAPPING.size)])
Told = tuple[str, float, int]
"""Name, value, and what it rests on."""


class Shown:
    """One outcome, by arm of the whole."""

    def __init__(self, outcome: Outcome, reader: CappedReader | None = None) -> None:
        """`reader` knows the cap of a mean without a range."""
        self._outcome, self._reader = outcome, reader
        self._cells: OutcomeCells = {}

    def add(self, cells: OutcomeCells) -> None:
        """A matured cohort."""
        for (segment, arm), cell in cells.items():
            if segment == ALL_SEGMENT:
                self._cells.setdefault((segment, arm), OutcomeCell()).merge(cell)

    def figures(self) -> Iterator[Figure]:
        """By arm, ascending."""
        for (segment, arm), cell in sorted(self._cells.items()):
            for name, value, count in self._of(cell):
                yield Figure(
                    name=name,
                    outcome=self._outcome.name,
                    segment=segment,
                    arm=arm,
                    value=value,
                    count=count,
                )

    def _of(self, cell: OutcomeCell) -> Iterator[Told]:
        if not cell.exposures:
            return
        if self._outcome.kind is OutcomeKind.LABEL:
            yield from _of_labels(cell)
        elif self._outcome.kind is OutcomeKind.RATE:
            yield "rate", cell.events / cell.exposures, cell.exposures
        else:
            yield "mean", cell.total_milli / MILLI / cell.exposures, cell.exposures
            if self._reader is not None and self._reader.cap is not None:
                yield "cap", self._reader.cap, self._reader.above(cell)
        yield "coverage", cell.answered / cell.exposures, cell.exposures

    def to_state(self) -> Any:
        """The sums as JSON values."""
        return outcome_cells_to_states(self._cells)

    def restore(self, state: list[Mapping[str, Any]]) -> None:
        """Take on what `to_state` wrote."""
        self._cells = outcome_cells_from_states(state)


def _of_labels(cell: OutcomeCell) -> Iterator[Told]:
    if cell.answered:
        yield "accuracy", 1.0 - cell.events / cell.answered, cell.answered
    stated = cell.right.total + cell.wrong.total
    right, wrong = cell.right.counts, cell.wrong.counts
    if (area := area_under_curve(right, wrong)) is not None:
        yield "auc", area, stated
    if (error := calibration_error(right, wrong, MIDDLES)) is not None:
        yield "calibration_error", error, stated
