"""The words of Kayenta's judge: closed sets of labels and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Label(StrEnum):
    """How a metric of the experiment stands against the control."""

    PASS = "Pass"  # noqa: S105 - a label, not a password
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"
    NODATA_FAIL = "NodataFailMetric"
    ERROR = "Error"


class Grade(StrEnum):
    """Class of the whole score."""

    PASS = "Pass"  # noqa: S105 - a label, not a password
    MARGINAL = "Marginal"
    FAIL = "Fail"


class Direction(StrEnum):
    """Which change of a metric is bad."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


class Measure(StrEnum):
    """How large a change is: ratio of means, or chance that experiment exceeds control."""

    MEAN_RATIO = "meanRatio"
    CLES = "cles"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """What the judge found on one metric."""

    name: str
    label: Label
    reason: str = ""
    critical: bool = False
    """Whether this result fails the whole canary."""
    muted: bool = False
    groups: tuple[str, ...] = ()
    ratio: float = 1.0
    """Mean of the experiment over mean of the control; NaN if either is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryResult:
    """What the judge says of the canary; scores run from 0 to 100."""

    metrics: tuple[MetricResult, ...]
    groups: dict[str, float]
    score: float
    grade: Grade
    reason: str = ""
