"""What is answered of a rollout over time, over values, and of its labels?"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from streams.dashboard.answers.common import Column, Counts


class Kind(StrEnum):
    """Which distribution is shown."""

    LATENCY = "latency"  # ms, buckets 2 % wide
    SCORE = "score"  # 0 to 1, equal bins
    CONFIDENCE = "confidence"  # 0 to 1, equal bins
    CLASSES = "classes"  # names


class Span(StrEnum):
    """Of which panes a distribution is the sum."""

    ALL = "all"  # all that were read
    RECENT = "recent"  # the last 10 to 20 minutes of event time


class EvidenceSeries(BaseModel):
    """One metric of one candidate in one segment over time, the last decision of each bucket.

    At most 600 buckets; their width doubles as the rollout grows older.
    """

    metric: str
    candidate: str
    segment: str
    unit: str
    bucket_s: float
    """Span in seconds of a bucket."""
    at_s: list[float]
    """End of the last judged pane, event time, ascending."""
    estimate: Column
    low: Column
    high: Column
    limit: Column
    log_e_harm: Column
    log_e_harm_threshold: Column
    log_e_safe: Column
    log_e_safe_threshold: Column
    events: dict[str, Column]
    """Arm -> events since the beginning of the test."""
    exposures: dict[str, Column]
    """Arm -> exposures likewise; events / exposures is the arm's own rate."""


class TrafficSeries(BaseModel):
    """Shares of each arm over time, and how many requests there were.

    Exposures are exact sums of panes in at most 600 buckets, whose width doubles. Wanted and
    applied shares hold from their time on, so their changes are further times of the series.
    """

    segment: str
    bucket_s: float
    """Span in seconds of a bucket."""
    at_s: list[float]
    """Event time of a bucket's begin, or when a share changed; ascending."""
    wanted_pct: dict[str, Column]
    applied_pct: dict[str, Column]
    measured_pct: dict[str, Column]
    """Null at times that are no bucket."""
    exposures: dict[str, Column]
    """Requests in the bucket; null at times that are no bucket."""
    errors: dict[str, Column]


class Quantiles(BaseModel):
    """Of one arm's latencies, in ms, within 1 %."""

    p50: float
    p95: float
    p99: float


class ArmDistribution(BaseModel):
    """One arm."""

    arm: str
    count: int
    """Of values; the counts' sum."""
    counts: list[int]
    """By bin, as many as there are bins."""
    quantiles: Quantiles | None
    """Of latency alone."""


class Distribution(BaseModel):
    """The same bins of every arm, summed over panes; compare shares, not counts."""

    kind: Kind
    segment: str
    span: Span
    from_s: float | None
    """Begin of the first pane of the sum, event time."""
    through_s: float | None
    """End of the last."""
    edges: list[float]
    """Of latency (ms), score and confidence: bin i reaches from edges[i] to edges[i + 1]."""
    names: list[str]
    """Of classes, the largest first; `other` is what is told apart no more."""
    arms: list[ArmDistribution]
    """Baseline first."""


class ArmMaturity(BaseModel):
    """Labels of one arm, over all cohorts that were read."""

    arm: str
    exposures: int
    """Predictions whose label is awaited."""
    matured: int
    """Of them, those for which nothing is waited any more."""
    labelled: int
    """Of the matured ones, those whose outcome came."""
    coverage_pct: float | None
    """labelled of matured."""


class CohortTold(BaseModel):
    """The exposures of some panes, and what came of them by now."""

    from_s: float
    through_s: float
    complete: int
    """Delay bins that are complete, of 8; 8 is matured."""
    exposures: Counts
    labelled: Counts


class OutcomeMaturity(BaseModel):
    """How mature the labels of one outcome are."""

    outcome: str
    window_s: float
    """Span in seconds in which an outcome counts after its prediction."""
    delivery_s: float
    """Span in seconds that its delivery may take beyond that."""
    arms: list[ArmMaturity]
    cohorts: list[CohortTold]
    """The newest, at most 120, ascending; merged over source partitions by their first pane."""


class Maturity(BaseModel):
    """How mature the labels are."""

    outcomes: list[OutcomeMaturity]
