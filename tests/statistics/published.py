"""Oracle: a published table of sequential tests, run anew.

500 pairs of N(1, 1), one-sided .05, looked at after every pair: how often does each test fire with
no effect and with +.10? The mSPRT with sample variances from n = 2 is reproduced as published, half
of its false alarms from 2-3 values; it is never to ship.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import norm

from streams.evidence.asymptotic import one_sided_asymptotic_radius
from streams.evidence.fixed import Floats
from tests.statistics.facts import Figure, Result, Series, Task

BAR = "oracle, published table"
PAIRS = 500
ALPHA = 0.05
EFFECT = 0.10
CHUNK = 5_000
RUNS = 10
"""Runs per stream: 10^4 streams stand for 10^5 runs."""
BURN_IN = 5
WITHIN = 0.01


def differences(rng: np.random.Generator, runs: int, effect: float) -> tuple[Floats, Floats]:
    """Running mean difference and its standard error, [runs, PAIRS]; the first is undefined."""
    n = np.arange(1, PAIRS + 1)
    mean, variance = np.zeros((runs, PAIRS)), np.zeros((runs, PAIRS))
    for sign, shift in ((-1, 0.0), (1, effect)):
        values = rng.normal(1.0 + shift, 1.0, (runs, PAIRS))
        total, squares = values.cumsum(axis=1), (values**2).cumsum(axis=1)
        mean += sign * total / n
        variance += (squares - total**2 / n) / np.maximum(n - 1, 1)
    return mean, np.sqrt(np.maximum(variance, 1e-12) / n)


def first_time(fires: np.ndarray) -> Floats:
    """Pairs until a test first fires, [runs]; inf where it never does."""
    result: Floats = np.where(fires.any(axis=1), fires.argmax(axis=1) + 1.0, np.inf)
    return result


def fixed(mean: Floats, se: Floats) -> Floats:
    """One look at the end."""
    fires = mean > norm.isf(ALPHA) * se
    fires[:, :-1] = False
    return first_time(fires)


def asymptotic(mean: Floats, se: Floats) -> Floats:
    """The shipped sequence, n = pairs, from the fifth."""
    fires = mean > one_sided_asymptotic_radius(se, np.arange(1, PAIRS + 1), ALPHA, PAIRS)
    fires[:, : BURN_IN - 1] = False
    return first_time(fires)


def chunks(seed: int, runs: int, effect: float) -> Iterator[tuple[Floats, Floats]]:
    """Runs in parts that fit into memory."""
    rng = np.random.default_rng(seed)
    for start in range(0, runs, CHUNK):
        yield differences(rng, min(CHUNK, runs - start), effect)


def times(seed: int, runs: int, effect: float, test: Callable[..., Floats]) -> Floats:
    """Pairs until the test fires, [runs]."""
    return np.concatenate([test(*part) for part in chunks(seed, runs, effect)])
