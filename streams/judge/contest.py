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
    harmed: tuple[str, ...]
    """Guardrails with harm."""
    suspicious: tuple[str, ...]
    """Signals with harm."""
    unproven: tuple[str, ...]
    """Guardrails that are not shown to be harmless in the current stage."""


def standing(pair: Pair, invalid: str) -> Standing:
    """Where a candidate stands; `invalid` names the health check that failed, if any."""
    found = [(watch, watch.finding(invalid)[0]) for watch in pair.watches]
    guards = [(w, finding) for w, finding in found if w.claim.metric.role is Role.GUARDRAIL]
    harm = [watch for watch, finding in found if finding is Finding.HARM]
    return Standing(
        candidate=pair.candidate,
        harmed=tuple(w.claim.name for w in harm if w.claim.metric.role is Role.GUARDRAIL),
        suspicious=tuple(w.claim.name for w in harm if w.claim.metric.role is Role.SIGNAL),
        unproven=tuple(w.claim.name for w, finding in guards if finding not in PROVEN),
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
