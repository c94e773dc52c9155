"""What came of one rollout's predictions on one source partition, so far?

Exposures go into the join index and into the denominators of cohorts that are open; outcomes are
looked up in it, and what is joined is added to its cohort. A cohort is told each time more of its
delay bins are complete, and forgotten once it is matured.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.panes.cohorts import Cohort, CohortClock
from streams.panes.facts import LiveRollout
from streams.panes.join.facts import Exposures, Joined, Outcomes, sampled
from streams.panes.join.index import JoinIndex
from streams.panes.join.settle import chosen
from streams.panes.join.stored import Changes
from streams.panes.outcomes.names import Names
from streams.panes.outcomes.plan import class_limit, declared_classes, plan_of
from streams.panes.outcomes.said import said_by
from streams.panes.outcomes.tally import places_of, tally
from streams.panes.segments import slicing_of
from streams.sketches.outcome_cell import DELAY_BINS, OutcomeCell, OutcomeCells
from streams.spec.model import ALL_SEGMENT
from streams.wire.columns import Coded, PredictionColumns
from streams.wire.outcome_columns import OutcomeColumns

Ints = NDArray[np.int64]

Place = tuple[int, int]
"""Number of the outcome in the spec, first pane of the cohort."""
NAMES = "names"


@dataclass(slots=True)
class OpenCohort:
    """A cohort that has not matured."""

    cells: OutcomeCells = field(default_factory=dict)
    told: int = 0
    """Delay bins that were complete when it was told last."""


class RolloutJoin:
    """The join of one live rollout with outcomes."""

    def __init__(self, live: LiveRollout, pane_ms: int) -> None:
        self.live, spec = live, live.spec
        self.outcomes = spec.outcomes
        self.clocks = [CohortClock.of(each, pane_ms) for each in spec.outcomes]
        self.open: dict[Place, OpenCohort] = {}
        self.dirty: set[Place] = set()
        """Open cohorts changed since the caller last cleared this set."""
        self.counts: Counter[str] = Counter()
        """Outcomes that say nothing to be joined, by why."""
        self._pane_ms = pane_ms
        self._slicing = slicing_of(spec)
        self._index = JoinIndex(plan_of(spec, pane_ms, self._slicing.combinations))
        self._classes = Names(class_limit(spec))
        self._classes.restore(declared_classes(spec))  # the undeclared must take no place of theirs
        self._labels = [Names(class_limit(spec)) for _ in spec.outcomes]
        self._number = {each.name: number for number, each in enumerate(spec.outcomes)}
        self._due: list[tuple[int, int, int]] = []
        """(pane that completes a delay bin, first pane, outcome), as a heap."""
        self._names_written = b""
        self._matured: list[Place] = []

    @property
    def fates(self) -> Counter[str]:
        """Outcomes by what became of them."""
        return self.counts + Counter({fate.value: n for fate, n in self._index.counts.items()})

    @property
    def pending(self) -> int:
        """Outcomes that wait for their prediction."""
        return self._index.pending

    def expose(self, columns: PredictionColumns, rows: Ints, arm: Ints) -> None:
        """Take predictions that count; `rows` of the columns, and the number of each one's arm."""
        names = columns.predicted_class
        predicted = self._classes.numbers(Coded(codes=names.codes[rows], strings=names.strings))
        segment = np.broadcast_to(self._slicing.numbers(columns.segment, rows), rows.shape)
        exposures = Exposures(
            request_hash=columns.request_hash[rows],
            event_ms=columns.event_ms[rows],
            arm=arm,
            segment=segment.astype(np.int64),
            predicted_class=predicted,
            score=columns.score[rows],
            confidence=columns.confidence[rows],
        )
        self._index.add(exposures)
        inside = sampled(exposures.request_hash, self._index.plan.share)
        pane = exposures.event_ms[inside] // self._pane_ms
        if pane.size:
            self._count_exposures(pane, arm[inside], exposures.segment[inside])

    def _count_exposures(self, pane: Ints, arm: Ints, combination: Ints) -> None:
        """Add to denominators."""
        places, group = places_of(pane, arm, combination)
        counts = np.bincount(group).tolist()
        for number, clock in enumerate(self.clocks):
            first = np.asarray(clock.first_pane(places[0])).tolist()
            for place, count in zip(
                zip(first, *places[1:].tolist(), strict=True), counts, strict=True
            ):
                for cell in self._cells(number, *place):
                    cell.exposures += count

    def _cells(self, number: int, first_pane: int, arm: int, combination: int) -> list[OutcomeCell]:
        """All cells of a cohort that an exposure belongs to; they will change."""
        return [self._cell(number, first_pane, key) for key in self._keys(arm, combination)]

    def _keys(self, arm: int, combination: int) -> Iterator[tuple[str, str]]:
        """Segments and arm of all cells that an exposure belongs to."""
        for segment in (ALL_SEGMENT, *self._slicing.names(combination)):
            yield segment, self.live.spec.arms[arm]

    def _cell(self, number: int, first_pane: int, key: tuple[str, str]) -> OutcomeCell:
        place = (number, first_pane)
        cohort = self.open.get(place)
        if cohort is None:
            cohort = self.open[place] = OpenCohort()
            self._await_bins(number, first_pane, 0)
        self.dirty.add(place)
        return cohort.cells.setdefault(key, OutcomeCell())

    def _await_bins(self, number: int, first_pane: int, told: int) -> None:
        for pane in self.clocks[number].complete_at(first_pane)[told:].tolist():
            heappush(self._due, (pane, first_pane, number))

    def take(self, columns: OutcomeColumns, rows: Ints) -> None:
        """Join outcomes, in the order of the log; those of other services or metrics do nothing."""
        mine, metric = self._mine(columns, rows)
        if not mine.size:
            return
        said, refused = said_by(self.outcomes, self._labels, columns, mine, metric)
        for why, which in refused.items():
            self.counts[why.value] += int(which.sum())
        keep = ~np.logical_or.reduce([which for why, which in refused.items() if why.final])
        mine = mine[keep]
        self._add(
            self._index.join(
                Outcomes(
                    request_hash=columns.request_hash[mine],
                    outcome_hash=columns.outcome_hash[mine],
                    occurred_ms=columns.occurred_ms[mine],
                    metric=metric[keep],
                    said=said[keep],
                )
            )
        )

    def _mine(self, columns: OutcomeColumns, rows: Ints) -> tuple[Ints, Ints]:
        """Rows that this rollout awaits, and the number of each one's outcome."""
        ours = columns.service.places([self.live.spec.service])[columns.service.codes[rows]] == 0
        numbers = np.array([*self._number.values(), -1])
        metric = numbers[columns.metric.places(list(self._number))[columns.metric.codes[rows]]]
        wanted = ours & (metric >= 0)
        return rows[wanted], metric[wanted]

    def advance(self, closed_through: int) -> list[Cohort]:
        """Panes of the predictions are closed; returns what cohorts tell now, in order."""
        self._add(self._index.advance(closed_through))
        due = set()
        while self._due and self._due[0][0] <= closed_through:
            _, first_pane, number = heappop(self._due)
            due.add((number, first_pane))
        return [self._tell(*place, closed_through) for place in sorted(due)]

    def _tell(self, number: int, first_pane: int, closed_through: int) -> Cohort:
        clock, place = self.clocks[number], (number, first_pane)
        complete = clock.complete(first_pane, closed_through)
        cohort = self.open[place]
        cohort.told = complete
        cells = cohort.cells
        if complete == DELAY_BINS:
            del self.open[place]
            self.dirty.discard(place)
            self._matured.append(place)
        else:
            cells = {key: cell.first_bins(complete) for key, cell in cells.items()}
            self.dirty.add(place)
        return Cohort(
            rollout=self.live.spec.rollout,
            spec_hash=self.live.spec_hash,
            outcome=self.outcomes[number].name,
            first_pane=first_pane,
            panes=clock.panes,
            complete=complete,
            cells=cells,
        )

    def _add(self, joined: Joined) -> None:
        """Add what was joined to its cohorts, all of them open."""
        for number in np.unique(joined.metric).tolist():
            tally(
                self.outcomes[number],
                self.clocks[number],
                chosen(joined, np.flatnonzero(joined.metric == number)),
                (self._classes, self._labels[number]),
                partial(self._cells, number),
            )

    def take_matured(self) -> list[Place]:
        """Cohorts that matured since the last time this was asked."""
        matured, self._matured = self._matured, []
        return matured

    def changed(self) -> Changes:
        """What of index and names differs from the last time this was asked."""
        changes = self._index.changed()
        names = self._names()
        if names != self._names_written:
            self._names_written = changes.written[NAMES] = names
        return changes

    def write_again(self) -> None:
        """Have all that is ever rewritten among the next changes (`JoinIndex.write_again`)."""
        self._index.write_again()
        self._names_written = b""
        self.dirty = set(self.open)

    def _names(self) -> bytes:
        held = {
            "classes": list(self._classes.of),
            "labels": [list(labels.of) for labels in self._labels],
            "counts": dict(sorted(self.counts.items())),
        }
        return json.dumps(held, separators=(",", ":")).encode()

    def restore(
        self, parts: Mapping[str, bytes], cohorts: Iterable[tuple[str, int, OpenCohort]]
    ) -> None:
        """Take back what all changes so far have left, and open cohorts by outcome and pane."""
        held: dict[str, Any] = json.loads(parts.get(NAMES) or self._names())
        self._classes.restore(held["classes"])
        for labels, names in zip(self._labels, held["labels"], strict=True):
            labels.restore(names)
        self.counts = Counter(held["counts"])
        self._names_written = parts.get(NAMES, b"")
        index = {name: data for name, data in parts.items() if name != NAMES}
        self._index = JoinIndex.restored(self._index.plan, index)
        for outcome, first_pane, cohort in cohorts:
            number = self._number[outcome]
            self.open[number, first_pane] = cohort
            self._await_bins(number, first_pane, cohort.told)
