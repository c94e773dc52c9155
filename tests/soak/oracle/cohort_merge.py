"""Which cohorts went to the judge with each pane? For rollouts that await outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.panes.cohorts import Cohort
from streams.spec.model import RolloutSpec

CohortAt = Callable[[int, Mapping[str, Any]], Cohort | None]


@dataclass(slots=True)
class JoinedCohorts:
    """Cohorts of one rollout, gathered over the source partitions."""

    spec: RolloutSpec
    pane_ms: int
    cohort_at: CohortAt
    through: int = -1
    fates: dict[str, int] = field(default_factory=dict)

    def take(self, record: Mapping[str, Any], name: str, body: Mapping[str, Any]) -> None:
        """Take a record of source `outcomes`."""

    def due(self) -> tuple[Cohort, ...]:
        """What has become complete since the pane before."""
        return ()
