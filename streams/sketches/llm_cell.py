"""What is known of a generative model's answers in one (segment, arm) and pane?

Each value is counted where it was given; requests that say nothing of it are in no denominator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streams.sketches.log_histogram import LogHistogram
from streams.sketches.scaled_sums import ScaledSums
from streams.sketches.summed_histogram import SummedHistogram


@dataclass(slots=True)
class LlmCell:
    """Mergeable state.

    >>> cell = LlmCell(told=10, refused=1)
    >>> LlmCell.from_state(cell.to_state()) == cell
    True
    """

    told: int = 0
    """Requests that say whether they were refused."""
    refused: int = 0
    ttft: LogHistogram = field(default_factory=LogHistogram)
    """Time to the first token in ms; a request that timed out before it is in the last bucket."""
    tpot: LogHistogram = field(default_factory=LogHistogram)
    """Time per output token in ms."""
    tokens_in: SummedHistogram = field(default_factory=SummedHistogram)
    tokens_out: SummedHistogram = field(default_factory=SummedHistogram)
    judged: ScaledSums = field(default_factory=ScaledSums)
    """Scores that a judge model gave, in parts of 2^-20."""

    def merge(self, other: Self) -> None:
        """Add another cell's answers."""
        self.told += other.told
        self.refused += other.refused
        self.ttft.merge(other.ttft)
        self.tpot.merge(other.tpot)
        self.tokens_in.merge(other.tokens_in)
        self.tokens_out.merge(other.tokens_out)
        self.judged.merge(other.judged)

    def copy(self) -> Self:
        """An independent copy."""
        fresh = type(self)()
        fresh.merge(self)
        return fresh

    def to_state(self) -> dict[str, Any]:
        """The Avro record `davy.LlmCell`."""
        return {
            "told": self.told,
            "refused": self.refused,
            "ttft": self.ttft.to_state(),
            "tpot": self.tpot.to_state(),
            "tokens_in": self.tokens_in.to_state(),
            "tokens_out": self.tokens_out.to_state(),
            "judged": self.judged.count,
            "judge_total": self.judged.total,
            "judge_squares": self.judged.squares,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        return cls(
            told=state["told"],
            refused=state["refused"],
            ttft=LogHistogram.from_state(state["ttft"]),
            tpot=LogHistogram.from_state(state["tpot"]),
            tokens_in=SummedHistogram.from_state(state["tokens_in"]),
            tokens_out=SummedHistogram.from_state(state["tokens_out"]),
            judged=ScaledSums(state["judged"], state["judge_total"], state["judge_squares"]),
        )
