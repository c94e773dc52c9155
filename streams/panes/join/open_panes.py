"""Which exposures lie in panes that are still open? In log order, packed, by pane."""

from __future__ import annotations

import numpy as np

from streams.panes.join.facts import Exposures, Hashes, JoinPlan, sampled
from streams.panes.join.packing import Packed
from streams.panes.join.runs import Run


class OpenPanes:
    """Batches of exposures until their panes are closed."""

    def __init__(self, plan: JoinPlan) -> None:
        self._plan = plan
        self._parts: dict[int, list[tuple[Hashes, Packed]]] = {}

    @property
    def panes(self) -> list[int]:
        """Ascending."""
        return sorted(self._parts)

    @property
    def size(self) -> int:
        """Rows."""
        return sum(hashes.size for parts in self._parts.values() for hashes, _ in parts)

    @property
    def nbytes(self) -> int:
        """16 a row."""
        return sum(h.nbytes + p.nbytes for parts in self._parts.values() for h, p in parts)

    def add(self, exposures: Exposures, closed_through: int) -> list[int]:
        """Take the sampled ones; returns the panes that grew.

        Raises:
            ValueError: one lies in a closed pane (the fold calls such late), or does not fit.
        """
        kept = np.flatnonzero(sampled(exposures.request_hash, self._plan.share))
        if not kept.size:
            return []
        hashes, event_ms = exposures.request_hash[kept], exposures.event_ms[kept]
        packed = self._plan.packing.pack(
            event_ms,
            exposures.arm[kept],
            exposures.segment[kept],
            exposures.predicted_class[kept],
            exposures.score[kept],
            exposures.confidence[kept],
        )
        panes = event_ms // self._plan.pane_ms
        grown: list[int] = np.unique(panes).tolist()
        if grown[0] <= closed_through:
            raise ValueError(
                f"exposure in pane {grown[0]}, but panes are closed through {closed_through}:"
                " add before advancing, and no late events"
            )
        for pane in grown:
            inside = panes == pane
            self._parts.setdefault(pane, []).append((hashes[inside], packed[inside]))
        return grown

    def put(self, pane: int, hashes: Hashes, packed: Packed) -> None:
        """Take a pane back as it was stored."""
        self._parts[pane] = [(hashes, packed)]

    def rows(self, pane: int) -> tuple[Hashes, Packed]:
        """A pane's rows in log order."""
        hashes, packed = (np.concatenate(c) for c in zip(*self._parts[pane], strict=True))
        return hashes, packed

    def seal(self, through: int) -> list[Run]:
        """Take panes out, each as a run, ascending."""
        return [self._sealed(pane) for pane in self.panes if pane <= through]

    def _sealed(self, pane: int) -> Run:
        rows = self.rows(pane)
        del self._parts[pane]
        return Run.sealed(pane, self._plan.pane_ms, *rows, len(self._plan.windows))
