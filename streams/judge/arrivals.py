"""Who came in a pane? Requests by arm, and what routing has assigned anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self

from streams.judge.facts import PaneInput
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT, RolloutSpec

EMPTY = Cell()
"""Stands for a cell without events; never written to."""


def at_risk(cell: Cell) -> int:
    """Exposures that fill a stratum: requests, or users who have not erred before."""
    return cell.exposures if cell.units is None else cell.units.error_risk


def assigned(cell: Cell) -> int:
    """What the sample ratio counts: requests, or users who came for the first time."""
    return cell.exposures if cell.units is None else cell.units.fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """A pane by arm, baseline first."""

    requests: tuple[int, ...]
    assigned: tuple[int, ...]
    seen: int = 0
    """Different users, where users are counted."""
    at_risk: int = 0
    """Those of them that had not erred before."""
    returned: int = 0
    """Users of the baseline whom another arm had served."""
    returning: int = 0
    """Users of the baseline."""
    lost: int = 0
    """Users who could not be told apart any more."""

    @classmethod
    def of(cls, pane: PaneInput, spec: RolloutSpec) -> Self:
        """Count a pane."""
        cells = [pane.cells.get((ALL_SEGMENT, arm), EMPTY) for arm in spec.arms]
        units = [cell.units for cell in cells if cell.units is not None]
        baseline = cells[0].units
        return cls(
            requests=tuple(cell.exposures for cell in cells),
            assigned=tuple(map(assigned, cells)),
            seen=sum(each.seen for each in units),
            at_risk=sum(each.error_risk for each in units),
            returned=0 if baseline is None else baseline.crossed,
            returning=0 if baseline is None else baseline.seen,
            lost=sum(each.lost for each in units),
        )

    def to_state(self) -> list[Any]:
        """JSON values."""
        return list(_VALUES(self))

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> Self:
        """Read what `to_state` wrote."""
        requests, assigned, *counts = state
        told = dict(zip(_NAMES[2:], counts, strict=True))
        return cls(requests=tuple(requests), assigned=tuple(assigned), **told)


_NAMES = tuple(field.name for field in fields(Arrivals))
_VALUES = attrgetter(*_NAMES)
