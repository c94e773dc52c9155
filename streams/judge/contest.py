"""Which candidates are still in the running, and which of them is best?

Harm takes one candidate out and leaves the others where they are; when none is left the rollout
is rolled back. Promotion goes to the best of those that are shown to be harmless. Harm in a slice
is the candidate's harm, unless that slice may go back alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streams.judge.decision_facts import Finding
from streams.judge.monitors.watch import Watch
from streams.judge.pairs import Pair
from streams.judge.slices import Slices
from streams.spec.metric_facts import Harm, MetricKind, Role
from streams.spec.model import ALL_SEGMENT

PROVEN = frozenset({Finding.NO_HARM, Finding.BETTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Harm in a slice that may go back alone."""

    segment: str
    name: str
    excess: float
    """How far beyond the threshold, in log e."""

    @property
    def dimension(self) -> str:
        """Of the slice."""
        return self.segment.partition("=")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one candidate stands now; claims are named `metric of candidate`."""

    candidate: str
    findings: tuple[Finding, ...]
    """Of its metrics in the whole, in the spec's order; then, of slices, whether there is harm."""
    harmed: tuple[str, ...]
    """Guardrails with harm, except those that are `parted`."""
    suspicious: tuple[str, ...]
    """Signals with harm."""
    unproven: tuple[str, ...]
    """Guardrails that are not shown to be harmless in the current stage."""
    parted: tuple[Parted, ...] = ()
    """Guardrails with harm in slices that may go back alone."""


Found = tuple[Watch, Finding]


def standing(
    pair: Pair,
    invalid: str,
    sliced: Sequence[Pair],
    slices: Slices,
    outcomes: Sequence[Found] = (),
) -> Standing:
    """Where a candidate stands; `invalid` names the health check that failed, if any.

    `sliced` are the candidate's rows of `slices`; of those that are gone nothing follows.
    `outcomes` is what was found of its metrics of outcomes, in the whole and in slices.
    """
    every = [*_found(pair, invalid), *outcomes]
    for row in sliced:
        every += _harm(row, invalid)
    whole = [(watch, found) for watch, found in every if watch.claim.segment == ALL_SEGMENT]
    lacks = [watch.claim for watch, found in whole if found not in PROVEN]
    shown = [watch for watch, found in every if found is Finding.HARM]
    harm = [watch for watch in shown if watch.claim.segment not in slices.gone]
    guards = [watch for watch in harm if watch.claim.metric.role is Role.GUARDRAIL]
    parted = [watch for watch in guards if slices.may_go(watch.claim.segment)]
    harmful = {watch.claim.segment for watch in shown}
    told = [Finding.HARM if row.segment in harmful else Finding.UNDECIDED for row in sliced]
    return Standing(
        candidate=pair.candidate,
        findings=(*(found for _, found in whole), *told),
        harmed=tuple(watch.claim.name for watch in guards if watch not in parted),
        suspicious=tuple(watch.claim.name for watch in harm if watch not in guards),
        unproven=tuple(claim.name for claim in lacks if claim.metric.role is Role.GUARDRAIL),
        parted=tuple(map(_parted, parted)),
    )


def _found(row: Pair, invalid: str) -> list[Found]:
    return [(watch, watch.finding(invalid)[0]) for watch in row.watches]


def _harm(row: Pair, invalid: str) -> list[Found]:
    """All that matters of a slice."""
    return [] if invalid else [(each, Finding.HARM) for each in row.watches if each.harmful]


def _parted(watch: Watch) -> Parted:
    return Parted(segment=watch.claim.segment, name=watch.claim.name, excess=watch.excess)


def leaving(standings: Sequence[Standing]) -> list[Parted]:
    """What goes back alone: slices of the dimension in which harm is clearest.

    Harm in a slice shows, diluted, in slices of other dimensions; those are looked at anew.
    """
    found = [each for one in standings for each in one.parted]
    clearest = max(found, key=lambda each: each.excess, default=None)
    return [each for each in found if clearest and each.dimension == clearest.dimension]


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


def at_worst(watches: Sequence[Watch]) -> float:
    """Worst end of the first guardrail's interval, the worse the larger; inf if unknown."""
    guards = (watch for watch in watches if watch.claim.metric.role is Role.GUARDRAIL)
    watch = next(guards, None)
    if watch is None:
        return math.inf
    gauge = watch.stage_gauge()
    metric = watch.claim.metric
    if metric.kind in {MetricKind.SUCCESS, MetricKind.ACCURACY} or metric.harm is Harm.LESS:
        return math.inf if gauge.low is None else -gauge.low
    return math.inf if gauge.high is None else gauge.high
