"""How is evidence told: verdicts, health checks, and what stands beside them? Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from streams.dashboard.answers.evidence import (
    DriftTold,
    Evidence,
    FigureTold,
    HealthTold,
    ShadowTold,
)
from streams.dashboard.claims import Claim, Claims
from streams.figures import finite
from streams.judge.decision_facts import Decision, Finding, HealthCheck, Verdict
from streams.judge.explain import explain_drift, explain_verdict
from streams.spec.metric_facts import Role
from streams.spec.model import ALL_SEGMENT

WORST_FIRST = (
    *(Finding.HARM, Finding.INVALID, Finding.UNDECIDED),
    *(Finding.NO_HARM, Finding.BETTER),
)


def evidence_of(verdict: Verdict, claims: Claims) -> Evidence:
    """One verdict."""
    return Evidence(
        metric=verdict.metric,
        kind=verdict.kind,
        role=Role(verdict.role),
        segment=verdict.segment,
        candidate=verdict.candidate,
        finding=verdict.finding,
        reason=verdict.reason,
        sentence=explain_verdict(verdict),
        unit=verdict.unit,
        estimate=finite(verdict.estimate),
        low=finite(verdict.low),
        high=finite(verdict.high),
        limit=finite(verdict.margin),
        log_e_harm=finite(verdict.log_e_harm),
        log_e_harm_threshold=finite(verdict.log_e_harm_threshold),
        log_e_safe=finite(verdict.log_e_safe),
        log_e_safe_threshold=finite(verdict.log_e_safe_threshold),
        exposures=verdict.exposures,
        events=verdict.events,
        counted=verdict.counted,
        series=Claim.of(verdict) in claims,
    )


def health_of(check: HealthCheck) -> HealthTold:
    """One health check."""
    tested = check.log_e_threshold > 0
    return HealthTold(
        name=check.name,
        ok=check.ok,
        reason=check.reason,
        log_e=finite(check.log_e) if tested else None,
        log_e_threshold=finite(check.log_e_threshold) if tested else None,
        observed=finite(check.observed),
        expected=finite(check.expected),
    )


def drifts_of(decision: Decision) -> list[DriftTold]:
    """How the baseline itself has changed."""
    return [
        DriftTold(
            metric=drift.metric,
            unit=drift.unit,
            at_s=(drift.pane + 1) * decision.pane_ms / 1000,
            before=drift.before,
            after=drift.after,
            direction=drift.direction,
            sentence=explain_drift(drift),
        )
        for drift in decision.drifts
    ]


def figures_of(decision: Decision) -> list[FigureTold]:
    """Numbers that are shown and never tested."""
    return [
        FigureTold(
            name=figure.name,
            outcome=figure.outcome,
            segment=figure.segment,
            arm=figure.arm,
            value=finite(figure.value),
            count=figure.count,
        )
        for figure in decision.figures
    ]


def shadows_of(decision: Decision) -> list[ShadowTold]:
    """What another judge would say."""
    return [
        ShadowTold(
            judge=shadow.judge,
            candidate=shadow.candidate,
            minutes=shadow.minutes,
            score=finite(shadow.score),
            classification=shadow.classification,
            reason=shadow.reason,
        )
        for shadow in decision.shadows
    ]


def guardrails(verdicts: Iterable[Verdict], segment: str = ALL_SEGMENT) -> list[Verdict]:
    """Those that may roll back."""
    return [v for v in verdicts if v.segment == segment and v.role == Role.GUARDRAIL]


def worst(verdicts: Iterable[Verdict]) -> Finding | None:
    """The worst finding; None where there is no verdict."""
    return min((v.finding for v in verdicts), key=WORST_FIRST.index, default=None)


def nearest_harm(verdicts: Iterable[Verdict]) -> float | None:
    """Largest part of the way to harm that any has come; harm at 1."""
    ways = [v.log_e_harm / v.log_e_harm_threshold for v in verdicts if v.log_e_harm_threshold > 0]
    return finite(max(ways)) if ways else None
