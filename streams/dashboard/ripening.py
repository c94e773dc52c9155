"""How mature are labels? Cohorts as they were told last, and sums over all that were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.panes.cohorts import MOST_OPEN
from streams.sketches.outcome_cell import DELAY_BINS
from streams.spec.model import ALL_SEGMENT

KEPT = MOST_OPEN + 64
"""Cohorts of one source partition and outcome that are kept apart; older ones have matured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told last of one cohort in one source partition; counts by arm, of the whole."""

    panes: int
    complete: int
    exposures: Mapping[str, int]
    labelled: Mapping[str, int]

    @property
    def matured(self) -> bool:
        """Whether nothing of it can change any more."""
        return self.complete == DELAY_BINS


@dataclass(slots=True)
class Tally:
    """Of one arm, over all cohorts that were read."""

    exposures: int = 0
    matured: int = 0
    labelled: int = 0
    """Of the matured ones."""


@dataclass(slots=True)
class Ripening:
    """One outcome of one rollout."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    _told: dict[int, dict[int, Told]] = field(default_factory=dict)
    """Source partition -> first pane -> what was told last."""

    def take(self, source_partition: int, body: Mapping[str, Any]) -> None:
        """Take a decoded `davy.Cohort` in; what was told of it before no longer counts."""
        cells = [cell for cell in body["cells"] if cell["segment"] == ALL_SEGMENT]
        told = Told(
            panes=body["panes"],
            complete=body["complete"],
            exposures={cell["arm"]: cell["exposures"] for cell in cells},
            labelled={cell["arm"]: sum(cell["delays"]) for cell in cells},
        )
        mine, first = self._told.setdefault(source_partition, {}), body["first_pane"]
        if first in mine:
            self._count(mine[first], -1)
        self._count(told, 1)
        mine[first] = told
        if len(mine) > KEPT:
            del mine[min(mine)]

    def cohorts(self, most: int) -> list[tuple[int, Told]]:
        """First pane and what is known of the newest cohorts, ascending; partitions together."""
        firsts = sorted({first for mine in self._told.values() for first in mine})[-most:]
        return [(first, self._merged(first)) for first in firsts]

    def _merged(self, first: int) -> Told:
        parts = [mine[first] for mine in self._told.values() if first in mine]
        exposures, labelled = dict[str, int](), dict[str, int]()
        for part in parts:
            for sums, counts in ((exposures, part.exposures), (labelled, part.labelled)):
                for arm, count in counts.items():
                    sums[arm] = sums.get(arm, 0) + count
        return Told(
            panes=max(part.panes for part in parts),
            complete=min(part.complete for part in parts),
            exposures=exposures,
            labelled=labelled,
        )

    def _count(self, told: Told, sign: int) -> None:
        for arm, exposures in told.exposures.items():
            tally = self.tallies.setdefault(arm, Tally())
            tally.exposures += sign * exposures
            if told.matured:
                tally.matured += sign * exposures
                tally.labelled += sign * told.labelled[arm]
