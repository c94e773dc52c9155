"""Which segments have weights of their own, and what gets a request that is in several?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from streams.actuator.ports import Arms, Segments
from streams.actuator.weights import lower_of
from streams.spec.model import ALL_SEGMENT, MIRROR, UNTARGETED


def own_segments(weights: Segments) -> list[str]:
    """Segments with other weights than `all`."""
    everybody = weights[ALL_SEGMENT]
    known = {ALL_SEGMENT, UNTARGETED, MIRROR}
    return [name for name, shares in weights.items() if name not in known and shares != everybody]


def least(found: Iterable[Arms]) -> Arms:
    """Per candidate the smallest share."""
    each: list[Segments] = [{ALL_SEGMENT: shares} for shares in found]
    return reduce(lower_of, each)[ALL_SEGMENT]
