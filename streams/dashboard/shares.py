"""How are weights told: as percent by arm, and as words?"""

from __future__ import annotations

from collections.abc import Mapping

from streams.actuator.ports import Segments
from streams.actuator.weights import share_of
from streams.spec.formats import format_weight
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, MIRROR, Mode, RolloutSpec

PERCENT = 100


def by_segment(weights: Segments) -> dict[str, dict[str, float]]:
    """Segment -> arm -> percent, of segments with weights of their own.

    >>> by_segment({"all": {"baseline": 9000, "b": 1000}})
    {'all': {'baseline': 90.0, 'b': 10.0}}
    """
    return {name: {arm: bp / PERCENT for arm, bp in arms.items()} for name, arms in weights.items()}


def of_segment(
    spec: RolloutSpec, weights: Segments, segment: str = ALL_SEGMENT
) -> dict[str, float]:
    """Arm -> percent of the segment's requests; in shadow mode of copies of them."""
    if spec.mode is Mode.SHADOW:
        copies = weights.get(MIRROR, {BASELINE: FULL_BP})
        return {arm: copies.get(arm, 0) / PERCENT for arm in spec.arms}
    return {arm: share_of(weights, segment, arm) / PERCENT for arm in spec.arms}


def measured(spec: RolloutSpec, exposures: Mapping[str, float]) -> dict[str, float] | None:
    """Arm -> percent of exposures; in shadow mode of the baseline's requests that were copied.

    None where nothing was seen to take a share of.
    """
    of = exposures.get(BASELINE, 0.0) if spec.mode is Mode.SHADOW else sum(exposures.values())
    if of <= 0:
        return None
    candidates = {
        arm: PERCENT * exposures.get(arm, 0.0) / of for arm in spec.arms if arm != BASELINE
    }
    return {BASELINE: max(0.0, PERCENT - sum(candidates.values()))} | candidates


def words(weights: Segments) -> str:
    """Weights for a person.

    >>> words({"all": {"baseline": 9800, "b": 200}, "country=SG": {"baseline": 10000, "b": 0}})
    'b 2%, baseline 98%; country=SG: b 0%, baseline 100%'
    """
    whole = _words(weights.get(ALL_SEGMENT, {}))
    apart = (f"{name}: {_words(weights[name])}" for name in sorted(weights) if name != ALL_SEGMENT)
    return "; ".join((whole, *apart))


def _words(arms: Mapping[str, int]) -> str:
    return ", ".join(f"{arm} {format_weight(bp)}" for arm, bp in sorted(arms.items()))
