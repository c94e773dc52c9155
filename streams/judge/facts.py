"""What does the judge read and say? Facts only; no arithmetic, no Kafka.

Times are milliseconds since the epoch in event time; panes are indexes (time // pane_ms);
weights are basis points; e-values are natural logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from streams.panes.cohorts import Cohort
from streams.panes.merge import DuePane
from streams.panes.use_merge import UseMinute
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFact:
    """One record of the `commands` topic."""

    offset: int
    kind: CommandKind
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Up to where the judge had read when it took a step. Offsets are "next to read"."""

    pane: int
    idle: tuple[int, ...] = ()
    """Source partitions that had declared themselves idle; all others had closed this pane."""
    rollouts_offset: int = 0
    commands_offset: int = 0
    routing_offset: int = 0
    joined_through: int = -1
    """Outcomes were joined up to the closing of this pane, and cohorts complete by then judged."""
    resources_through: int = -1
    """Last minute of use that had been handed over; -1 while none was."""


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
        )

    @property
    def start_ms(self) -> int:
        """First millisecond of the pane."""
        return self.pane * self.pane_ms

    @property
    def end_ms(self) -> int:
        """First millisecond after the pane."""
        return (self.pane + 1) * self.pane_ms


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

    @property
    def news(self) -> tuple[Drift, ...]:
        """Changes that this decision is the first to tell: each is told at once."""
        return tuple(drift for drift in self.drifts if drift.pane == self.cut.pane)

    figures: tuple[Figure, ...] = ()
    """By outcome and arm, once a cohort has matured."""
