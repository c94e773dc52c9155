"""What was the judge given, pane by pane? Follows one partition of `panes` record by record.

The order is the log's; what a pane holds is the oracle's own count, not what the record says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.judge.facts import PaneInput
from streams.panes.breaches import Breach
from streams.sketches.cell import Cell
from streams.spec.model import RolloutSpec
from tests.soak.oracle.cohort_merge import CohortAt, JoinedCohorts
from tests.soak.oracle.log import Record

Cells = dict[tuple[str, str], Cell]
CellsAt = Callable[[int, int], Cells | None]
"""(source partition, pane) -> the oracle's cells; None: it has no such closed pane."""


@dataclass(slots=True)
class Source:
    """What one source partition has said."""

    closed: int = -1
    idle: bool = False
    from_pane: int | None = None
    newest: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A pane, as it was given, with what the cut must say of it."""

    given: PaneInput
    idle: tuple[int, ...]
    joined_through: int


@dataclass(slots=True)
class Merging:
    """Panes of one rollout that wait for the slowest partition."""

    spec: RolloutSpec
    pane_ms: int
    cells_at: CellsAt
    cohort_at: CohortAt
    sources: dict[int, Source] = field(default_factory=dict)
    partitions: int | None = None
    next_pane: int | None = None
    waiting: dict[int, list[Cells]] = field(default_factory=dict)
    joined: JoinedCohorts = field(init=False)
    breaches: list[Breach] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.joined = JoinedCohorts(self.spec, self.pane_ms, self.cohort_at)

    def run(self, records: Iterable[tuple[Record, dict[str, Any]]]) -> dict[int, Due]:
        """Every pane that became due, by its index."""
        begun = False
        found: dict[int, Due] = {}
        for _, record in records:
            name, body = record["body"]
            mine = body.get("rollout") == self.spec.rollout
            begun = begun or (name == "davy.Activation" and mine and body["until_offset"] is None)
            if begun and (mine or name == "davy.Progress"):
                self._take(record, name, body)
                for due in self._due():
                    found[due.given.pane] = due
        return found

    def _take(self, record: Mapping[str, Any], name: str, body: Mapping[str, Any]) -> None:
        partition = record["source_partition"]
        if name == "davy.Breach" and (told := Breach.from_state(body)) not in self.breaches:
            self.breaches.append(told)
        if record["source"] == "outcomes":
            self.joined.take(record, name, body)
        if record["source"] != "predictions":
            return
        source = self.sources.setdefault(partition, Source())
        match name:
            case "davy.Progress":
                source.closed = max(source.closed, body["closed_through"])
                source.idle = body["idle"]
            case "davy.Activation":
                if body["until_offset"] is None:
                    self.partitions = record["source_partitions"]
                    source.from_pane = body["from_pane"]
            case "davy.Pane":
                self._take_pane(partition, source, body["pane"])

    def _take_pane(self, partition: int, source: Source, pane: int) -> None:
        if pane <= source.newest:
            return
        source.newest = pane
        if self.next_pane is None or pane >= self.next_pane:
            self.waiting.setdefault(pane, []).append(self.cells_at(partition, pane) or {})

    def _due(self) -> Iterable[Due]:
        while True:
            if self.next_pane is None:
                self.next_pane = self._first()
            busy = [source.closed for source in self.sources.values() if not source.idle]
            hold = -(-self.spec.pair_hold_ms // self.pane_ms)
            if self.next_pane is None or not busy or min(busy) - hold < self.next_pane:
                return
            pane, self.next_pane = self.next_pane, self.next_pane + 1
            cohorts = self.joined.due()
            breaches, self.breaches = tuple(self.breaches), []
            given = PaneInput(
                pane=pane,
                pane_ms=self.pane_ms,
                cells=added(self.waiting.pop(pane, [])),
                cohorts=cohorts,
                fates=self.joined.fates if self.spec.outcomes else {},
                breaches=breaches,
            )
            idle = tuple(sorted(p for p, source in self.sources.items() if source.idle))
            yield Due(given=given, idle=idle, joined_through=self.joined.through)

    def _first(self) -> int | None:
        """The first pane that every partition has whole."""
        begun = [source.from_pane for source in self.sources.values()]
        if self.partitions is None or len(begun) < self.partitions or None in begun:
            return None
        first = max(pane for pane in begun if pane is not None)
        if first < 0:
            first = min(self.waiting, default=-1)
        if first < 0:
            return None
        for pane in [pane for pane in self.waiting if pane < first]:
            del self.waiting[pane]
        return first


def added(parts: Iterable[Cells]) -> Cells:
    """Sums of the partitions' counts, cell by cell, in the order in which they came."""
    total: Cells = {}
    for cells in parts:
        for key in sorted(cells):
            if key in total:
                total[key].merge(cells[key])
            else:
                total[key] = cells[key].copy()
    return total
