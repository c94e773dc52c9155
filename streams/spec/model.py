"""What does a rollout ask for? The spec as facts, every default filled in.

The loader (`streams.spec.load`) turns people's YAML into this; every other room reads only this.
Weights are basis points (0..10000), times are seconds, margins are relative changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from streams.spec.agreement import check_arms, check_live, check_names, check_one, check_users
from streams.spec.dimensions import (
    MOST_DIMENSIONS,
    Dimension,
    SegmentHarm,
    check_dimensions,
    combinations,
)
from streams.spec.fact import Fact, Name
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.outcome_facts import Outcome
from streams.spec.targeting import MOST_RULES, Rule, RuleKind

BASELINE = "baseline"
ALL_SEGMENT = "all"
UNTARGETED = "untargeted"
"""Where weights stand by segment: those whom no targeting rule names. Always the baseline."""
MIRROR = "mirror"
"""Likewise: the share of the baseline's requests of which each candidate gets a copy."""
FULL_BP = 10_000
LONGEST_WORDS = 256
MOST_CANDIDATES = 16
FEWEST_CLASSES, MOST_CLASSES = 2, 1000
FEWEST_UNITS, MOST_UNITS = 1000, 100_000_000
SILENCE_LEASES = 3
"""So many leases of silence take the traffic back, where a spec says no time of its own."""


class Mode(StrEnum):
    """What candidates are given."""

    LIVE = "live"  # a share of the requests: their answers go to the users
    SHADOW = "shadow"  # copies of a share of the requests: their answers go nowhere


class Overdispersion(StrEnum):
    """Whether bursts that hit one arm alone are reckoned with (`evidence/overdispersion.py`)."""

    NONE = "none"  # requests fail one by one
    MEASURED = "measured"  # variance over mean of the baseline tempers relative rates


class Unit(StrEnum):
    """What is counted: what routing assigns to an arm."""

    REQUEST = "request"  # each request is routed by itself
    USER = "user"  # routing is sticky: a user's first error, his first exposure


class Candidate(Fact):
    """A model version that wants to replace the baseline, and the arm's name it goes by."""

    name: Name
    version: Annotated[str, Field(min_length=1, max_length=LONGEST_WORDS)]


class Stage(Fact):
    """A step of the plan: hold this weight until its conditions are met."""

    weight_bp: Annotated[int, Field(gt=0, le=FULL_BP)]
    """All candidates together; several candidates share it equally. Of requests, or in shadow
    mode of copies of them."""
    min_time_s: Annotated[float, Field(ge=0)] = 0.0
    max_time_s: Annotated[float, Field(gt=0)] | None = None
    min_exposures: Annotated[int, Field(ge=0)] = 0
    """Requests that each candidate must have answered in this stage."""
    approval: bool = False
    """Whether a person must say yes before this stage begins."""


