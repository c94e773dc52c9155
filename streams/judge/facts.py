"""What does the judge read? Facts only; no arithmetic, no Kafka.

Times are milliseconds since the epoch in event time; panes are indexes (time // pane_ms);
weights are basis points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streams.judge.cut import Cut
from streams.panes.breaches import Breach
from streams.panes.cohorts import Cohort
from streams.panes.merge import DuePane
from streams.panes.use_merge import UseMinute
from streams.sketches.cell import Cell

__all__ = [
    "CommandFact",
    "CommandKind",
    "Cut",
    "PaneInput",
    "RoutingFact",
    "RoutingPhase",
]


class RoutingPhase(StrEnum):
    """What a routing record tells."""

    INTENT = "intent"  # written before the target is touched
    APPLIED = "applied"  # the target was changed and verified
    OBSERVED = "observed"  # the target was looked at and still has these weights
    FAILED = "failed"  # the target could not be changed; the weights are what was seen last
    REFUSED = "refused"  # the decision was not acted on (stale, unsigned, terminal ...)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingFact:
    """One record of the `routing` topic, as far as the judge needs it."""

    offset: int
    phase: RoutingPhase
    at_ms: int
    """When the actuator wrote it, by its clock."""
    weights_bp: dict[str, int]
    """Arm -> weight of the whole. For INTENT the weights about to be applied; else what the target
    has."""
    since_ms: int
    """Since when the target has these weights (INTENT: when touching it begins)."""
    confirmed_until_ms: int
    """Up to when these weights are known to have held (INTENT, FAILED: 0)."""
    fence: int
    """`seq` of the decision it answers; 0 before the first."""
    reason: str = ""
    segments_bp: dict[str, dict[str, int]] = field(default_factory=dict)
    """The same of each segment with weights of its own; others have those of the whole."""


class CommandKind(StrEnum):
    """What a person may ask of a live rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFact:
    """One record of the `commands` topic."""

    offset: int
    kind: CommandKind
    actor: str
    reason: str
    at_ms: int
    """When it was asked, by the clock of whoever asked."""
    stage: int | None = None
    """Index of the stage that is approved."""
    until_ms: int | None = None
    """When a pause, an approval or a promotion lapses; None: a promotion as `commands` says, the
    others never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneInput:
    """One pane of one rollout, merged over its source partitions."""

    pane: int
    pane_ms: int
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    """(segment, arm) -> sketches; absent means no exposure."""
    cohorts: tuple[Cohort, ...] = ()
    """What of outcomes has become complete since the pane before, in the order of judging."""
    fates: Mapping[str, int] = field(default_factory=dict)
    """Outcomes by what became of them, since the beginning."""
    resources: tuple[UseMinute, ...] = ()
    """Minutes of use that have become whole since the step before, in order; all end by its end."""
    breaches: tuple[Breach, ...] = ()
    """What owners have told since the step before of what is not counted."""

    @classmethod
    def of(cls, due: DuePane, pane_ms: int) -> PaneInput:
        """What a merge has made due."""
        return cls(
            pane=due.pane,
            pane_ms=pane_ms,
            cells=due.cells,
            cohorts=due.cohorts,
            fates=due.fates,
            resources=due.resources,
            breaches=due.breaches,
        )

    @property
    def start_ms(self) -> int:
        """First millisecond of the pane."""
        return self.pane * self.pane_ms

    @property
    def end_ms(self) -> int:
        """First millisecond after the pane."""
        return (self.pane + 1) * self.pane_ms
