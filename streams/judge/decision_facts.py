"""What does the judge say? Facts only; no arithmetic, no Kafka.

Panes are indexes (time // pane_ms); weights are basis points; e-values are natural logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from streams.judge.cut import Cut
from streams.spec.model import ALL_SEGMENT


class Finding(StrEnum):
    """What the evidence says of one metric."""

    HARM = "harm"
    NO_HARM = "no_harm"
    BETTER = "better"
    UNDECIDED = "undecided"
    INVALID = "invalid"


class Action(StrEnum):
    """What to do with the rollout."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLLBACK = "rollback"
    PROMOTE = "promote"


def claim_name(metric: str, candidate: str, segment: str) -> str:
    """How sentences call what is tested.

    >>> claim_name("errors", "v2", "country=SG")
    'errors of v2 in country=SG'
    """
    whole = f"{metric} of {candidate}"
    return whole if segment == ALL_SEGMENT else f"{whole} in {segment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The evidence on one metric of one candidate in one segment."""

    metric: str
    kind: str
    role: str
    segment: str
    candidate: str
    finding: Finding
    reason: str
    """Reason code: e_harm_crossed, no_harm_shown, warming_up, not_enough_data, ..."""
    unit: str
    """What estimate, low and high are: `ratio`, `share`, `nats`, `ms`."""
    estimate: float | None
    low: float | None
    high: float | None
    """None: no upper bound yet. Without events in the baseline a ratio has no estimate either."""
    margin: float
    """The limit that is tested, in `unit` (effective margin after bucket mapping)."""
    log_e_harm: float
    log_e_harm_threshold: float
    log_e_safe: float
    log_e_safe_threshold: float
    alpha_share: float
    exposures: dict[str, int]
    """Arm -> exposures that entered the harm test."""
    events: dict[str, int]
    """Arm -> events (errors, exceedances ...) among them."""
    first_pane: int
    last_pane: int
    dispersion: float = 1.0
    """Variance over mean by which the evidence is tempered; 1 where it is not."""
    counted: str = "requests"
    """The estimand, what exposures are: requests, or users, until the first error of each ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Whether the verdicts can be trusted at all; failure makes them invalid, never harm."""

    name: str
    ok: bool
    reason: str
    log_e: float
    log_e_threshold: float
    observed: float | None
    expected: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowMetric:
    """What another judge said of one metric."""

    name: str
    classification: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What another judge would say of a candidate; told beside the verdicts, never part of them."""

    judge: str
    candidate: str
    minutes: int
    """How many minutes were compared."""
    score: float
    classification: str
    reason: str
    metrics: tuple[ShadowMetric, ...]


class Direction(StrEnum):
    """Which way a metric of the baseline went."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The world moved: a metric of the baseline itself changed. Never harm of a candidate."""

    metric: str
    """`errors`, `latency`, `classes`, `scores`, `confidences`."""
    unit: str
    """What before and after are: `share` (of failed requests; of requests in the classes that
    were the largest), `ms` (geometric mean), `score` (mean)."""
    pane: int
    """In which it was detected; it happened some panes before."""
    before: float
    after: float
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that is shown of an arm and tested never.

    Of matured cohorts since the beginning, pooled over weights: to look at, not to compare by.
    """

    name: str
    """accuracy, coverage, calibration_error, auc, rate or mean."""
    outcome: str
    segment: str
    arm: str
    value: float
    count: int
    """Exposures, labels or outcomes that it rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The full desired state of a rollout with the evidence for it. No wall clock in here."""

    rollout: str
    decision_id: str
    """hash(rollout, spec_hash, cut), 32 hex digits."""
    seq: int
    """1, 2, 3 ... within the rollout; the fence of the actuator."""
    spec_hash: str
    action: Action
    reason: str
    """Reason code, then a sentence for a person: `harm: errors of candidate ...`."""
    stage: int
    """Index of the stage after this decision; -1 before the first and after a rollback."""
    terminal: bool
    weights_bp: dict[str, dict[str, int]]
    """Segment -> arm -> weight: absolute, complete. Segments not named have those of `all`."""
    verdicts: tuple[Verdict, ...]
    health: tuple[HealthCheck, ...]
    pane_ms: int
    cut: Cut
    steps: tuple[Cut, ...]
    """Every cut since the previous decision at which anything but the pane changed."""
    prev_hash: str
    """SHA-256 of the previous decision's Avro body (without framing); empty for the first."""
    shadows: tuple[Shadow, ...] = ()
    """Per candidate what Kayenta's judge says of the same events, once a minute is complete."""
    drifts: tuple[Drift, ...] = ()
    """The last changes of the baseline itself in this rollout, oldest first."""
    figures: tuple[Figure, ...] = ()
    """By outcome and arm, once a cohort has matured."""

    @property
    def news(self) -> tuple[Drift, ...]:
        """Changes that this decision is the first to tell: each is told at once."""
        return tuple(drift for drift in self.drifts if drift.pane == self.cut.pane)
