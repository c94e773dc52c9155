"""What does the evidence say of one metric of outcomes, in every row? Counts, strata, a panel.

A row is a candidate in a segment; those of the whole come first, promotion asks of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from streams.judge.budget import Key
from streams.judge.monitors.dispersion import Dispersions
from streams.judge.monitors.evidence import Claim, Counts
from streams.judge.monitors.kinds import Form, form_of, new_evidence, tested_limit
from streams.judge.monitors.panel import Panel
from streams.judge.monitors.watch import Watch
from streams.judge.outcomes.readers import outcome_reader
from streams.judge.outcomes.strata import RowStrata
from streams.judge.weights import Weights
from streams.sketches.outcome_cell import OutcomeCell, OutcomeCells
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, BASELINE, Overdispersion, RolloutSpec
from streams.spec.outcome_facts import Outcome

NOTHING = OutcomeCell()
"""Stands for a cell without exposures; never written to."""
OF_EXPOSURES = frozenset({MetricKind.RATE, MetricKind.MEAN})
"""Kinds whose denominator is all exposures."""
Doubt = Callable[[str], str]
"""Why nothing may be called harmless of a candidate yet; empty where it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A candidate in a segment."""

    segment: str
    candidate: str
    arm: int
    """Its place among the spec's arms."""

    def cells(self, cells: OutcomeCells) -> tuple[OutcomeCell, OutcomeCell]:
        """The baseline's and the candidate's."""
        baseline = cells.get((self.segment, BASELINE), NOTHING)
        return baseline, cells.get((self.segment, self.candidate), NOTHING)


def sides_of(spec: RolloutSpec) -> list[Side]:
    """The rows: every candidate in the whole, then slice by slice."""
    return [
        Side(segment=segment, candidate=candidate.name, arm=arm)
        for segment in (ALL_SEGMENT, *spec.slices)
        for arm, candidate in enumerate(spec.candidates, start=1)
    ]


class Tested:
    """One metric of an outcome."""

    def __init__(
        self,
        spec: RolloutSpec,
        metric: Metric,
        outcome: Outcome,
        shares: Mapping[Key, float],
        doubt: Doubt,
    ) -> None:
        """Raise `SpecError` where the metric lacks what its kind needs."""
        self.metric = metric
        self._sides = sides_of(spec)
        self._promoted = len(spec.candidates)
        self.readers = [outcome_reader(metric, outcome) for _ in self._sides]
        self._arms, self._columns = [s.arm for s in self._sides], self.readers[0].columns
        self._panel = self._open_panel(spec, shares)
        self._whole = RowStrata(self._arms, self._columns)
        self._stage = self._fresh_stage()
        self.watches = [
            Watch(
                claim=claims[0],
                reader=reader,
                panel=self._panel,
                row=row,
                column=0,
                doubt=partial(doubt, claims[0].candidate),
            )
            for row, (claims, reader) in enumerate(
                zip(self._panel.claims, self.readers, strict=True)
            )
        ]

    def _open_panel(self, spec: RolloutSpec, shares: Mapping[Key, float]) -> Panel:
        metric, form = self.metric, form_of(self.metric)
        claims = [
            [
                Claim(
                    metric=metric,
                    segment=side.segment,
                    candidate=side.candidate,
                    limit=tested_limit(metric),
                    alpha_share=shares[side.segment, side.candidate, metric.name],
                    alpha_promote=spec.alpha_promote / len(spec.candidates),
                    counted="requests" if metric.kind in OF_EXPOSURES else "labelled requests",
                )
            ]
            for side in self._sides
        ]
        measured = form is Form.COMPARED and spec.overdispersion is Overdispersion.MEASURED
        dispersions = Dispersions(len(claims), 1) if measured else None
        columns = np.arange(self._columns)[None]
        new = partial(new_evidence, form, {})
        return Panel(claims, columns, new, dispersions, promoted=self._promoted)

    def _fresh_stage(self) -> RowStrata:
        return RowStrata(self._arms[: self._promoted], self._columns)

    def read(self, cells: OutcomeCells) -> list[Counts]:
        """A matured cohort's counts by row; readers may learn from it for later ones."""
        return [
            reader.read(*side.cells(cells))
            for side, reader in zip(self._sides, self.readers, strict=True)
        ]

    def feed(
        self, counts: Sequence[Counts], number: int, weights: Weights | None, at_s: float
    ) -> None:
        """A matured cohort for the harm test."""
        for closed in self._whole.add(counts, number, weights, at_s):
            self._panel.fold(closed)

    def settle(self, counts: Sequence[Counts], number: int, weights: Weights) -> None:
        """The same of the current stage, under confirmed weights, for promotion by the whole."""
        for closed in self._stage.add(counts, number, weights):
            self._panel.fold_stage(closed)

    def promoting(self, counts: Sequence[Counts]) -> list[Counts]:
        """The counts that promotion asks of."""
        return list(counts[: self._promoted])

    def panes(self, row: int, length: int) -> tuple[int, int]:
        """First and last pane that entered the harm test, cohorts being so many panes long."""
        first, last = self._whole.spans[row]
        return (first, last) if first < 0 else (first * length, (last + 1) * length - 1)

    def forget(self, dimension: str, gone: Collection[str]) -> None:
        """Slices of a dimension left: rows that had exposures of theirs begin anew with harm."""
        own = f"{dimension}="
        rows = [
            row
            for row, side in enumerate(self._sides)
            if not side.segment.startswith(own) and side.segment not in gone
        ]
        self._whole.forget(rows)
        self._panel.forget(rows)

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        self._stage = self._fresh_stage()
        self._panel.enter_stage()

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "readers": [reader.to_state() for reader in self.readers],
            "whole": self._whole.to_state(),
            "stage": self._stage.to_state(),
            "panel": self._panel.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        for reader, saved in zip(self.readers, state["readers"], strict=True):
            reader.restore(saved)
        self._whole.restore(state["whole"])
        self._stage.restore(state["stage"])
        self._panel.restore(state["panel"])
