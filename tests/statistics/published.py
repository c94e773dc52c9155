"""Oracle: a published table of sequential tests, run anew.

500 pairs of N(1, 1), one-sided .05, looked at after every pair: how often does each test fire with
no effect and with +.10? The mSPRT with sample variances from n = 2 is reproduced as published, half
of its false alarms from 2-3 values; it is never to ship.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from streams.evidence.asymptotic import one_sided_asymptotic_radius
from streams.evidence.fixed import Floats
from tests.statistics.facts import Figure, Result, Task

BAR = "oracle, published table"
PAIRS = 500
ALPHA = 0.05
EFFECT = 0.10
CHUNK = 5_000
RUNS = 10
"""Runs per stream: 10^4 streams stand for 10^5 runs."""
BURN_IN = 5
WITHIN = 0.01
MEDIAN_PAIRS, MEDIAN_WITHIN = 285, 10
MIXING_VARIANCE = 0.032
"""Of the mSPRT; the table does not tell its own, this one gives both of its columns."""


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


def msprt(mean: Floats, se: Floats) -> Floats:
    """One-sided mSPRT with sample variances, from the second pair. Source: Johari et al. 2022."""
    growth = MIXING_VARIANCE / np.maximum(se, 1e-9) ** 2
    z = mean / np.maximum(se, 1e-9)
    log_ratio = 0.5 * z**2 * growth / (1 + growth) - 0.5 * np.log1p(growth)
    fires = (log_ratio > -np.log(2 * ALPHA)) & (mean > 0)
    fires[:, 0] = False
    return first_time(fires)


EXPECTED = (
    ("fixed sample, A/A", fixed, 0.0, 0.051),
    ("asymptotic sequence, A/A", asymptotic, 0.0, 0.018),
    ("mSPRT, A/A", msprt, 0.0, 0.048),
    ("asymptotic sequence, +.10", asymptotic, EFFECT, 0.222),
    ("mSPRT, +.10", msprt, EFFECT, 0.268),
)


def run(streams: int) -> Result:
    """How far each share lies from the published one, and the median of pairs."""
    runs, figures = streams * RUNS, []
    fired = {effect: _all_times(effect, runs) for effect in (0.0, EFFECT)}
    for name, test, effect, published in EXPECTED:
        found = float(np.isfinite(fired[effect][test.__name__]).mean())
        figures.append(_figure(f"{name}: {found:.4f} for {published}", found - published, runs))
    pairs = fired[EFFECT]["asymptotic"]
    median = float(np.median(pairs[np.isfinite(pairs)]))
    name = f"asymptotic sequence, +.10, median {median:g} pairs for {MEDIAN_PAIRS}"
    figures.append(_figure(name, median - MEDIAN_PAIRS, runs, "pairs off", MEDIAN_WITHIN))
    return Result(figures=tuple(figures))


def _all_times(effect: float, runs: int) -> dict[str, Floats]:
    tests = (fixed, asymptotic, msprt)
    parts = [[test(*part) for test in tests] for part in chunks(901, runs, effect)]
    columns = zip(*parts, strict=True)
    return {
        test.__name__: np.concatenate(list(column))
        for test, column in zip(tests, columns, strict=True)
    }


def _figure(name: str, off: float, runs: int, unit: str = "off", within: float = WITHIN) -> Figure:
    return Figure(bar=BAR, scenario=name, value=abs(off), unit=unit, must=within, streams=runs)


TASKS = (Task(name=BAR, run=run, weight=4.0),)
