"""Bar 5: output mixes. Rollback, promotion and power of the divergence; equality of mixes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq

from streams.evidence.categories import EqualitySums
from streams.evidence.fixed import Floats
from streams.evidence.jsd import JsdSums, jensen_shannon_divergence
from streams.spec.model import FULL_BP
from tests.statistics.facts import Figure, Result, Series, Task, binomial_band, error_rate, share
from tests.statistics.traffic import ramp

BAR = "5 divergence"
THRESHOLD = 0.05
DRIFTING = 1_000


def mix(k: int) -> Floats:
    """Shares 1, 1/2, 1/3 ... of k classes."""
    shares = 1 / np.arange(1, k + 1)
    result: Floats = shares / shares.sum()
    return result


def mix_at(k: int, target: float) -> Floats:
    """A mix at a JSD of exactly `target` nats from `mix(k)`."""
    p = mix(k)
    if target == 0:
        return p

    def beyond(part: float) -> float:
        return float(jensen_shannon_divergence(p, (1 - part) * p + part * p[::-1])) - target

    part = brentq(beyond, 0, 1)
    return (1 - part) * p + part * p[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A candidate at a true JSD from the baseline, in requests a pane."""

    seed: int
    k: int
    jsd: float
    rps: float
    split: float = 0.5
    alpha: float = 0.05
    panes: int = 120

    @property
    def name(self) -> str:
        """How figures call it."""
        return f"k = {self.k}, {self.split:.0%} to the candidate"

    @property
    def label(self) -> str:
        """How the task is called."""
        return f"{self.name}, at {self.alpha:g}"


def watch(scenario: Scenario, streams: int) -> tuple[Floats, int]:
    """Panes until harm (inf: never), and how many were ever shown similar."""
    rng, sums = np.random.default_rng(scenario.seed), JsdSums.zeros((streams,))
    p, q, alpha = mix(scenario.k), mix_at(scenario.k, scenario.jsd), scenario.alpha
    panes, similar = np.full(streams, np.inf), np.zeros(streams, np.bool_)
    for pane in range(scenario.panes):
        n_b = rng.poisson(scenario.rps * (1 - scenario.split), streams)
        n_c = rng.poisson(scenario.rps * scenario.split, streams)
        weight_bp = round(scenario.split * FULL_BP)
        sums.fold(weight_bp, rng.multinomial(n_b, p), rng.multinomial(n_c, q))
        harm = sums.log_e_harm(THRESHOLD, alpha) >= -np.log(alpha)
        panes[harm & np.isinf(panes)] = pane + 1
        similar |= sums.log_e_safe(THRESHOLD, 0.05) >= -np.log(0.05)
    return panes, int(similar.sum())


def run_identical(scenario: Scenario, streams: int) -> Result:
    """Nobody may be rolled back."""
    panes, _ = watch(scenario, streams)
    hits = int(np.isfinite(panes).sum())
    name = f"identical models, {scenario.name}, at {scenario.alpha:g}"
    figure = Figure(
        bar=BAR,
        scenario=f"{name}: rollbacks",
        value=float(hits),
        unit="streams",
        must=0.0,
        streams=streams,
        band=tuple(streams * end for end in binomial_band(hits, streams)),
    )
    return Result(figures=(figure,))


def run_at_threshold(scenario: Scenario, streams: int) -> Result:
    """Exactly at the threshold neither side may be shown more often than alpha."""
    panes, similar = watch(scenario, streams)
    hits, alpha = int(np.isfinite(panes).sum()), scenario.alpha
    name = f"JSD exactly .05, {scenario.name}"
    rollback = error_rate(BAR, f"{name}: rollback", hits, streams, alpha, (0.0, 0.031))
    promotion = error_rate(BAR, f"{name}: promotion", similar, streams, 0.05, (0.0, 0.028))
    return Result(figures=(rollback, promotion) if alpha == 0.05 else (rollback,))


def run_power(scenario: Scenario, streams: int) -> Result:
    """Twice the threshold is found in time."""
    panes, _ = watch(scenario, streams)
    events = panes * scenario.rps * scenario.split
    figures = tuple(
        share(
            BAR,
            f"JSD .10 found by {limit} an arm, k = {scenario.k}, at {scenario.alpha:g}",
            int((events <= limit).sum()),
            streams,
            must=must,
            better="higher",
        )
        for limit, must in ((900, 0.95), (1_000, 0.99))
    )
    at = np.unique(events[np.isfinite(events)])
    points = tuple((float(n), float((events <= n).mean())) for n in at)
    return Result(
        figures=figures, series=(Series(plot="mix", label=f"k = {scenario.k}", points=points),)
    )


