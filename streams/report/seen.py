"""What did the judge's panes hold, added up? Sketches by segment and arm, shares, cohorts.

One pass: a day of panes is more than memory should hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streams.judge.decision_facts import Decision
from streams.judge.facts import PaneInput
from streams.panes.cohorts import Cohort
from streams.panes.facts import Cells
from streams.replay.rollout import PaneRecord, each_pane
from streams.report.arm_facts import CohortArm, CohortStory
from streams.report.facts import Measured
from streams.sketches.cell import Cell
from streams.sketches.outcome_cell import OutcomeCell
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, Mode, RolloutSpec
from streams.spec.outcome_facts import Outcome

MOST_STRETCHES = 120
"""Into how many stretches a rollout's time is cut, for shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was folded."""

    panes: int
    wanted: int
    """How many panes decisions looked at; more than `panes` where the topic lost some."""
    cells: Cells
    """(segment, arm) -> sketches of the whole rollout; the whole and its slices."""
    measured: tuple[Measured, ...]
    cohorts: tuple[CohortStory, ...]


def seen_in(
    spec: RolloutSpec, records: Iterable[PaneRecord], decisions: Sequence[Decision]
) -> Seen:
    """Fold the panes that these decisions looked at; records in the order of `panes`.

    Raises:
        LogError: `panes` holds what no davy wrote.
    """
    first, last = judged_range(decisions)
    tally = _Tally(spec, decisions[-1].pane_ms, first, last)
    for pane in each_pane(spec, records):
        if pane.pane > last:
            break
        tally.add(pane)
    return tally.seen()


def judged_range(decisions: Sequence[Decision]) -> tuple[int, int]:
    """First and last pane that decisions looked at."""
    steps = (cut.pane for cut in decisions[0].steps)
    first = min(steps, default=decisions[0].cut.pane)
    return first, max(decision.cut.pane for decision in decisions)


class _Tally:
    """Sums on their way."""

    def __init__(self, spec: RolloutSpec, pane_ms: int, first: int, last: int) -> None:
        self._spec, self._pane_ms, self._first, self._last = spec, pane_ms, first, last
        self._length = math.ceil((last - first + 1) / MOST_STRETCHES)
        self._counts: dict[int, dict[str, int]] = {}
        self._told = {ALL_SEGMENT, *spec.slices}
        self._cells: Cells = {}
        self._panes = 0
        self._outcomes = {outcome.name: _Matured(outcome) for outcome in spec.outcomes}

    def add(self, pane: PaneInput) -> None:
        """One pane, in order."""
        self._panes += 1
        stretch = self._counts.setdefault((pane.pane - self._first) // self._length, {})
        for (segment, arm), cell in pane.cells.items():
            if segment in self._told:
                self._cells.setdefault((segment, arm), Cell()).merge(cell)
            if segment == ALL_SEGMENT:
                stretch[arm] = stretch.get(arm, 0) + cell.exposures
        for cohort in pane.cohorts:
            self._outcomes[cohort.outcome].add(cohort)

    def seen(self) -> Seen:
        """All that was added."""
        return Seen(
            panes=self._panes,
            wanted=self._last - self._first + 1,
            cells=self._cells,
            measured=tuple(self._measured(n, arms) for n, arms in sorted(self._counts.items())),
            cohorts=tuple(
                matured.story(self._spec.arms, self._pane_ms) for matured in self._outcomes.values()
            ),
        )

    def _measured(self, number: int, counts: dict[str, int]) -> Measured:
        end = min(self._first + (number + 1) * self._length, self._last + 1)
        baseline = counts.get(BASELINE, 0)
        candidates = sum(counts.values()) - baseline
        copies = self._spec.mode is Mode.SHADOW
        of = baseline if copies else baseline + candidates
        return Measured(
            at_ms=end * self._pane_ms,
            baseline=baseline,
            candidates=candidates,
            share_bp=round(FULL_BP * candidates / of) if of else None,
        )


@dataclass(slots=True)
class _Matured:
    """The cohorts of one outcome."""

    outcome: Outcome
    matured: int = 0
    waiting: set[int] = field(default_factory=set)
    """First panes of cohorts that were told of and have not matured."""
    until: int = -1
    """First pane after the matured ones."""
    cells: dict[str, OutcomeCell] = field(default_factory=dict)

    def add(self, cohort: Cohort) -> None:
        if not cohort.matured:
            self.waiting.add(cohort.first_pane)
            return
        self.waiting.discard(cohort.first_pane)
        self.matured += 1
        self.until = max(self.until, cohort.first_pane + cohort.panes)
        for (segment, arm), cell in cohort.cells.items():
            if segment == ALL_SEGMENT:
                self.cells.setdefault(arm, OutcomeCell()).merge(cell)

    def story(self, arms: Sequence[str], pane_ms: int) -> CohortStory:
        found = ((arm, self.cells.get(arm) or OutcomeCell()) for arm in arms)
        return CohortStory(
            outcome=self.outcome.name,
            kind=self.outcome.kind.value,
            window_s=self.outcome.window_s,
            delivery_s=self.outcome.delivery_s,
            matured=self.matured,
            waiting=len(self.waiting),
            matured_until_ms=self.until * pane_ms if self.matured else None,
            arms=tuple(_arm(arm, cell) for arm, cell in found),
        )


def _arm(arm: str, cell: OutcomeCell) -> CohortArm:
    return CohortArm(
        arm=arm,
        exposures=cell.exposures,
        answered=cell.answered,
        events=cell.events,
        delays=tuple(cell.delays.tolist()),
    )
