"""Drift of the world: how often is a day called changed whose world stood still?

A day of panes of one second through the judge's own `Course`, in the scale of each metric. A
stream here is a day, and a hundredth of the streams asked for is run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from streams.evidence.fixed import Ints
from streams.judge.drift.course import PARTS, Course
from streams.judge.drift.watch import ERRORS_SPAN, LATENCY_SPAN
from tests.statistics.facts import Result, Task, error_rate

BAR = "drift of the world"
ALPHA = 0.02
"""Days with a false alarm, of a hundred two: a person looks at it, and nothing else follows."""
DAY_S = 86_400
SHARE_OF_STREAMS = 100

Draw = Callable[[np.random.Generator, Ints], Ints]
"""Sums in parts of panes with so many requests of the baseline, [panes]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A metric of a baseline that stands still."""

    name: str
    seed: int
    rps: float
    span: int
    draw: Draw
    centred: bool = False


def _events(share: float) -> Draw:
    return lambda rng, requests: rng.binomial(requests, share) * PARTS


def _log_ms(sigma: float) -> Draw:
    """Sums of so many logarithms of lognormal latencies about 20 ms."""

    def draw(rng: np.random.Generator, requests: Ints) -> Ints:
        sums = rng.normal(math.log(20.0) * requests, sigma * np.sqrt(requests))
        return np.rint(sums * PARTS).astype(np.int64)

    return draw


SCENARIOS = (
    Scenario(name="1 % errors", seed=231, rps=200, span=ERRORS_SPAN, draw=_events(0.01)),
    Scenario(name="10 % errors, few", seed=232, rps=20, span=ERRORS_SPAN, draw=_events(0.10)),
    Scenario(name="classes", seed=233, rps=100, span=PARTS, draw=_events(0.5)),
    Scenario(name="latency", seed=234, rps=200, span=LATENCY_SPAN, draw=_log_ms(0.6), centred=True),
    Scenario(
        name="wide latency, few",
        seed=235,
        rps=20,
        span=LATENCY_SPAN,
        draw=_log_ms(1.5),
        centred=True,
    ),
)


def run(scenario: Scenario, streams: int) -> Result:
    """Days with a change told."""
    days = max(1, streams // SHARE_OF_STREAMS)
    hits = sum(_alarmed(scenario, day) for day in range(days))
    return Result(figures=(error_rate(BAR, f"a day, {scenario.name}", hits, days, ALPHA),))


def _alarmed(scenario: Scenario, day: int) -> bool:
    rng = np.random.default_rng((scenario.seed, day))
    course = Course(scenario.span, centred=scenario.centred)
    requests = rng.poisson(scenario.rps, DAY_S)
    sums = scenario.draw(rng, requests)
    panes = zip(sums.tolist(), requests.tolist(), strict=True)
    return any(course.add(total, count) is not None for total, count in panes)


TASKS = tuple(
    Task(name=f"drift: {each.name}", run=partial(run, each), weight=1.0) for each in SCENARIOS
)
