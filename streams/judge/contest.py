"""Which candidates are still in the running, and which of them is best?

Harm takes one candidate out and leaves the others where they are; when none is left the rollout
is rolled back. Promotion goes to the best of those that are shown to be harmless.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streams.judge.facts import Finding
from streams.judge.monitors.watch import Watch
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
    at_worst: float
    """Upper end of the interval of the first guardrail, the worse the larger; inf if unknown."""


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
        at_worst=_at_worst(guards[0][0]) if guards else math.inf,
    )


def lacking(standings: Sequence[Standing], *, overtime: bool) -> tuple[str, ...]:
    """What is not shown yet: of all candidates, or, once time is up, of none if one is proven."""
    if overtime and any(not one.unproven for one in standings):
        return ()
    return tuple(name for one in standings for name in one.unproven)


def winner(standings: Sequence[Standing]) -> str:
    """The best candidate: proven before unproven, then least bad at worst, then spec order."""
    best = min(standings, key=lambda one: (bool(one.unproven), one.at_worst))
    return best.candidate


def _at_worst(watch: Watch) -> float:
    gauge = watch.stage_gauge()
    if watch.claim.metric.kind is MetricKind.SUCCESS:
        return math.inf if gauge.low is None else -gauge.low
    return math.inf if gauge.high is None else gauge.high
