"""What came of the predictions of one (segment, arm) that were answered within one cohort?

A cohort is the exposures of consecutive panes; everything here counts exposures, each at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streams.sketches.bins import FixedBins
from streams.sketches.log_histogram import LogHistogram
from streams.sketches.scaled_sums import ScaledSums

Ints = NDArray[np.int64]

DELAY_BINS = 8
"""Upper ends window / 128, / 64 ... / 2, and the window (`evidence.label_delay`)."""
MILLI = 1000
"""Parts of one in `total_milli`."""


@dataclass(slots=True)
class ClassTally:
    """Exposures whose label is one class."""

    labelled: int = 0
    hits: int = 0
    """Those that were predicted as this class."""


def _delays() -> Ints:
    return np.zeros(DELAY_BINS, np.int64)


@dataclass(slots=True)
class OutcomeCell:
    """Mergeable state of one outcome.

    >>> cell = OutcomeCell(exposures=10, events=2, delays=np.array([0, 3, 1, 0, 0, 0, 0, 0]))
    >>> cell.answered, OutcomeCell.from_state(cell.to_state("all", "baseline"))[2] == cell
    (4, True)
    """

    exposures: int = 0
    """Predictions of the sample, failed ones included: the denominator (intention to treat)."""
    events: int = 0
    """Labels: predictions that were wrong. Rates: outcomes with a value above 0."""
    delays: Ints = field(default_factory=_delays)
    """int64[8], answered exposures by delay."""
    classes: dict[str, ClassTally] = field(default_factory=dict)
    """By label; what is beyond the limit is `other`."""
    right: FixedBins = field(default_factory=FixedBins)
    """Stated probability of what came true (labels)."""
    wrong: FixedBins = field(default_factory=FixedBins)
    """Stated probability of what did not."""
    brier: ScaledSums = field(default_factory=ScaledSums)
    log_loss: ScaledSums = field(default_factory=ScaledSums)
    """In parts of -log(0.001), beyond which it is clipped."""
    values: ScaledSums = field(default_factory=ScaledSums)
    """Of a mean with a range, in parts of the range."""
    histogram: LogHistogram = field(default_factory=LogHistogram)
    """Of a mean without a range."""
    total_milli: int = 0
    """Exact sum of a mean's values, each rounded to a thousandth."""

    @property
    def answered(self) -> int:
        """Exposures with an outcome."""
        return int(self.delays.sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OutcomeCell):
            return NotImplemented
        return self.to_state("", "") == other.to_state("", "")

    __hash__ = None  # type: ignore[assignment]  # mutable

    def merge(self, other: Self) -> None:
        """Add another cell's exposures."""
        self.exposures += other.exposures
        self.events += other.events
        self.delays = self.delays + other.delays
        for name, tally in other.classes.items():
            mine = self.classes.setdefault(name, ClassTally())
            mine.labelled += tally.labelled
            mine.hits += tally.hits
        for part in ("right", "wrong", "brier", "log_loss", "values", "histogram"):
            getattr(self, part).merge(getattr(other, part))
        self.total_milli += other.total_milli

    def copy(self) -> Self:
        """An independent copy."""
        fresh = type(self)()
        fresh.merge(self)
        return fresh

    def first_bins(self, complete: int) -> Self:
        """Exposures, and the answered ones of the first delay bins: what an open cohort tells."""
        delays = np.where(np.arange(DELAY_BINS) < complete, self.delays, 0)
        return type(self)(exposures=self.exposures, delays=delays)

    def to_state(self, segment: str, arm: str) -> dict[str, Any]:
        """The Avro record `davy.OutcomeCell`."""
        sums = {"brier": self.brier, "log_loss": self.log_loss, "values": self.values}
        return {
            "segment": segment,
            "arm": arm,
            "exposures": self.exposures,
            "events": self.events,
            "delays": self.delays.tolist(),
            "classes": [
                {"name": name, "labelled": tally.labelled, "hits": tally.hits}
                for name, tally in sorted(self.classes.items())
            ],
            "right": self.right.to_state(),
            "wrong": self.wrong.to_state(),
            "sums": [
                {"name": name, "count": s.count, "total": s.total, "squares": s.squares}
                for name, s in sums.items()
                if s.count
            ],
            "histogram": self.histogram.to_state(),
            "total_milli": self.total_milli,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> tuple[str, str, Self]:
        """Read what `to_state` wrote: segment, arm, cell."""
        sums = {s["name"]: ScaledSums(s["count"], s["total"], s["squares"]) for s in state["sums"]}
        cell = cls(
            exposures=state["exposures"],
            events=state["events"],
            delays=np.array(state["delays"], np.int64),
            classes={c["name"]: ClassTally(c["labelled"], c["hits"]) for c in state["classes"]},
            right=FixedBins.from_state(state["right"]),
            wrong=FixedBins.from_state(state["wrong"]),
            histogram=LogHistogram.from_state(state["histogram"]),
            total_milli=state["total_milli"],
            **sums,
        )
        return state["segment"], state["arm"], cell


OutcomeCells = dict[tuple[str, str], OutcomeCell]
"""(segment, arm) -> what came of its predictions."""


def outcome_cells_to_states(cells: OutcomeCells) -> list[dict[str, Any]]:
    """Avro cells, ascending by segment and arm."""
    return [cells[key].to_state(*key) for key in sorted(cells)]


def outcome_cells_from_states(states: Iterable[Mapping[str, Any]]) -> OutcomeCells:
    """Read what `outcome_cells_to_states` wrote."""
    found = (OutcomeCell.from_state(state) for state in states)
    return {(segment, arm): cell for segment, arm, cell in found}
