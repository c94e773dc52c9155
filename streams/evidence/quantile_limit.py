"""Does a latency quantile break an absolute limit (an SLA)? Exceedances of the limit, one arm.

The q-quantile lies above the limit exactly if more than 1 - q of requests do, so the exact test of
one rate decides; its lower bound above 1 - q is the quantile's lower bound above the limit.
"""

from __future__ import annotations

import numpy as np

from streams.evidence.grids import PerStream
from streams.evidence.one_arm import OneArmTest
from streams.sketches.log_histogram import MAPPING, LogHistogram


def quantile_limit_test(q: PerStream) -> OneArmTest:
    """Harm is "more than 1 - q of requests exceed the limit"; counts go into `OneArmSums`.

    One quantile for all streams, or a tuple with one for each place of their last axis.

    >>> round(quantile_limit_test(0.99).limit, 12)
    0.01
    """
    qs = q if isinstance(q, tuple) else (q,)
    if not all(0.0 < each < 1.0 for each in qs):
        raise ValueError(f"a quantile must lie between 0 and 1, got {q}")
    limits = tuple(1.0 - each for each in qs)
    return OneArmTest(limit=limits if isinstance(q, tuple) else limits[0])


def limit_edges(limit_ms: float) -> tuple[int, int]:
    """Edges around a limit: the last at or below it, the first at or above it (gamma apart).

    ValueError for a limit outside of what the sketch can tell.
    """
    edges = MAPPING.edges
    above = int(np.searchsorted(edges, limit_ms, side="left"))
    if not (limit_ms > float(edges[0]) and above < MAPPING.size - 1):
        raise ValueError(
            f"a latency limit must lie within {float(edges[0]):g} and "
            f"{float(edges[MAPPING.size - 2]):g} ms, got {limit_ms}"
        )
    exact = bool(edges[above] == limit_ms)
    return (above if exact else above - 1), above


def surely_above(histogram: LogHistogram, limit_ms: float) -> int:
    """Requests that are above the limit whatever their place in a bucket: what harm counts."""
    return histogram.count_above(limit_edges(limit_ms)[1])


def perhaps_above(histogram: LogHistogram, limit_ms: float) -> int:
    """Requests that may be above the limit: what safety counts."""
    return histogram.count_above(limit_edges(limit_ms)[0])
