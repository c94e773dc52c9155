"""When may a rollout's next pane be judged, and what is in it?

Merges the closed panes of all source partitions of one rollout (`source_merge`). Only
`predictions` are waited for: outcomes and use of pods have progress of their own (`cohort_merge`,
`use_merge`), and what of them is complete goes with the next pane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from streams.panes.breaches import Breach, BreachMerge
from streams.panes.cohort_merge import CohortMerge
from streams.panes.cohorts import Cohort
from streams.panes.facts import NONE, Cells, Source, cells_from_states, cells_to_states
from streams.panes.source_merge import SourceMerge
from streams.panes.use_merge import UseMerge, UseMinute
from streams.sketches.cell import Cell
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePane:
    """A pane that every partition has closed, or cannot close because it is idle."""

    pane: int
    cells: Cells
    idle: tuple[int, ...]
    cohorts: tuple[Cohort, ...] = ()
    """What of outcomes has become complete since the pane before."""
    joined_through: int = NONE
    """Up to the closing of which pane outcomes had been joined."""
    fates: Mapping[str, int] = field(default_factory=dict)
    """Outcomes by what became of them, since the beginning."""
    resources: tuple[UseMinute, ...] = ()
    """Minutes of use that have become whole since the pane before, and end by its end."""
    resources_through: int = NONE
    """Last minute of use that was handed over."""
    breaches: tuple[Breach, ...] = ()
    """What owners have told since the pane before of what is not counted."""


@dataclass(slots=True)
class PaneMerge(SourceMerge[Cell]):
    """Panes of one rollout on their way to the judge, and what goes with them."""

    source = Source.PREDICTIONS
    member = "davy.Pane"
    content = "cells"
    _read = staticmethod(cells_from_states)
    _written = staticmethod(cells_to_states)

    joined: CohortMerge = field(default_factory=CohortMerge)
    hold_ms: int = 0
    """How long panes stay open behind the watermark, in wait of pairs (`RolloutSpec`)."""
    use: UseMerge = field(default_factory=UseMerge)
    breaches: BreachMerge = field(default_factory=BreachMerge)

    @classmethod
    def of(cls, spec: RolloutSpec) -> Self:
        """Nothing taken yet of a rollout."""
        return cls(joined=CohortMerge(spec.outcomes), hold_ms=spec.pair_hold_ms)

    def take(self, record: Mapping[str, Any], rollout: str, spec_hash: str) -> None:
        """Take a decoded record of `panes`; those of other rollouts do nothing."""
        self.breaches.take(record, rollout, spec_hash)
        match record["source"]:
            case Source.PREDICTIONS:
                SourceMerge.take(self, record, rollout, spec_hash)
            case Source.RESOURCES:
                self.use.take(record, rollout, spec_hash)
            case _:
                self.joined.take(record, rollout, spec_hash)

    def take_due(self) -> DuePane | None:
        """Return the next pane to be judged and step past it; None while it is not due."""
        found = self.take_next(self._lag)
        if found is None:
            return None
        pane, cells = found
        return DuePane(
            pane=pane,
            cells=cells,
            idle=self.idle,
            cohorts=self.joined.take_due(),
            joined_through=self.joined.joined_through,
            fates=self.joined.fates,
            resources=self.use.take_until((pane + 1) * (self.pane_ms or 0)),
            resources_through=self.use.through,
            breaches=self.breaches.take_all(),
        )

    @property
    def _lag(self) -> int:
        """Panes by which closing follows the watermark."""
        return -(-self.hold_ms // self.pane_ms) if self.pane_ms else 0

    def to_state(self) -> dict[str, Any]:
        """JSON-able state."""
        return self._state() | {
            "joined": self.joined.to_state(),
            "use": self.use.to_state(),
            "breaches": self.breaches.to_state(),
            "hold_ms": self.hold_ms,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], outcomes: Sequence[Outcome] = ()) -> Self:
        """Read what `to_state` wrote for the same outcomes."""
        merge = cls(joined=CohortMerge(outcomes), hold_ms=state["hold_ms"])
        merge._restore(state)
        merge.joined.restore(state["joined"])
        merge.use.restore(state["use"])
        merge.breaches = BreachMerge.from_state(state["breaches"])
        return merge