class Target(Fact):
    """Where traffic is moved: a router by name and what that router needs to know."""

    router: Name
    options: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False
    """Whether davy only looks and tells what it would do."""
    max_step_bp: Annotated[int, Field(gt=0, le=FULL_BP)] | None = None
    """A candidate's share rises by no more than this at once, whoever decided."""
    dwell_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds between two raises at least."""


def _leases_s(facts: dict[str, Any]) -> float:
    """How long a judge may be silent, from the fields of a spec that stand before that one."""
    lease_s: float = facts["lease_s"]
    return SILENCE_LEASES * lease_s


class RolloutSpec(Fact):
    """One attempt to replace a baseline by one or more candidates, for one service."""

    rollout: Name
    service: Annotated[str, Field(min_length=1, max_length=LONGEST_WORDS)]
    route: Name = "default"
    baseline: Annotated[str, Field(min_length=1, max_length=LONGEST_WORDS)]
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1, max_length=MOST_CANDIDATES)]
    revision: Annotated[str, Field(max_length=LONGEST_WORDS)] = ""
    """What a controller that asks for verdicts calls the candidate; empty: its version."""
    target: Target
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    mode: Mode = Mode.LIVE
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    alpha_rollback: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    alpha_promote: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest completion time of a request; a part of the guard after weight changes."""
    routing_lag_s: Annotated[float, Field(ge=0)] = 15.0
    """Longest time from a weight's application to its full effect."""
    report_every_s: Annotated[float, Field(gt=0)] = 10.0
    """A decision is published on every change, and at least this often in event time."""
    lease_s: Annotated[float, Field(gt=0)] = 30.0
    """How long the actuator trusts a judge it does not hear."""
    silence_rollback_s: Annotated[float, Field(gt=0)] | None = Field(default_factory=_leases_s)
    """Analyzer silence after which the actuator rolls back; None freezes only."""
    pair_within_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest time between both answers to one request, either way (shadow mode)."""
    max_classes: Annotated[int, Field(ge=FEWEST_CLASSES, le=MOST_CLASSES)] = 64
    """Predicted classes told apart; the rest is `other`."""
    outcomes: Annotated[tuple[Outcome, ...], Field(max_length=32)] = ()
    """What is awaited of predictions, each by its name."""
    outcome_sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the requests, chosen by the hash of their id, whose outcomes are joined."""
    unit: Unit = Unit.REQUEST
    """What routing assigns; USER is the `unit` of the predictions, a user or a session."""
    max_units: Annotated[int, Field(ge=FEWEST_UNITS, le=MOST_UNITS)] = 1_000_000
    """Units remembered by source partition; a rollout that meets more is invalid."""
    overdispersion: Overdispersion = Overdispersion.NONE
    """MEASURED needs 48 minutes of baseline before it says anything of errors and latency."""
    segments: Annotated[tuple[Dimension, ...], Field(max_length=MOST_DIMENSIONS)] = ()
    """Declared dimensions; each of their slices has evidence of its own."""
    segment_budget: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Part of alpha_rollback that the slices share equally, where there are any."""
    on_segment_harm: SegmentHarm = SegmentHarm.ROLLOUT
    targeting: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES)] = ()
    """Who may get a candidate: any rule is enough; without rules everybody may."""

    @property
    def request_metrics(self) -> tuple[Metric, ...]:
        """Metrics that are known as soon as a request is answered."""
        return tuple(metric for metric in self.metrics if metric.outcome is None)

    @property
    def outcome_by_name(self) -> dict[str, Outcome]:
        """Outcomes by their names."""
        return {outcome.name: outcome for outcome in self.outcomes}

    @property
    def guard_s(self) -> float:
        """Seconds after a weight change whose strata promotion and sample ratio discard."""
        return self.timeout_s + self.routing_lag_s

    @property
    def pair_hold_ms(self) -> int:
        """How long panes stay open behind the watermark, so that pairs become complete."""
        return round(self.pair_within_s * 1000) if self.mode is Mode.SHADOW else 0

    @property
    def arms(self) -> tuple[str, ...]:
        """Arm names, baseline first."""
        return (BASELINE, *(candidate.name for candidate in self.candidates))

    @property
    def versions(self) -> dict[str, str]:
        """Model version -> arm name."""
        return {self.baseline: BASELINE} | {c.version: c.name for c in self.candidates}

    @property
    def slices(self) -> tuple[str, ...]:
        """Names of all slices, dimension by dimension, each with its `other`."""
        return tuple(name for dimension in self.segments for name in dimension.slices)

    @property
    def combinations(self) -> int:
        """How many combinations of values there are over all dimensions, `other` included."""
        return combinations(self.segments)

    @property
    def joint(self) -> bool:
        """Whether each combination is counted too: what is left when a slice goes is their sum."""
        several = len(self.segments) > 1
        return several and self.on_segment_harm is SegmentHarm.SEGMENT

    @property
    def latency_margins(self) -> tuple[float, ...]:
        """Different margins of requests' latencies, ascending; an absolute limit has 0."""
        kinds = (MetricKind.LATENCY, MetricKind.LATENCY_SLA)
        times = [m for m in self.metrics if m.kind in kinds and not m.generative]
        return tuple(sorted({metric.margin for metric in times}))

    def arm_of(self, revision: str) -> str | None:
        """The candidate that a controller means by a revision; None where it means no candidate."""
        if revision and revision == self.revision:
            return self.candidates[0].name
        arms = (c.name for c in self.candidates if c.version == revision)
        return next(arms, None)

    @property
    def spec_hash(self) -> str:
        """SHA-256 of the canonical JSON, 32 hex digits: what evidence is bound to."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:32]

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; the form that is hashed and stored."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls.model_validate_json(text)

    def weights_at(
        self, stage: int, *, without: Collection[str] = (), winner: str = ""
    ) -> dict[str, int]:
        """Desired weights in basis points per arm at a stage index; -1 is "all to the baseline".

        Candidates share the stage equally; those in `without` leave their part to the baseline,
        and a `winner` takes it all. In shadow mode these are shares of the requests of which a
        candidate gets a copy; the baseline's is the share that nobody gets a copy of.
        """
        total = 0 if stage < 0 else self.stages[stage].weight_bp
        share = total // len(self.candidates)
        weights = {c.name: 0 if c.name in without else share for c in self.candidates}
        if winner:
            weights = {name: total if name == winner else 0 for name in weights}
        return {BASELINE: FULL_BP - sum(weights.values())} | weights

    @model_validator(mode="after")
    def _pairs_are_of_copies(self) -> Self:
        if self.mode is Mode.LIVE:
            check_live(self.metrics)
        return self

    @model_validator(mode="after")
    def _arms_differ(self) -> Self:
        versions = (candidate.version for candidate in self.candidates)
        check_arms(self.arms, (self.baseline, *versions))
        return self

    @model_validator(mode="after")
    def _revision_is_of_one(self) -> Self:
        if self.revision:
            check_one(self.candidates)
        return self

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        weights = [stage.weight_bp for stage in self.stages]
        if sorted(set(weights)) != weights:
            raise ValueError(f"stages: weights must rise from stage to stage, got {weights}")
        if weights[-1] != FULL_BP and self.mode is Mode.LIVE:
            raise ValueError("stages: the last stage must be 100%")
        return self

    @model_validator(mode="after")
    def _metrics_have_outcomes(self) -> Self:
        check_names(self.metrics, self.outcomes)
        return self

    @model_validator(mode="after")
    def _slices_can_be_watched(self) -> Self:
        check_dimensions(
            self.segments,
            outcomes=bool(self.outcomes),
            joint=self.joint,
            claims=len(self.metrics) * len(self.candidates),
        )
        return self

    @model_validator(mode="after")
    def _users_are_assigned(self) -> Self:
        if any(r.kind is RuleKind.USER_HASH for r in self.targeting) and self.unit is not Unit.USER:
            raise ValueError("targeting: user_hash assigns users, not requests — add `unit: user`")
        return self

    @model_validator(mode="after")
    def _units_can_be_counted(self) -> Self:
        if self.unit is Unit.USER:
            check_users(self.metrics, self.latency_margins)
        return self
