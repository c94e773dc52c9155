"""How does an answer look as JSON? The models are the OpenAPI document's too."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from streams.judge.decision_facts import Verdict
from streams.spec.model import LONGEST_WORDS
from streams.verdicts.asking import Answered
from streams.verdicts.facts import Result, Ruling
from streams.verdicts.ruling import applied_bp, wanted_bp

PERCENT = 100.0


class Evidence(BaseModel):
    """What the evidence says of one metric of this candidate; the figures of the decision."""

    metric: str
    role: str
    finding: str
    reason: str
    unit: str
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None
    log_e_harm: float | None
    log_e_harm_threshold: float | None
    exposures: dict[str, int]


class Answer(BaseModel):
    """May the candidate have this share?"""

    result: Result
    """pass, fail or undecided."""
    code: str
    """Why; codes do not change."""
    reason: str
    """Why, as a sentence."""
    rollout: str
    candidate: str
    version: str
    weight: float
    """The share that was asked for, in percent."""
    wanted: float
    """The share that davy wants by now, in percent."""
    applied: float | None
    """The share that the candidate has, as far as it is known, in percent."""
    action: str | None
    """advance, hold, rollback or promote; null before the first decision."""
    stage: int | None
    decision_id: str
    seq: int
    spec_hash: str
    judge: str
    """live, frozen, rolled_back or ended."""
    metrics: list[Evidence]


class Problem(BaseModel):
    """Why there is no verdict."""

    code: str
    reason: str


class Wanted(BaseModel):
    """The question, where it is posted as JSON; what the URL says counts first."""

    model_config = ConfigDict(extra="forbid")

    rollout: str = Field(default="", max_length=LONGEST_WORDS)
    service: str = Field(default="", max_length=LONGEST_WORDS)
    hash: str = Field(default="", max_length=LONGEST_WORDS)
    weight: str = Field(default="", max_length=16)


class Hook(BaseModel):
    """What Flagger posts to its webhooks."""

    name: str = Field(max_length=LONGEST_WORDS)
    namespace: str = Field(max_length=LONGEST_WORDS)
    phase: str = Field(default="", max_length=LONGEST_WORDS)
    checksum: str = Field(default="", max_length=LONGEST_WORDS)
    metadata: dict[str, str] = Field(default_factory=dict, max_length=64)


def answer_of(answered: Answered, ruling: Ruling) -> Answer:
    """The JSON of a ruling on what was asked."""
    known, arm, told = answered.known, answered.arm, answered.known.told
    accepted = known.standing.accepted
    applied = applied_bp(known, arm, answered.now)
    versions = {arm: version for version, arm in known.spec.versions.items()}
    return Answer(
        result=ruling.result,
        code=ruling.code,
        reason=ruling.sentence,
        rollout=known.spec.rollout,
        candidate=arm,
        version=versions[arm],
        weight=answered.weight_bp / PERCENT,
        wanted=wanted_bp(known, arm) / PERCENT,
        applied=None if applied is None else applied / PERCENT,
        action=None if told is None else told.action.value,
        stage=None if told is None else told.stage,
        decision_id="" if accepted is None else accepted.decision_id,
        seq=known.standing.fence,
        spec_hash=known.spec.spec_hash,
        judge=known.judge(answered.now),
        metrics=[_evidence(v) for v in (told.verdicts if told else ()) if v.candidate == arm],
    )


def _evidence(verdict: Verdict) -> Evidence:
    return Evidence(
        metric=verdict.metric,
        role=verdict.role,
        finding=verdict.finding.value,
        reason=verdict.reason,
        unit=verdict.unit,
        estimate=_finite(verdict.estimate),
        low=_finite(verdict.low),
        high=_finite(verdict.high),
        limit=_finite(verdict.margin),
        log_e_harm=_finite(verdict.log_e_harm),
        log_e_harm_threshold=_finite(verdict.log_e_harm_threshold),
        exposures=verdict.exposures,
    )


def _finite(number: float | None) -> float | None:
    """JSON has no infinity."""
    return number if number is not None and math.isfinite(number) else None
