"""What does the join of one rollout keep of each prediction? As much as fits into its 64 bits."""

from __future__ import annotations

from streams.panes.join.facts import JoinPlan, OutcomeWindow
from streams.panes.join.packing import TIME_BITS, Packing
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import OutcomeKind, Probability

ANY_CLASSES = 4095
"""Classes told apart where the spec declares none; labels beyond are not joined to any."""
MOST_LEVELS = 1000
"""Equal parts of [0, 1] that a probability is kept in, at most."""
WORD_BITS = 64


def declared_classes(spec: RolloutSpec) -> tuple[str, ...]:
    """The classes that labels may have, in the order of the spec; none where any may come."""
    labels = [each for each in spec.outcomes if each.kind is OutcomeKind.LABEL]
    if not all(each.classes for each in labels):
        return ()
    return tuple(dict.fromkeys(name for each in labels for name in each.classes))


def class_limit(spec: RolloutSpec) -> int:
    """How many predicted classes are told apart; 0 where no outcome is a label."""
    if not any(each.kind is OutcomeKind.LABEL for each in spec.outcomes):
        return 0
    return len(declared_classes(spec)) or ANY_CLASSES


def plan_of(spec: RolloutSpec, pane_ms: int, combinations: int) -> JoinPlan:
    """The plan of a rollout with outcomes; `combinations` counts those of segment values.

    Raises:
        ValueError: not even one bit is left for a probability that is asked for.
    """
    asked = {each.probability for each in spec.outcomes if each.kind is OutcomeKind.LABEL}
    classes = class_limit(spec)
    classes += 1 if classes else 0  # one more for all others
    bare = Packing(arms=len(spec.arms), segments=combinations, classes=classes)
    spare = (WORD_BITS - TIME_BITS - sum(bare.bits)) // max(len(asked), 1)
    levels = min(MOST_LEVELS, (1 << max(spare, 0)) - 1)
    if asked and levels < 1:
        raise ValueError(f"{bare} leaves no room for a probability: declare fewer segments")
    packing = Packing(
        arms=len(spec.arms),
        segments=combinations,
        classes=classes,
        score_levels=levels if Probability.SCORE in asked else 0,
        confidence_levels=levels if Probability.CONFIDENCE in asked else 0,
    )
    windows = tuple(
        OutcomeWindow(
            metric=each.name,
            window_ms=round(each.window_s * 1000),
            delivery_ms=round(each.delivery_s * 1000),
        )
        for each in spec.outcomes
    )
    return JoinPlan(pane_ms=pane_ms, windows=windows, packing=packing, share=spec.outcome_sample)
