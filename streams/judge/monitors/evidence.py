"""What must a metric's evidence be able to say, whatever test is behind it?

A `Reader` turns a pane's cells into additive integers, one row per arm; an `Evidence` folds closed
strata of them. Both keep JSON-able state and are pure functions of what they were given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.sketches.cell import Cell

Counts = NDArray[np.int64]
"""int64[2, columns]: baseline, candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How large the effect is: estimate and any-time valid interval, in a unit."""

    unit: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    """None: no upper bound yet."""
    remark: str = ""
    """What else a reader should know; goes behind the reason code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Exposures and events that entered a test: (baseline, candidate)."""

    exposures: tuple[int, int]
    events: tuple[int, int]
    dispersion: float = 1.0
    """Variance over mean by which the evidence is tempered."""


class Reader(Protocol):
    """What a metric counts in a pane."""

    columns: int
    """Integers per arm."""

    @property
    def ready(self) -> bool:
        """Whether panes are counted yet (latency needs a warm-up first)."""

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """The pane's counts, int64[2, columns]; may learn from the pane for later ones."""

    def to_state(self) -> Any:
        """What was learnt, as JSON values."""

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""


class Evidence(Protocol):
    """E-values over closed strata; logarithms are natural."""

    def fold(self, counts: Counts, weight_bp: int, at_s: float | None) -> None:
        """Add a closed stratum that ran at a candidate's weight, in order of time.

        `at_s` is when it closed, in seconds of the rollout; None where only safety is asked.
        """

    def log_e_harm(self) -> float:
        """Evidence against "no harm"."""

    def log_e_safe(self) -> float:
        """Evidence against "harm": non-inferiority."""

    def gauge(self, alpha: float) -> Gauge:
        """Estimate and interval with any-time miscoverage alpha."""

    def tally(self) -> Tally:
        """What has entered."""

    def to_state(self) -> Any:
        """The sums as JSON values."""

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""


def finite(value: float) -> float | None:
    """The value, or None where there is no number to tell (NaN, or no bound)."""
    return float(value) if np.isfinite(value) else None
