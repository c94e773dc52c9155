"""Rollouts that the browser's tests look at, judged once for all of them."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import cache

from streams.judge.decision_facts import Decision, Verdict
from streams.judge.facts import Cut
from streams.judge.rollout import RolloutJudge
from streams.panes.facts import cells_to_states
from streams.spec.model import RolloutSpec, Stage
from tests.dashboard.shown import (
    Entry,
    Present,
    PresentSliced,
    ahead_by,
    applied,
    chained,
    closed,
    decided,
    judged,
    judged_outcomes,
)
from tests.judge.outcomes.world import OutcomeWorld, outcome_spec
from tests.judge.sliced import sliced_spec
from tests.judge.world import ALL_METRICS, ERRORS, PANE_MS, Model, make_spec, run

DAY_S, LONG_PANE_MS = 86_400, 10_000
LONG = "day-v1"
BAD, GOOD, HELD, SLICED, LABELLED = "digits-v3", "digits-v2", "cats-v7", "rank-v4", "loan-v9"


@cache
def bad() -> tuple[Entry, ...]:
    """Errors rise, and all traffic goes back."""
    return _story(BAD, {"candidate": Model(errors=0.09, latency_ms=26.0, score=6.0)}, 60)


@cache
def good() -> tuple[Entry, ...]:
    """Promoted."""
    return _story(GOOD, {}, 120)


@cache
def held() -> tuple[Entry, ...]:
    """The same stage until a person says yes."""
    stages = (
        Stage(weight_bp=500, min_time_s=8, min_exposures=50),
        Stage(weight_bp=5000, min_time_s=10, min_exposures=200, approval=True),
        Stage(weight_bp=10_000),
    )
    return _story(HELD, {}, 45, stages=stages, service="cats")


@cache
def sliced() -> tuple[Entry, ...]:
    """One slice is ill and goes back alone."""
    seconds = 50
    spec = sliced_spec(rollout=SLICED, service="rank")
    ill = {"country=SG": Model(errors=0.6)}
    world = PresentSliced(spec=spec, slices=ill, rate=400, **ahead_by(seconds))
    return tuple(judged(world, seconds))


@cache
def labelled() -> tuple[Entry, ...]:
    """Labels come late, and not all cohorts are mature."""
    spec = outcome_spec(rollout=LABELLED, service="loans")
    return tuple(judged_outcomes(OutcomeWorld(spec=spec, whole=True), 120))


@cache
def many(count: int) -> tuple[Entry, ...]:
    """So many rollouts of twelve seconds."""
    found: list[Entry] = []
    for number in range(count):
        found += _story(f"fleet-{number:02d}", {}, 12, metrics=(ERRORS,), rate=40)
    return tuple(found)


@cache
def long() -> tuple[Entry, ...]:
    """A day of panes of 10 s, and a decision each five minutes, all metrics with their evidence."""
    spec = make_spec(rollout=LONG, service="day")
    world = Present(spec=spec, **ahead_by(60))
    last = run(RolloutJudge(spec, PANE_MS), world, 60)[-1]
    begin = (int(time.time()) - DAY_S) * 1000 // LONG_PANE_MS
    found = [applied(spec, begin * LONG_PANE_MS)]
    states = [cells_to_states(pane.cells) for pane in world.panes]
    for number in range(DAY_S * 1000 // LONG_PANE_MS):
        cells = states[number % len(states)]
        found.append(closed(spec, begin + number, LONG_PANE_MS, cells))
    found += map(decided, chained(_later(last, begin + 30 * n, n) for n in range(1, 288)))
    return tuple(sorted(found, key=lambda entry: entry.at_ms))


def _story(
    rollout: str, models: dict[str, Model], seconds: int, *, rate: int = 200, **changes: object
) -> tuple[Entry, ...]:
    spec: RolloutSpec = make_spec(**{"rollout": rollout, "metrics": ALL_METRICS} | changes)
    world = Present(spec=spec, models=models, rate=rate, **ahead_by(seconds))
    return tuple(judged(world, seconds))


def _later(decision: Decision, pane: int, number: int) -> Decision:
    """The same decision at another pane, its evidence moved on a little."""
    verdicts = tuple(_moved(verdict, number) for verdict in decision.verdicts)
    cut, moved = Cut(pane=pane), {"verdicts": verdicts, "steps": (), "terminal": False}
    return replace(decision, pane_ms=LONG_PANE_MS, cut=cut, **moved)


def _moved(verdict: Verdict, number: int) -> Verdict:
    wave = 0.3 * math.sin(number / 15)
    return replace(verdict, log_e_harm=min(verdict.log_e_harm, 3.0) + wave)
