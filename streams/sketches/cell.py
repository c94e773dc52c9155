"""What is known of one (segment, arm) in one pane? Counts and sketches, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streams.sketches.bins import FixedBins
from streams.sketches.categories import CategoryCounts
from streams.sketches.llm_cell import LlmCell
from streams.sketches.log_histogram import LogHistogram
from streams.sketches.pairs import PairCounts
from streams.sketches.unit_cell import UnitCell


@dataclass(slots=True)
class Cell:
    """Mergeable state; `errors` includes `timeouts`, latency includes failed requests."""

    exposures: int = 0
    errors: int = 0
    timeouts: int = 0
    latency: LogHistogram = field(default_factory=LogHistogram)
    classes: CategoryCounts = field(default_factory=CategoryCounts)
    scores: FixedBins = field(default_factory=FixedBins)
    confidences: FixedBins = field(default_factory=FixedBins)
    units: UnitCell | None = None
    """Where units are counted."""
    llm: LlmCell | None = None
    """What generative models add; None where no event had it."""
    pairs: PairCounts | None = None
    """Of a candidate that gets copies: requests that the baseline answered too."""

    def merge(self, other: Self) -> None:
        """Add another cell's events."""
        self.exposures += other.exposures
        self.errors += other.errors
        self.timeouts += other.timeouts
        self.latency.merge(other.latency)
        self.classes.merge(other.classes)
        self.scores.merge(other.scores)
        self.confidences.merge(other.confidences)
        if other.units is not None:
            self.units = self.units or UnitCell()
            self.units.merge(other.units)
        if other.llm is not None:
            self.generative().merge(other.llm)
        if other.pairs is not None:
            self.paired().merge(other.pairs)

    def generative(self) -> LlmCell:
        """`llm`, made where it is not there yet."""
        if self.llm is None:
            self.llm = LlmCell()
        return self.llm

    def paired(self) -> PairCounts:
        """`pairs`, made where it is not there yet."""
        if self.pairs is None:
            self.pairs = PairCounts()
        return self.pairs

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(
            exposures=self.exposures,
            errors=self.errors,
            timeouts=self.timeouts,
            latency=self.latency.copy(),
            classes=self.classes.copy(),
            scores=self.scores.copy(),
            confidences=self.confidences.copy(),
            units=self.units and self.units.copy(),
            llm=self.llm and self.llm.copy(),
            pairs=self.pairs and self.pairs.copy(),
        )

    def to_state(self, segment: str, arm: str) -> dict[str, Any]:
        """The Avro record `davy.Cell`."""
        return {
            "segment": segment,
            "arm": arm,
            "exposures": self.exposures,
            "errors": self.errors,
            "timeouts": self.timeouts,
            "latency": self.latency.to_state(),
            "classes": self.classes.to_state(),
            "scores": self.scores.to_state(),
            "confidences": self.confidences.to_state(),
            "units": self.units and self.units.to_state(),
            "llm": self.llm and self.llm.to_state(),
            "pairs": self.pairs and self.pairs.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> tuple[str, str, Self]:
        """Read what `to_state` wrote: segment, arm, cell."""
        cell = cls(
            exposures=state["exposures"],
            errors=state["errors"],
            timeouts=state["timeouts"],
            latency=LogHistogram.from_state(state["latency"]),
            classes=CategoryCounts.from_state(state["classes"]),
            scores=FixedBins.from_state(state["scores"]),
            confidences=FixedBins.from_state(state["confidences"]),
            units=state["units"] and UnitCell.from_state(state["units"]),
            llm=LlmCell.from_state(state["llm"]) if state["llm"] else None,
            pairs=state["pairs"] and PairCounts.from_state(state["pairs"]),
        )
        return state["segment"], state["arm"], cell
