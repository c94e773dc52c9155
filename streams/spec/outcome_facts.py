"""What is awaited of predictions? Outcomes as facts: labels and business metrics.

Times are seconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from streams.spec.fact import Fact, Name


class OutcomeKind(StrEnum):
    """What an outcome says of a prediction."""

    LABEL = "label"  # its true class
    RATE = "rate"  # whether something happened: a value above 0; none is "it did not"
    MEAN = "mean"  # how much: a value; none is 0


class Probability(StrEnum):
    """Which number of a prediction is a probability, for the metrics that need one."""

    SCORE = "score"
    CONFIDENCE = "confidence"


class Outcome(Fact):
    """What is awaited of each prediction; `name` is the `metric` of the outcome events."""

    name: Name
    kind: OutcomeKind
    window_s: Annotated[float, Field(gt=0)]
    """Longest time from exposure to outcome (attribution window)."""
    delivery_s: Annotated[float, Field(ge=0)] = 0.0
    """Longest time from outcome to its arrival in Kafka."""
    classes: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    """Labels there are; another one is counted and joined to nothing. Empty: any (label)."""
    positive: str = ""
    """The class whose probability is stated; empty: that of the predicted class (label)."""
    probability: Probability = Probability.CONFIDENCE
    """What states it (label)."""
    low: float | None = None
    """Least and highest value; beyond them values are clipped and counted (mean)."""
    high: float | None = None
    explicit: bool = False
    """Whether "it did not happen" is sent as 0, so that coverage can be checked (rate, mean)."""
