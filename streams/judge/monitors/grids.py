"""How do arrays over candidates and metrics become facts, one for each claim?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from streams.judge.monitors.evidence import Tally

Made = TypeVar("Made")


def by_claim(make: Callable[..., Made], *arrays: ArrayLike) -> list[list[Made]]:
    """`make` called with the arrays' values of each claim, in rows of candidates.

    >>> by_claim(lambda a, b: a - b, [[3, 4]], 1)
    [[2, 3]]
    """
    rows = [array.tolist() for array in np.broadcast_arrays(*arrays)]
    return [[make(*values) for values in zip(*row, strict=True)] for row in zip(*rows, strict=True)]


def tallies(
    n_b: ArrayLike, x_b: ArrayLike, n_c: ArrayLike, x_c: ArrayLike, phi: ArrayLike = 1.0
) -> list[list[Tally]]:
    """Exposures n and events x of both arms, [candidates, metrics] each."""
    return by_claim(
        lambda exposures_b, events_b, exposures_c, events_c, dispersion: Tally(
            exposures=(exposures_b, exposures_c),
            events=(events_b, events_c),
            dispersion=dispersion,
        ),
        *(n_b, x_b, n_c, x_c, phi),
    )
