"""How are exposures put together until their outcomes have come, and when is that?

A cohort is the exposures of `2^k` consecutive panes: so many that at most `MOST_OPEN` cohorts wait
at once, however long the window. Delay bin b of a cohort is complete once the predictions'
watermark has passed its end by the bin's upper edge and the declared delivery delay; with the last
bin the cohort is *matured*: immutable, and what comes later is late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streams.sketches.outcome_cell import (
    DELAY_BINS,
    OutcomeCells,
    outcome_cells_from_states,
    outcome_cells_to_states,
)
from streams.spec.outcome_facts import Outcome

Ints = NDArray[np.int64]

MOST_OPEN = 512
"""Cohorts of one outcome that wait for it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortClock:
    """How the cohorts of one outcome are cut, and when their delay bins are complete."""

    pane_ms: int
    panes: int
    """Panes of a cohort, a power of two; the first of each is a multiple of it."""
    window_ms: int
    delivery_ms: int

    @classmethod
    def of(cls, outcome: Outcome, pane_ms: int) -> CohortClock:
        """The clock of an outcome of a spec."""
        window_ms, delivery_ms = round(outcome.window_s * 1000), round(outcome.delivery_s * 1000)
        waiting = -(-(window_ms + delivery_ms) // (pane_ms * MOST_OPEN))
        panes = 1 << max(waiting - 1, 0).bit_length()
        return cls(pane_ms=pane_ms, panes=panes, window_ms=window_ms, delivery_ms=delivery_ms)

    @property
    def edges_ms(self) -> Ints:
        """Upper ends of the delay bins, ascending, the last is the window; int64[8]."""
        return self.window_ms >> np.arange(DELAY_BINS - 1, -1, -1)

    def bin_of(self, delay_ms: Ints) -> Ints:
        """Delay bin of outcomes within the window."""
        return np.searchsorted(self.edges_ms, delay_ms).astype(np.int64)

    def first_pane(self, panes: Ints | int) -> Ints | int:
        """First pane of the cohort that holds each pane."""
        return panes // self.panes * self.panes

    def complete_at(self, first_pane: int) -> Ints:
        """By delay bin, the first pane that the predictions must have closed through; int64[8]."""
        end_ms = (first_pane + self.panes) * self.pane_ms + self.edges_ms + self.delivery_ms
        return -(-end_ms // self.pane_ms) - 1

    def complete(self, first_pane: int, closed_through: int) -> int:
        """How many delay bins of a cohort are complete; `DELAY_BINS` means matured."""
        return int(np.searchsorted(self.complete_at(first_pane), closed_through, side="right"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """What one source partition knows of a cohort once `complete` of its delay bins are."""

    rollout: str
    spec_hash: str
    outcome: str
    first_pane: int
    panes: int
    complete: int
    """While below `DELAY_BINS`, cells hold exposures and the complete delay bins only."""
    cells: OutcomeCells

    @property
    def matured(self) -> bool:
        """Whether nothing of it can change any more."""
        return self.complete == DELAY_BINS

    def to_state(self) -> dict[str, Any]:
        """The Avro record `davy.Cohort`."""
        return {
            "rollout": self.rollout,
            "spec_hash": self.spec_hash,
            "outcome": self.outcome,
            "first_pane": self.first_pane,
            "panes": self.panes,
            "complete": self.complete,
            "cells": outcome_cells_to_states(self.cells),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        return cls(**{**state, "cells": outcome_cells_from_states(state["cells"])})
