"""What is answered of a rollout as it is now, in a line and in full?"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from streams.dashboard.answers.common import Counts, JudgeState, Reading, Shares, State
from streams.dashboard.answers.evidence import (
    DriftTold,
    Evidence,
    FigureTold,
    HealthTold,
    ShadowTold,
)
from streams.dashboard.answers.series import Kind
from streams.judge.decision_facts import Action, Finding
from streams.judge.facts import CommandKind
from streams.spec.metric_facts import Role
from streams.spec.model import Mode, Unit


class RolloutSummary(BaseModel):
    """One rollout in a line."""

    rollout: str
    service: str
    route: str
    read: bool
    """Whether the log was read to its end of this rollout; until then nothing that changes is
    known, whatever stands here."""
    mode: Mode
    baseline: str
    """Version of the model that is there."""
    candidates: dict[str, str]
    """Arm -> version."""
    state: State
    stage: int | None
    """Index; -1 before the first and after a rollback; null before the first decision."""
    stages: int
    """How many there are."""
    action: Action | None
    reason_code: str
    """Of the decision in force: `harm`, `min_time`, ...; empty before the first."""
    reason: str
    """The same as a sentence."""
    applied_at_s: float
    """When its spec was written."""
    decided_at_s: float | None
    """When the decision in force was written."""
    wanted_pct: Shares
    """What the decision in force wants, of the whole."""
    applied_pct: Shares | None
    """What the target has, by `routing`; null where nobody told it in the last minute."""
    measured_pct: Shares | None
    """Shares of exposures in the last 30 s of event time, under the weights that are applied now;
    null where no pane was written in the last minute, and once the rollout has ended: its events
    are counted no more."""
    judge: JudgeState
    worst: Finding | None
    """Of all guardrails on the whole: harm, invalid, undecided, no_harm, better, in this order."""
    nearest_harm: float | None
    """Largest log_e_harm / log_e_harm_threshold of all guardrails; harm at 1."""
    healthy: bool | None
    """Whether all health checks hold; null before the first decision."""
    change: int
    """Grows with every record that was read of this rollout."""


class RolloutList(BaseModel):
    """A page of rollouts."""

    items: list[RolloutSummary]
    next: str | None
    total: int
    reading: Reading


class StageTold(BaseModel):
    """One step of the plan and how it went."""

    index: int
    weight_pct: float
    """All candidates together."""
    min_time_s: float
    """Span in seconds."""
    max_time_s: float | None
    """Span in seconds; null: no limit."""
    min_exposures: int
    """Of each candidate."""
    approval: bool
    """Whether a person must say yes before it begins."""
    state: Literal["done", "current", "ahead", "skipped"]
    """`skipped`: the rollout ended before it."""
    entered_s: float | None
    """When it was decided, event time; null where that was before what is remembered."""
    left_s: float | None


class SegmentTold(BaseModel):
    """One segment: traffic and the worst of its evidence."""

    segment: str
    exposures: Counts
    """Of all panes that were read."""
    errors: Counts
    wanted_pct: Shares
    dropped: bool
    """Whether it went back to the baseline alone."""
    worst: Finding | None
    harmed: list[str]
    """Metrics with harm, as `metric of candidate`."""


class LeaseTold(BaseModel):
    """Is the judge heard?"""

    judge: JudgeState
    heard_ago_s: float | None
    """Span in seconds since its last heartbeat; null where none was heard since the start."""
    valid_s: float
    """Span in seconds for which a heartbeat is trusted; 0 before the first."""
    rollback_s: float | None
    """Span in seconds of silence after which the weights go back; null: never."""
    rollback_in_s: float | None
    """Span in seconds until that; null while the judge is heard, or where it never happens."""
    judged_through_s: float | None
    """End of the last judged pane, event time."""


class Pause(BaseModel):
    """A person holds the rollout."""

    actor: str
    until_s: float | None
    """When it lapses; null: at `resume`."""


class BreachTold(BaseModel):
    """Something that keeps events from being counted."""

    kind: str
    """partitions_changed or records_lost."""
    sentence: str


class MetricDeclared(BaseModel):
    """A metric that the spec asks for."""

    name: str
    kind: str
    role: Role
    outcome: str | None


class RolloutView(BaseModel):
    """One rollout as it is now."""

    summary: RolloutSummary
    spec_hash: str
    unit: Unit
    revision: str
    router: str
    dry_run: bool
    """Whether the actuator only looks."""
    pane_s: float | None
    """Span in seconds of a pane; null before the first."""
    watermark_s: float | None
    """End of the last pane that all source partitions have closed, event time."""
    sentence: str
    """The decision in force in one sentence; empty before the first."""
    decision: int | None
    """Its seq."""
    refused: str
    """Why the newest decision is not believed; empty where it is."""
    pause: Pause | None
    commands: list[CommandKind]
    """What may be asked now."""
    declared: list[MetricDeclared]
    stages: list[StageTold]
    evidence: list[Evidence]
    """On the whole, guardrails first; then slices with harm."""
    segments: list[SegmentTold]
    """`all` first; slices only where the spec has some."""
    health: list[HealthTold]
    lease: LeaseTold
    drifts: list[DriftTold]
    figures: list[FigureTold]
    shadows: list[ShadowTold]
    breaches: list[BreachTold]
    distributions: list[Kind]
    """Those that hold anything."""
    remembered: bool
    """False where its series were given up for those of rollouts that changed later."""


class SpecDocument(BaseModel):
    """The spec as it was written, every default filled in."""

    spec_hash: str
    spec: dict[str, object]