def run_equality(streams: int) -> Result:
    """Ten classes, the same drifting mix in both arms of a ramp: are they ever called unequal?"""
    rng = np.random.default_rng(541)
    sums = EqualitySums.zeros(categories=10, shape=(streams,))
    highest, weights = np.zeros(streams), ramp(100) / FULL_BP
    for pane, part in enumerate(weights):
        p = (1 - pane / 100) * mix(10) + pane / 100 * mix(10)[::-1]
        sizes = rng.poisson(100 * (1 - part), streams), rng.poisson(100 * part, streams)
        sums.fold(*(rng.multinomial(size, p) for size in sizes))
        highest = np.maximum(highest, sums.log_e())
    hits = {alpha: int((highest >= -np.log(alpha)).sum()) for alpha in (0.05, 0.01)}
    references = {0.05: (0.005, 0.02), 0.01: (0.0, 0.005)}
    return Result(
        figures=tuple(
            error_rate(BAR, "equality under ramp and drift", n, streams, alpha, references[alpha])
            for alpha, n in hits.items()
        )
    )


def drift_under_ramp(lag: float, streams: int, *, pooled: bool) -> tuple[int, int]:
    """Streams rolled back ever, and shown similar at the end, while the world's mix moves."""
    rng, sums = np.random.default_rng(542), JsdSums.zeros((streams,))
    early = np.array([0.94, 0.04, 0.015, 0.005])
    weights, harm = ramp(120), np.zeros(streams, np.bool_)
    for pane, weight_bp in enumerate(weights):
        moved = pane / 119, max(pane / 119 - lag, 0.0)
        p, q = ((1 - by) * early + by * early[::-1] for by in moved)
        split = np.array([FULL_BP - weight_bp, weight_bp]) / FULL_BP
        n_b, n_c = rng.poisson(300 * split, (streams, 2)).T
        group = 0 if pooled else int(weight_bp)
        sums.fold(group, rng.multinomial(n_b, p), rng.multinomial(n_c, q))
        harm |= sums.is_harm(THRESHOLD, alpha=0.01)
    return int(harm.sum()), int(sums.is_similar(THRESHOLD, alpha=0.05).sum())


def run_drift(streams: int) -> Result:
    """Kept apart by weight, a moving world is no harm, and a lagging candidate is none the less."""
    streams = min(streams, DRIFTING)
    same, lagging = (drift_under_ramp(lag, streams, pooled=False) for lag in (0.0, 0.4))
    name = "mix drifts under a ramp"
    return Result(
        figures=(
            share(BAR, f"{name}: identical rolled back", same[0], streams, must=0.01),
            share(BAR, f"{name}: shifted found", lagging[0], streams, must=0.99, better="higher"),
            share(BAR, f"{name}: shifted promoted", lagging[1], streams, must=0.01),
        )
    )


IDENTICAL = tuple(
    Scenario(seed=500 + k, k=k, jsd=0.0, rps=50.0, panes=80, alpha=alpha)
    for k in (10, 20, 50)
    for alpha in (0.05, 0.01)
)
EXACT = tuple(
    Scenario(seed=510 + place, k=k, jsd=THRESHOLD, rps=rps, split=split, alpha=alpha)
    for place, (k, rps, split, alpha) in enumerate(
        (
            (10, 50.0, 0.5, 0.05),
            (10, 2_500.0, 0.02, 0.05),
            (50, 50.0, 0.5, 0.05),
            (50, 2_500.0, 0.02, 0.05),
            (10, 50.0, 0.5, 0.01),
            (10, 2_500.0, 0.02, 0.01),
        )
    )
)
POWER = tuple(
    Scenario(seed=530 + k, k=k, jsd=0.10, rps=100.0, alpha=0.01, panes=24) for k in (10, 20)
)

TASKS = (
    *(Task(name=f"{BAR}: A/A {s.label}", run=partial(run_identical, s)) for s in IDENTICAL),
    *(Task(name=f"{BAR}: .05 {s.label}", run=partial(run_at_threshold, s)) for s in EXACT),
    *(Task(name=f"{BAR}: .10 {s.label}", run=partial(run_power, s), weight=0.3) for s in POWER),
    Task(name=f"{BAR}: equality", run=run_equality, weight=2.0),
    Task(name=f"{BAR}: drift", run=run_drift, weight=0.3),
)
