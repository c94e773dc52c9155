"""Which cohorts of a rollout may be judged, and what came of their exposures everywhere?

Gathers the cohorts of all source partitions of `outcomes`. Outcomes are joined up to the minimum
of `closed_through` over the partitions that are not idle; one that was never heard of blocks.
Whatever is complete by then is handed over once, in one order; what comes later is counted late.
Request panes wait for none of this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streams.panes.cohorts import Cohort, CohortClock
from streams.panes.facts import NONE, Source
from streams.sketches.outcome_cell import (
    DELAY_BINS,
    OutcomeCells,
)
from streams.spec.outcome_facts import Outcome

AFTER_JUDGING = "after_judging"
"""Fate of what an idle partition told of cohorts that were judged without it, in records."""
Key = tuple[str, int]
"""Outcome and first pane."""


@dataclass(slots=True)
class JoinProgress:
    """What one source partition has said so far."""

    closed_through: int = NONE
    idle: bool = False
    fates: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Gathered:
    """One cohort on its way: by partition the newest record, which holds what earlier ones did."""

    complete_at: list[int]
    parts: dict[int, Cohort] = field(default_factory=dict)

    def at(self, complete: int) -> int:
        """The pane whose closing completes so many delay bins."""
        return self.complete_at[complete - 1]


class CohortMerge:
    """Cohorts of one rollout on their way to the judge."""

    def __init__(self, outcomes: Sequence[Outcome] = ()) -> None:
        self.joined_through = NONE
        """Up to the closing of which pane cohorts have been handed over."""
        self.late = 0
        self._outcomes = {outcome.name: outcome for outcome in outcomes}
        self._clocks: dict[str, CohortClock] = {}
        self._pane_ms: int | None = None
        self._partitions: int | None = None
        self._sources: dict[int, JoinProgress] = {}
        self._pending: dict[Key, Gathered] = {}

    def take(self, record: Mapping[str, Any], rollout: str, spec_hash: str) -> None:
        """Take a decoded record of `panes`; those of other sources and rollouts do nothing."""
        if record["source"] != Source.OUTCOMES or not self._outcomes:
            return
        self._partitions = record["source_partitions"]
        self._set_pane_ms(record["pane_ms"])
        name, body = record["body"]
        partition = record["source_partition"]
        if name == "davy.Progress":
            self._progress(partition, body)
        elif name == "davy.Cohort" and (body["rollout"], body["spec_hash"]) == (rollout, spec_hash):
            self._cohort(partition, Cohort.from_state(body))

    def _set_pane_ms(self, pane_ms: int) -> None:
        if pane_ms != self._pane_ms:
            self._pane_ms = pane_ms
            self._clocks = {
                name: CohortClock.of(outcome, pane_ms) for name, outcome in self._outcomes.items()
            }

    def _progress(self, partition: int, body: Mapping[str, Any]) -> None:
        source = self._sources.setdefault(partition, JoinProgress())
        source.closed_through = max(source.closed_through, body["closed_through"])
        source.idle = body["idle"]
        source.fates = {told["name"]: told["count"] for told in body["outcomes"]}

    def _cohort(self, partition: int, cohort: Cohort) -> None:
        if cohort.outcome not in self._clocks:
            return
        key = cohort.outcome, cohort.first_pane
        fresh = self._pending.get(key) or self._gathered(key)
        if fresh.at(cohort.complete) <= self.joined_through:
            self.late += 1
            return
        self._pending[key] = fresh
        known = fresh.parts.get(partition)
        if known is None or known.complete < cohort.complete:
            fresh.parts[partition] = cohort

    def _gathered(self, key: Key) -> Gathered:
        name, first_pane = key
        return Gathered(self._clocks[name].complete_at(first_pane).tolist())

    def take_due(self) -> tuple[Cohort, ...]:
        """Every (cohort, complete) that is due and was not handed over: by time, then by name."""
        since, until = self.joined_through, self._reached()
        if until <= since:
            return ()
        self.joined_through = until
        found = sorted(self._due(since, until))
        merged = [_merged(self._pending[name, first], k) for _, name, first, k in found]
        self._forget(until)
        return tuple(cohort for cohort in merged if cohort is not None)

    def _reached(self) -> int:
        """Up to where outcomes are joined: the slowest that is not idle, else the furthest."""
        if self._partitions is None or len(self._sources) < self._partitions:
            return NONE
        busy = [s.closed_through for s in self._sources.values() if not s.idle]
        return min(busy) if busy else max(s.closed_through for s in self._sources.values())

    def _due(self, since: int, until: int) -> Iterator[tuple[int, str, int, int]]:
        for (name, first_pane), gathered in self._pending.items():
            for place, at in enumerate(gathered.complete_at):
                if since < at <= until:
                    yield at, name, first_pane, place + 1

    def _forget(self, until: int) -> None:
        """Drop what holds nothing that is still to come."""
        for key, gathered in list(self._pending.items()):
            gathered.parts = {
                p: c for p, c in gathered.parts.items() if gathered.at(c.complete) > until
            }
            if not gathered.parts:
                del self._pending[key]

    @property
    def fates(self) -> dict[str, int]:
        """Outcomes by what became of them, over all source partitions and rollouts."""
        total = Counter[str]()
        for source in self._sources.values():
            total.update(source.fates)
        return dict(sorted(total.items())) | ({AFTER_JUDGING: self.late} if self.late else {})

    def to_state(self) -> dict[str, Any]:
        """JSON-able state."""
        return {
            "sources": {
                str(p): [s.closed_through, s.idle, dict(sorted(s.fates.items()))]
                for p, s in sorted(self._sources.items())
            },
            "partitions": self._partitions,
            "pane_ms": self._pane_ms,
            "joined_through": self.joined_through,
            "late": self.late,
            "pending": [
                [partition, cohort.to_state()]
                for _, gathered in sorted(self._pending.items())
                for partition, cohort in sorted(gathered.parts.items())
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same outcomes."""
        self._sources = {int(p): JoinProgress(*s) for p, s in state["sources"].items()}
        self._partitions = state["partitions"]
        if state["pane_ms"] is not None:
            self._set_pane_ms(state["pane_ms"])
        for partition, cohort in state["pending"]:
            self._cohort(partition, Cohort.from_state(cohort))
        self.joined_through, self.late = state["joined_through"], state["late"]


def _merged(gathered: Gathered, complete: int) -> Cohort | None:
    """A cohort as so many bins tell it; partitions that have not told them are left out whole."""
    parts = [c for _, c in sorted(gathered.parts.items()) if c.complete >= complete]
    if not parts:
        return None
    cells: OutcomeCells = {}
    for cohort in parts:
        for key, told in cohort.cells.items():
            cell = told.copy() if complete == DELAY_BINS else told.first_bins(complete)
            if key in cells:
                cells[key].merge(cell)
            else:
                cells[key] = cell
    return replace(parts[0], complete=complete, cells=cells)
