"""Bar 2: the true effect exactly at the margin. How many are ever shown harmless?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.statistics.disturbed import LateErrors
from tests.statistics.facts import Result, Task, error_rate
from tests.statistics.traffic import Traffic, canary, ramp, shock
from tests.statistics.watching import ratio_sums, watch_safe

BAR = "2 false promotion"
ALPHA = 0.05
MARGIN = 0.25
PANES = 600
REFERENCE = (0.019, 0.043)
LAST_STAGE = 5 * PANES // 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A rollout whose candidate fails 25 % more often, where 25 % more is the margin."""

    name: str
    traffic: Callable[[int], Traffic]
    guard_s: float = 0.0
    first: int = 0


def ramp_and_shock(streams: int) -> Traffic:
    """Errors triple for everyone while the share rises."""
    rate = shock(PANES, 0.02)
    return canary(203, streams, weight_bp=ramp(PANES), rate=rate, ratio=1 + MARGIN)


def late_on_a_ramp(streams: int) -> Traffic:
    """Errors that complete 30 s late carry the lower share of the step before."""
    steps = canary(204, streams, weight_bp=ramp(PANES), rate=0.05, ratio=1 + MARGIN)
    return LateErrors(inner=steps)


SCENARIOS = (
    Scenario(name="50/50", traffic=partial(canary, 201, ratio=1 + MARGIN, panes=PANES)),
    Scenario(
        name="5/95",
        traffic=partial(
            canary, 202, ratio=1 + MARGIN, weight_bp=500, rate=0.05, rps=60.0, panes=PANES
        ),
    ),
    Scenario(name="ramp + common shock", traffic=ramp_and_shock),
    Scenario(
        name="ramp + common shock, last stage alone",
        traffic=ramp_and_shock,
        guard_s=45.0,
        first=LAST_STAGE,
    ),
    Scenario(name="errors 30 s late on a ramp", traffic=late_on_a_ramp, guard_s=45.0),
    Scenario(
        name="errors 30 s late, last stage alone",
        traffic=late_on_a_ramp,
        guard_s=45.0,
        first=LAST_STAGE,
    ),
)


def run(scenario: Scenario, streams: int) -> Result:
    """Watch one scenario."""
    sums = ratio_sums(streams, MARGIN)
    place = {"guard_s": scenario.guard_s, "first": scenario.first}
    found = watch_safe(scenario.traffic(streams), sums, **place)
    hits = found.ever(ALPHA)
    return Result(figures=(error_rate(BAR, scenario.name, hits, streams, ALPHA, REFERENCE),))


TASKS = tuple(Task(name=f"{BAR}: {each.name}", run=partial(run, each)) for each in SCENARIOS)
