"""Where does a monotone condition turn? Vectorised search by sixteenths, the same for any shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Floats

PARTS = 16
ROUNDS = 11
"""The bracket ends 16^11 (1.8e13) times narrower than it began."""


def turning_point(
    holds: Callable[[Floats], Bools],
    low: ArrayLike,
    high: ArrayLike,
    enough: Callable[[Floats, Floats], bool] | None = None,
) -> tuple[Floats, Floats]:
    """Bracket (last point known to hold, first known not to) of a condition that turns false.

    `holds` takes points [..., 15] and answers per point; low and high have the leading shape.
    It is taken to hold at low and not at high. Where `enough` says so of a bracket it is not
    narrowed any more.
    """
    bottom, top = (np.asarray(end, np.float64) for end in np.broadcast_arrays(low, high))
    fractions = np.arange(1, PARTS) / PARTS
    for _ in range(ROUNDS):
        width = top - bottom
        points = bottom[..., None] + width[..., None] * fractions
        count = holds(points).sum(axis=-1)
        top = np.where(count == PARTS - 1, top, bottom + width * ((count + 1) / PARTS))
        bottom = bottom + width * (count / PARTS)
        if enough is not None and enough(bottom, top):
            break
    return bottom, top
