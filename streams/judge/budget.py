"""How is the error budget of a rollout shared by its claims?

Over metric x segment x candidate (e-Bonferroni): the whole keeps its part, the slices share the
rest equally; use of pods knows no segments. A rollout without them spends all of it on the whole.
"""

from __future__ import annotations

from streams.evidence.budget import split
from streams.spec.model import ALL_SEGMENT, RolloutSpec

Key = tuple[str, str, str]
"""Segment, candidate, metric."""


def alpha_shares(spec: RolloutSpec) -> dict[Key, float]:
    """Alpha of each claim on harm; they sum to the spec's `alpha_rollback`."""
    parts = {ALL_SEGMENT: 1.0}
    if spec.slices:
        parts = {ALL_SEGMENT: 1 - spec.segment_budget}
        parts |= dict.fromkeys(spec.slices, spec.segment_budget / len(spec.slices))
    weights = {
        (segment, candidate.name, metric.name): part * metric.weight
        for segment, part in parts.items()
        for candidate in spec.candidates
        for metric in spec.metrics
        if segment == ALL_SEGMENT or metric.kind.resource is None
    }
    return split(spec.alpha_rollback, weights)
