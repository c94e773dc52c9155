"""Which candidates are still in the running, and which of them is best?

Harm takes one candidate out and leaves the others where they are; when none is left the rollout
is rolled back. Promotion goes to the best of those that are shown to be harmless.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streams.judge.facts import Finding
from streams.judge.pairs import Pair
from streams.spec.model import MetricKind, Role

PROVEN = frozenset({Finding.NO_HARM, Finding.BETTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one candidate stands now; claims are named `metric of candidate`."""

    candidate: str
    findings: tuple[Finding, ...]
    """Of its metrics, in the spec's order."""
    harmed: tuple[str, ...]
    """Guardrails with harm."""
    suspicious: tuple[str, ...]
    """Signals with harm."""
    unproven: tuple[str, ...]
    """Guardrails that are not shown to be harmless in the current stage."""


def standing(pair: Pair, invalid: str) -> Standing:
    """Where a candidate stands; `invalid` names the health check that failed, if any."""
    findings = tuple(watch.finding(invalid)[0] for watch in pair.watches)
    harm = [w.claim for w, f in zip(pair.watches, findings, strict=True) if f is Finding.HARM]
    lacks = [w.claim for w, f in zip(pair.watches, findings, strict=True) if f not in PROVEN]
    return Standing(
        candidate=pair.candidate,
        findings=findings,
        harmed=tuple(claim.name for claim in harm if claim.metric.role is Role.GUARDRAIL),
        suspicious=tuple(claim.name for claim in harm if claim.metric.role is Role.SIGNAL),
        unproven=tuple(claim.name for claim in lacks if claim.metric.role is Role.GUARDRAIL),
    )


def lacking(standings: Sequence[Standing], *, overtime: bool) -> tuple[str, ...]:
    """What is not shown yet: of all candidates, or, once time is up, of none if one is proven."""
    if overtime and any(not one.unproven for one in standings):
        return ()
    return tuple(name for one in standings for name in one.unproven)


def winner(contestants: Sequence[tuple[Standing, float]]) -> str:
    """The best candidate: proven before unproven, then least bad at worst, then spec order.

    Each comes with its `at_worst`.
    """
    best, _ = min(contestants, key=lambda each: (bool(each[0].unproven), each[1]))
    return best.candidate


def at_worst(pair: Pair) -> float:
    """Upper end of the first guardrail's interval, the worse the larger; inf if unknown."""
    guards = (watch for watch in pair.watches if watch.claim.metric.role is Role.GUARDRAIL)
    watch = next(guards, None)
    if watch is None:
        return math.inf
    gauge = watch.stage_gauge()
    if watch.claim.metric.kind is MetricKind.SUCCESS:
        return math.inf if gauge.low is None else -gauge.low
    return math.inf if gauge.high is None else gauge.high
