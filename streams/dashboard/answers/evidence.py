"""What is answered of evidence? The figures of a decision, with what to say of them."""

from __future__ import annotations

from pydantic import BaseModel

from streams.dashboard.answers.common import Counts
from streams.judge.decision_facts import Direction, Finding
from streams.spec.metric_facts import Role


class Evidence(BaseModel):
    """What the evidence says of one metric of one candidate in one segment."""

    metric: str
    kind: str
    """errors, latency, scores, ... (schemas/decision.avsc)."""
    role: Role
    segment: str
    """`all`, or `dimension=value`."""
    candidate: str
    finding: Finding
    reason: str
    """Code: e_harm_crossed, no_harm_shown, warming_up, not_enough_data ..."""
    sentence: str
    """Estimate, interval, limit and counts, for a person."""
    unit: str
    """Of estimate, low, high and limit: ratio, share, nats, ms."""
    estimate: float | None
    low: float | None
    """Lower end of the anytime-valid interval."""
    high: float | None
    limit: float | None
    """What is tested: harm is beyond it."""
    log_e_harm: float | None
    log_e_harm_threshold: float | None
    """Harm at or above this."""
    log_e_safe: float | None
    """Against `worse than the limit`, in this stage."""
    log_e_safe_threshold: float | None
    exposures: Counts
    """That entered the harm test."""
    events: Counts
    """Errors, exceedances ... among them."""
    counted: str
    """What exposures are: `requests`, `users, until the first error of each` ..."""
    series: bool
    """Whether `/evidence` has a series of it; of slices, only so many are remembered."""


class HealthTold(BaseModel):
    """Whether the verdicts can be trusted; a failure makes them invalid, never harm."""

    name: str
    ok: bool
    reason: str
    log_e: float | None
    """Null where the check is no test."""
    log_e_threshold: float | None
    observed: float | None
    expected: float | None


class DriftTold(BaseModel):
    """The baseline itself changed; never a candidate's harm."""

    metric: str
    unit: str
    at_s: float
    """When it was detected, event time."""
    before: float
    after: float
    direction: Direction
    sentence: str


class FigureTold(BaseModel):
    """A number of an arm that is shown and never tested, of matured cohorts."""

    name: str
    """accuracy, coverage, calibration_error, auc, rate, mean ..."""
    outcome: str
    segment: str
    arm: str
    value: float | None
    count: int


class ShadowTold(BaseModel):
    """What another judge (Kayenta's) would say; moves nothing."""

    judge: str
    candidate: str
    minutes: int
    score: float | None
    classification: str
    reason: str
