"""Which cohorts went to the judge with each pane? Gathered over the source partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streams.panes.cohorts import Cohort
from streams.sketches.outcome_cell import DELAY_BINS, OutcomeCells
from streams.spec.model import RolloutSpec
from tests.soak.oracle.joins import CohortKey, complete_at

CohortAt = Callable[[int, CohortKey], Cohort | None]
AFTER_JUDGING = "after_judging"


@dataclass(slots=True)
class Joining:
    """What one source partition has said of outcomes."""

    closed: int = -1
    idle: bool = False
    fates: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class JoinedCohorts:
    """Cohorts of one rollout on their way to the judge."""

    spec: RolloutSpec
    pane_ms: int
    cohort_at: CohortAt
    through: int = -1
    sources: dict[int, Joining] = field(default_factory=dict)
    partitions: int | None = None
    waiting: dict[tuple[str, int], dict[int, Cohort]] = field(default_factory=dict)
    """By outcome and first pane: by partition, the newest."""
    late: int = 0

    @property
    def fates(self) -> dict[str, int]:
        """Outcomes by what became of them, as the partitions told last."""
        total = Counter[str]()
        for source in self.sources.values():
            total.update(source.fates)
        return dict(sorted(total.items())) | ({AFTER_JUDGING: self.late} if self.late else {})

    def take(self, record: Mapping[str, Any], name: str, body: Mapping[str, Any]) -> None:
        """Take a record of source `outcomes`."""
        if not self.spec.outcomes:
            return
        self.partitions = record["source_partitions"]
        partition = record["source_partition"]
        if name == "davy.Progress":
            source = self.sources.setdefault(partition, Joining())
            source.closed = max(source.closed, body["closed_through"])
            source.idle = body["idle"]
            source.fates = {told["name"]: told["count"] for told in body["outcomes"]}
        elif name == "davy.Cohort":
            key = body["outcome"], body["first_pane"], body["complete"]
            cohort = self.cohort_at(partition, key) or Cohort.from_state(body)
            self._gather(partition, cohort)

    def _gather(self, partition: int, cohort: Cohort) -> None:
        if self._bins(cohort.outcome, cohort.first_pane)[cohort.complete - 1] <= self.through:
            self.late += 1
            return
        parts = self.waiting.setdefault((cohort.outcome, cohort.first_pane), {})
        if partition not in parts or parts[partition].complete < cohort.complete:
            parts[partition] = cohort

    def _bins(self, outcome: str, pane: int) -> list[int]:
        return complete_at(self.spec.outcome_by_name[outcome], pane, self.pane_ms)

    def due(self) -> tuple[Cohort, ...]:
        """What has become complete everywhere since the pane before: by time, then by name."""
        since, until = self.through, self._reached()
        if until <= since:
            return ()
        self.through = until
        found = sorted(
            (at, name, pane, number + 1)
            for name, pane in self.waiting
            for number, at in enumerate(self._bins(name, pane))
            if since < at <= until
        )
        told = [summed(self.waiting[name, pane], complete) for _, name, pane, complete in found]
        self._forget(until)
        return tuple(cohort for cohort in told if cohort is not None)

    def _reached(self) -> int:
        if self.partitions is None or len(self.sources) < self.partitions:
            return -1
        busy = [source.closed for source in self.sources.values() if not source.idle]
        return min(busy) if busy else max(source.closed for source in self.sources.values())

    def _forget(self, until: int) -> None:
        for (name, pane), parts in list(self.waiting.items()):
            bins = self._bins(name, pane)
            left = {p: c for p, c in parts.items() if bins[c.complete - 1] > until}
            if left:
                self.waiting[name, pane] = left
            else:
                del self.waiting[name, pane]


def summed(parts: Mapping[int, Cohort], complete: int) -> Cohort | None:
    """A cohort as so many bins tell it, over the partitions that have told so many."""
    told = [cohort for _, cohort in sorted(parts.items()) if cohort.complete >= complete]
    if not told:
        return None
    cells: OutcomeCells = {}
    for cohort in told:
        for key, cell in cohort.cells.items():
            part = cell.copy() if complete == DELAY_BINS else cell.first_bins(complete)
            if key in cells:
                cells[key].merge(part)
            else:
                cells[key] = part
    return replace(told[0], complete=complete, cells=cells)
