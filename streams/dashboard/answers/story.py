"""What is answered of what was decided, asked and done?"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from streams.dashboard.answers.common import Shares
from streams.dashboard.answers.evidence import (
    DriftTold,
    Evidence,
    FigureTold,
    HealthTold,
    ShadowTold,
)
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.spec.model import LONGEST_WORDS


class DecisionTold(BaseModel):
    """One decision in a line."""

    seq: int
    decision_id: str
    at_s: float
    """When it was written."""
    judged_through_s: float
    """End of the pane that it follows from, event time."""
    action: Action
    reason_code: str
    reason: str
    sentence: str
    """The whole in one sentence."""
    stage: int
    terminal: bool
    turn: bool
    """Whether action, reason, stage or weights differ from the decision before; others restate."""
    wanted_pct: dict[str, Shares]
    """Segment -> arm -> share: absolute and complete."""
    full: bool
    """Whether `/decisions/{seq}` has its evidence still."""


class DecisionList(BaseModel):
    """A page of decisions, the newest first: the last 1000 turns and the last 200 others."""

    items: list[DecisionTold]
    next: int | None
    forgotten: int
    """How many older ones were read and are not remembered; `davy decisions tail` shows all."""


class DecisionView(BaseModel):
    """One decision with all its evidence."""

    decision: DecisionTold
    evidence: list[Evidence]
    health: list[HealthTold]
    drifts: list[DriftTold]
    figures: list[FigureTold]
    shadows: list[ShadowTold]
    prev_hash: str
    """SHA-256 of the decision before: the audit chain."""


class Did(StrEnum):
    """What kind of thing happened."""

    APPLIED = "applied"  # the spec was written
    DECIDED = "decided"  # the judge turned
    COMMANDED = "commanded"  # a person said something
    ROUTED = "routed"  # the target changed, or could not be changed
    DOUBTED = "doubted"  # a decision that is not believed


class AuditEntry(BaseModel):
    """Who did what, when and why."""

    number: int
    """Within the rollout, in the order in which it was read; the `before` of a page."""
    at_s: float
    """By the clock of who wrote it."""
    did: Did
    actor: str
    """`judge`, the router, or a person."""
    what: str
    """`pause`, `rollback`, `applied baseline 100%` ..."""
    reason: str
    where: str
    """Topic, partition and offset of the record."""


class AuditList(BaseModel):
    """A page of the trail, the newest first; the last 2000 entries are remembered."""

    items: list[AuditEntry]
    next: int | None
    forgotten: int


class CommandWanted(BaseModel):
    """What a person asks, why, and who he is where the server does not know."""

    model_config = ConfigDict(extra="forbid")

    command: CommandKind
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
    actor: Annotated[str, Field(max_length=LONGEST_WORDS)] = ""
    """Counts only where `Session.actor` is null; then it is needed."""
    stage: Annotated[int, Field(ge=0, le=1000)] | None = None
    """`approve`: index of the stage that may begin."""
    for_s: Annotated[float, Field(gt=0, le=30 * 86400)] | None = None
    """Span in seconds after which it lapses; null: a `pause` at `resume`, a `promote` that was not
    heard after an hour, an `approve` never."""


class CommandSent(BaseModel):
    """It stands in the log; what comes of it is told by the decisions."""

    rollout: str
    command: CommandKind
    stage: int | None
    """Of `approve`: which stage may begin."""
    actor: str
    reason: str
    at_s: float
    where: str
    """Topic, partition and offset."""


class Part(StrEnum):
    """What of a rollout changed."""

    SPEC = "spec"
    DECISION = "decision"
    ROUTING = "routing"
    LEASE = "lease"
    COMMAND = "command"
    PANES = "panes"
    COHORTS = "cohorts"


class Changed(BaseModel):
    """Something new was read; told of each rollout at most once a second."""

    rollout: str
    parts: list[Part]
    change: int
    """`RolloutSummary.change` by now."""
