"""Bar 6: the sample ratio. How often is a fair split called a mismatch?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.evidence.sample_ratio import SampleRatioSums
from streams.judge.health import SAMPLE_RATIO_ALPHA
from streams.judge.weights import Placement
from streams.spec.model import FULL_BP
from tests.statistics.facts import Result, Series, Task, error_rate, share
from tests.statistics.traffic import PANE_MS, ramp, timeline

BAR = "6 sample ratio"
LIMIT = -np.log(SAMPLE_RATIO_ALPHA)
PANES = 300
RPS = 200.0
LAG_S = 8
GUARD_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fair split by weights in basis points."""

    weights_bp: tuple[int, ...]
    seed: int


SCENARIOS = tuple(
    Scenario(weights_bp=weights, seed=600 + place)
    for place, weights in enumerate(((5_000, 5_000), (9_500, 500), (9_900, 100), (9_900, 50, 50)))
)


def run(scenario: Scenario, streams: int) -> Result:
    """Looked at after each of 300 panes."""
    rng, sums = np.random.default_rng(scenario.seed), SampleRatioSums.zeros((streams,))
    alarmed, shares = np.zeros(streams, np.bool_), np.array(scenario.weights_bp) / FULL_BP
    for _ in range(PANES):
        sums.fold(scenario.weights_bp, rng.multinomial(rng.poisson(RPS, streams), shares))
        alarmed |= sums.log_e() >= LIMIT
    name = "/".join(f"{weight / 100:g}" for weight in scenario.weights_bp)
    hits = int(alarmed.sum())
    figure = error_rate(BAR, name, hits, streams, SAMPLE_RATIO_ALPHA, (0.0, 0.0011))
    return Result(figures=(figure,))


def lagging(weight_bp: Ints, lag_s: int) -> Floats:
    """Real share of the candidate when routers follow linearly within `lag_s` of a change."""
    target = weight_bp / FULL_BP
    padded = np.concatenate([np.full(lag_s, target[0]), target])
    steps = np.cumsum(np.concatenate([[0.0], padded]))
    result: Floats = (steps[lag_s + 1 :] - steps[1:-lag_s]) / lag_s
    return result


def alarms_on_a_ramp(streams: int, guard_s: float, seed: int = 610) -> int:
    """Streams flagged ever on a six-step ramp whose routers take 8 s to follow."""
    rng, sums = np.random.default_rng(seed), SampleRatioSums.zeros((streams,))
    weight_bp, alarmed = ramp(PANES), np.zeros(streams, np.bool_)
    weights, real = timeline(weight_bp, guard_s), lagging(weight_bp, LAG_S)
    for pane, part in enumerate(real):
        arrivals = rng.multinomial(rng.poisson(RPS, streams), [1 - part, part])
        placement, applied = weights.place(pane * PANE_MS, (pane + 1) * PANE_MS)
        if placement is Placement.STEADY and applied is not None:
            sums.fold(applied, arrivals)
            alarmed |= sums.log_e() >= LIMIT
    return int(alarmed.sum())


def run_lag(streams: int) -> Result:
    """With the judge's guard after each change, a router that lags is no mismatch."""
    hits, without = (alarms_on_a_ramp(streams, guard_s) for guard_s in (GUARD_S, 0.0))
    name = f"ramp, routers lag {LAG_S} s, guard {GUARD_S:g} s"
    figure = error_rate(BAR, name, hits, streams, SAMPLE_RATIO_ALPHA, (0.0, 0.0005))
    bare = Series(plot="guard", label="without a guard", points=((0.0, without / streams),))
    return Result(figures=(figure,), series=(bare,))


def run_skewed(streams: int) -> Result:
    """6 % arrive where 5 % were sent: 20 000 units show it."""
    rng, sums = np.random.default_rng(620), SampleRatioSums.zeros((streams,))
    sums.fold((9_500, 500), rng.multinomial(20_000, [0.94, 0.06], streams))
    hits = int((sums.log_e() >= LIMIT).sum())
    name = "6 % arrive where 5 % were sent: found by 20 000 units"
    return Result(figures=(share(BAR, name, hits, streams, must=0.95, better="higher"),))


TASKS = (
    *(Task(name=f"{BAR}: {s.weights_bp}", run=partial(run, s), weight=0.5) for s in SCENARIOS),
    Task(name=f"{BAR}: lag", run=run_lag, weight=0.5),
    Task(name=f"{BAR}: skewed", run=run_skewed, weight=0.1),
)
