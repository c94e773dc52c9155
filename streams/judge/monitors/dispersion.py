"""How much do the baseline's events vary beyond chance? Measured minute by minute.

Until enough minutes are there nothing is known, and relative rates say nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.evidence.fixed import Floats
from streams.evidence.overdispersion import LEAST_BLOCKS, phi_from_blocks
from streams.judge.monitors.evidence import Closed

BLOCK_S = 60
BLOCKS_KEPT = 480
"""The last eight hours."""


class Dispersion:
    """Phi of one metric from the baseline's exposures and events; a block tells once it ends."""

    def __init__(self) -> None:
        self.phi: float | None = None
        """None until 48 blocks have ended."""
        self._block = -1
        self._open = [0, 0]
        self._blocks: list[list[int]] = []

    def add(self, exposures: int, events: int, at_s: float) -> None:
        """A stratum that closed at `at_s` seconds of the rollout."""
        block = int(at_s // BLOCK_S)
        if block != self._block and self._open[0]:
            self._end()
        self._block = block
        self._open = [self._open[0] + exposures, self._open[1] + events]

    def _end(self) -> None:
        self._blocks = [*self._blocks, self._open][-BLOCKS_KEPT:]
        self._open = [0, 0]
        if len(self._blocks) >= LEAST_BLOCKS:
            exposures, events = zip(*self._blocks, strict=True)
            self.phi = float(phi_from_blocks(events, exposures))

    def to_state(self) -> Any:
        """JSON values."""
        return {
            "phi": self.phi,
            "block": self._block,
            "open": self._open,
            "blocks": self._blocks,
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self.phi, self._block = state["phi"], state["block"]
        self._open, self._blocks = list(state["open"]), [list(b) for b in state["blocks"]]


class Dispersions:
    """Phi of every claim of a panel, by candidate and metric."""

    def __init__(self, candidates: int, metrics: int) -> None:
        """Nothing measured yet."""
        self._each = [[Dispersion() for _ in range(metrics)] for _ in range(candidates)]

    @property
    def phi(self) -> Floats:
        """float64[candidates, metrics]; NaN while it is not known."""
        return np.array(
            [[np.nan if one.phi is None else one.phi for one in row] for row in self._each]
        )

    def add(self, closed: Closed) -> None:
        """The baseline's exposures and events of closed strata."""
        if closed.at_s is None:
            return
        for row, of, counts in zip(self._each, closed.of, closed.arms()[0].tolist(), strict=True):
            for one, (exposures, events, *_) in zip(row, counts, strict=True):
                if of:
                    one.add(exposures, events, closed.at_s)

    def to_state(self) -> Any:
        """JSON values."""
        return [[one.to_state() for one in row] for row in self._each]

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        for row, saved_row in zip(self._each, state, strict=True):
            for one, saved in zip(row, saved_row, strict=True):
                one.restore(saved)
