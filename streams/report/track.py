"""Which share should the candidates have, which did the target have, and which did they get?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streams.audit.deeds import SEEN
from streams.judge.decision_facts import Decision
from streams.judge.stages import same_weights
from streams.replay.records import StoredRecord
from streams.report.evidence import end_ms
from streams.report.facts import Measured, ShareStep, Track
from streams.spec.model import ALL_SEGMENT, BASELINE, MIRROR, RolloutSpec

Weights = Mapping[str, Mapping[str, int]]
"""Segment -> arm -> basis points."""


def track_of(
    decisions: Sequence[Decision], routing: Iterable[StoredRecord], measured: tuple[Measured, ...]
) -> Track:
    """Wanted from decisions, by the end of the panes they looked at; applied from `routing`."""
    wanted = (
        ShareStep(at_ms=end_ms(each), share_bp=candidates_bp(each.weights_bp)) for each in decisions
    )
    applied = (
        ShareStep(at_ms=stored.record["since"], share_bp=candidates_bp(_applied(stored)))
        for stored in routing
        if stored.record["phase"] in SEEN
    )
    return Track(wanted=_changes(wanted), applied=_changes(applied), measured=measured)


def candidates_bp(weights: Weights) -> int:
    """Share of all candidates together; in shadow mode of copied requests.

    >>> candidates_bp({"all": {"baseline": 9800, "candidate": 200}})
    200
    """
    shares = weights[MIRROR] if MIRROR in weights else weights.get(ALL_SEGMENT, {})
    return sum(bp for arm, bp in shares.items() if arm != BASELINE)


def _applied(stored: StoredRecord) -> Weights:
    found: Weights = stored.record["applied_bp"]
    return found


def _changes(steps: Iterable[ShareStep]) -> tuple[ShareStep, ...]:
    kept: list[ShareStep] = []
    for step in steps:
        if not kept or kept[-1].share_bp != step.share_bp:
            kept.append(step)
    return tuple(kept)


def in_effect_ms(spec: RolloutSpec, last: Decision, routing: Sequence[StoredRecord]) -> int | None:
    """Since when the target has what the last decision wants; None where that is not known.

    What the target was seen with last counts, within what routers can resolve.
    """
    seen = [stored for stored in routing if stored.record["phase"] in SEEN]
    if not seen or not _same(spec, _applied(seen[-1]), last.weights_bp):
        return None
    since: int = seen[-1].record["since"]
    return since


def _same(spec: RolloutSpec, have: Weights, want: Weights) -> bool:
    whole = have.get(ALL_SEGMENT, {})  # what a segment has that has nothing of its own
    pairs = ((have.get(segment, whole), shares) for segment, shares in want.items())
    return all(same_weights(_ordered(spec, one), _ordered(spec, other)) for one, other in pairs)


def _ordered(spec: RolloutSpec, shares: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(shares.get(arm, 0) for arm in spec.arms)
