"""What does a report tell? Facts only, ready for a page or for a program.

Times are milliseconds since the epoch, shares basis points, e-values natural logarithms; None
stands for what is not known, and for what is no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from streams.audit.timeline import Moment
from streams.judge.decision_facts import Action, Drift, Figure, Finding, Shadow
from streams.report.arm_facts import CohortStory, Distribution


class State(StrEnum):
    """How far a rollout has come, by its last decision."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFacts:
    """One of the model versions that are compared."""

    arm: str
    version: str
    requests: int | None
    """That were judged; None where the panes are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the evidence on one metric was at one decision."""

    at_ms: int
    """End of the last pane that was judged."""
    seq: int
    finding: Finding
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None
    log_e_harm: float | None
    log_e_safe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What was counted of one arm."""

    exposures: int
    events: int
    quantile_ms: float | None = None
    """Where the metric is one of times: of all its requests, told and not tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricStory:
    """The last evidence on one metric of one candidate in one segment, and how it came about."""

    metric: str
    kind: str
    role: str
    candidate: str
    segment: str
    finding: Finding
    reason: str
    unit: str
    """Of estimate, low, high and limit: ratio, share, nats, ms, score."""
    counted: str
    """What exposures are."""
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None
    log_e_harm: float | None
    log_e_harm_threshold: float | None
    log_e_safe: float | None
    log_e_safe_threshold: float | None
    baseline: Count
    treated: Count
    """The candidate's."""
    points: tuple[Point, ...]
    """Of the whole only: chosen decisions, the last among them; slices have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareStep:
    """All candidates together, from a time on."""

    at_ms: int
    share_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Requests of consecutive panes, counted."""

    at_ms: int
    """Their end."""
    baseline: int
    candidates: int
    share_bp: int | None
    """Of the candidates: in shadow mode copies by request of the baseline; None without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Which share candidates should have, which the target had, and which they got."""

    wanted: tuple[ShareStep, ...]
    applied: tuple[ShareStep, ...]
    measured: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLine:
    """One decision of the log."""

    seq: int
    offset: int
    """Where it stands in its partition; no other has the same."""
    decision_id: str
    at_ms: int
    """When it was written."""
    until_ms: int
    """Up to where it had looked: end of the last pane that was judged."""
    action: Action
    stage: int
    share_bp: int
    terminal: bool
    code: str
    """Of its reason; empty where it gives none."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time in which a health check failed; without an end it fails still."""

    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStory:
    """A health check at the last decision, and when it had failed."""

    name: str
    ok: bool
    reason: str
    observed: float | None
    expected: float | None
    log_e: float | None
    log_e_threshold: float | None
    failed: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked of the rollout."""

    at_ms: int
    command: str
    actor: str
    reason: str
    stage: int | None
    until_ms: int | None
    """When it lapses; None: never."""
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """Where the chain of decisions ends, and whether it is whole."""

    seq: int
    decision_id: str
    body_hash: str
    """SHA-256 of the last decision's body, hex: what the next one must name."""
    prev_hash: str
    place: str
    key_id: str | None
    """The key that signed it, by its own word; None where nobody did."""
    vouched: str
    """Whether that was verified."""
    decisions: int
    findings: tuple[str, ...]
    """Gaps; none: the record is whole."""
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecText:
    """What was asked for, with every default filled in."""

    spec_hash: str
    applied_by: str
    applied_ms: int | None
    yaml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole story."""

    rollout: str
    service: str
    route: str
    mode: str
    state: State
    verdict: str
    """What became of it, in one plain sentence."""
    evidence: str
    """The last decision, and the evidence that weighs most."""
    begun_ms: int
    """Begin of the first pane that was judged."""
    until_ms: int
    """End of the last one."""
    in_effect_ms: int | None
    """Since when the target has the weights of the last decision; None: not known to have them."""
    stage: int
    stages_bp: tuple[int, ...]
    arms: tuple[ArmFacts, ...]
    metrics: tuple[MetricStory, ...]
    slices: tuple[MetricStory, ...]
    track: Track
    distributions: tuple[Distribution, ...]
    timeline: tuple[Moment, ...]
    """What happened, by the clock of who wrote it; like decisions in a row are one."""
    decisions: tuple[DecisionLine, ...]
    """Every decision of the log, once."""
    health: tuple[CheckStory, ...]
    cohorts: tuple[CohortStory, ...]
    figures: tuple[Figure, ...]
    drifts: tuple[Drift, ...]
    shadows: tuple[Shadow, ...]
    commands: tuple[Asked, ...]
    deeds: tuple[Moment, ...]
    """What the actuator did, and what it saw that was new."""
    spec: SpecText
    chain: ChainHead
    remarks: tuple[str, ...]
    """What a reader should know of the report itself: what is missing in it."""
