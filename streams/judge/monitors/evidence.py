"""What must a form of test be able to say, and of which claims?

A `Reader` turns a pane's cells into additive integers, one row per arm; an `Evidence` folds closed
strata of all claims that share a form at once, rows by metrics, so that a metric, a candidate or a
slice more costs little. A row is a candidate in a segment; those of the whole come first.
Both keep JSON-able state and are pure functions of what they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.evidence.fixed import Bools, Floats
from streams.judge.decision_facts import claim_name
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Metric

Counts = NDArray[np.int64]
"""int64[2, columns], baseline and candidate; of an evidence [rows, metrics, 2, columns]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is tested, of whom, and with how much of the error budget."""

    metric: Metric
    segment: str
    candidate: str
    limit: float
    """The limit in the gauge's unit, as it is really tested."""
    alpha_share: float
    alpha_promote: float
    counted: str = "requests"
    """What its exposures are (`units.Counted`)."""

    @property
    def name(self) -> str:
        """How sentences call it."""
        return claim_name(self.metric.name, self.candidate, self.segment)


Claims = Sequence[Sequence[Claim]]
"""By row, then by metric: every row has the same metrics."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closed:
    """Strata that closed, at most one per row."""

    counts: Counts
    """int64[rows, metrics, 2, columns]."""
    of: Bools
    """Which rows' strata closed, bool[rows]; others are not looked at."""
    weights_bp: Sequence[int]
    """Under which weight of each row's candidate."""
    at_s: float | None = None
    """When, in seconds of the rollout, in order of time; None where only safety is asked."""
    phi: float | Floats = 1.0
    """Variance over mean, one or [rows, metrics]; NaN while it is not known."""

    def arms(self) -> tuple[Counts, Counts]:
        """Counts of baseline and candidates, [rows, metrics, columns] each."""
        return self.counts[..., 0, :], self.counts[..., 1, :]

    def columns(self) -> tuple[Counts, Counts, Counts, Counts]:
        """Exposures and events of the baseline, then of candidates, [rows, metrics] each."""
        counts = self.counts
        return counts[..., 0, 0], counts[..., 0, 1], counts[..., 1, 0], counts[..., 1, 1]

    @property
    def mask(self) -> Bools:
        """`of` as a column, for the rows' metrics."""
        return self.of[:, None]


class Ready(Protocol):
    """Whatever may need a warm-up."""

    @property
    def ready(self) -> bool:
        """Whether anything is counted yet (latency needs a warm-up first)."""


class Reader(Ready, Protocol):
    """What a metric counts in a pane."""

    columns: int
    """Integers per arm."""

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """The pane's counts, int64[2, columns]; may learn from the pane for later ones."""

    def to_state(self) -> Any:
        """What was learnt, as JSON values."""

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""


class Evidence(Protocol):
    """E-values over closed strata, float64[rows, metrics]; logarithms are natural."""

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""

    def log_e_harm(self) -> Floats:
        """Evidence against "no harm"."""

    def log_e_safe(self) -> Floats:
        """Evidence against "harm": non-inferiority."""

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Estimates and intervals with any-time miscoverage alpha, by row and metric."""

    def tallies(self) -> list[list[Tally]]:
        """What has entered, by row and metric."""

    def to_state(self) -> Any:
        """The sums as JSON values."""

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
