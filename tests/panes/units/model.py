"""What must be counted of units, written down without haste: dictionaries, request by request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from streams.evidence.units import first_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `status` is 0 OK, 1 ERROR, 2 TIMEOUT."""

    pane: int
    unit: int
    arm: str = "baseline"
    status: int = 0
    bucket: int = 500


@dataclass(slots=True)
class Model:
    """Panes in order, each with all of its requests."""

    erred: set[int] = field(default_factory=set)
    timed_out: set[int] = field(default_factory=set)
    served: dict[int, str] = field(default_factory=dict)

    def pane(self, requests: Iterable[Request]) -> dict[str, dict[str, int]]:
        """Counts by arm."""
        rows = list(requests)
        arms = sorted({r.arm for r in rows})
        found = {arm: self._arm([r for r in rows if r.arm == arm]) for arm in arms}
        for arm in arms:
            self._learn([r for r in rows if r.arm == arm])
        return found

    def _arm(self, rows: list[Request]) -> dict[str, int]:
        units = [r.unit for r in rows]
        errors = first_errors(units, [r.status > 0 for r in rows], sorted(self.erred))
        timeouts = first_errors(units, [r.status > 1 for r in rows], sorted(self.timed_out))
        return {
            "error_risk": errors.exposures,
            "errors": errors.events,
            "timeout_risk": timeouts.exposures,
            "timeouts": timeouts.events,
        }

    def _learn(self, rows: list[Request]) -> None:
        self.erred |= {r.unit for r in rows if r.status > 0}
        self.timed_out |= {r.unit for r in rows if r.status > 1}


def exceedances(
    history: Mapping[int, list[int]], rows: Iterable[Request], edge: int, lowered: int
) -> tuple[int, int]:
    """First exceedances of one arm in a pane; `history` holds lowered buckets by unit."""
    seen: dict[int, list[int]] = {}
    for row in rows:
        seen.setdefault(row.unit, []).append(row.bucket - lowered)
    risk = {unit for unit in seen if max(history.get(unit, []), default=0) <= edge}
    return len(risk), sum(max(seen[unit]) > edge for unit in risk)


def columns(rows: list[Request]) -> tuple[np.ndarray, ...]:
    """Units, buckets, and whether requests failed and timed out."""
    status = np.array([r.status for r in rows])
    return (
        np.array([r.unit for r in rows], np.uint64),
        np.array([r.bucket for r in rows], np.int64),
        status > 0,
        status > 1,
    )
