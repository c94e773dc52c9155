"""What does the judge itself say? Real requests, pane by pane, until it rolls back or promotes.

Nothing of the planner is used here: latencies are drawn one by one, tau is frozen by the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from streams.judge.decision_facts import Action, Decision
from streams.judge.facts import Cut, PaneInput, RoutingFact, RoutingPhase
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, RolloutSpec

PANE_MS = 1000
START = 1_700_000_000
SIGMA = 0.4


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How an arm answers."""

    p_error: float
    latency_ms: float = 20.0
    classes: int = 0

    def cell(self, n: int, rng: np.random.Generator) -> Cell:
        cell = Cell(exposures=n, errors=int(rng.binomial(n, self.p_error)))
        cell.latency.update(rng.lognormal(np.log(self.latency_ms), SIGMA, n))
        for place, count in enumerate(
            rng.multinomial(n, np.full(k, 1 / k)) if (k := self.classes) else ()
        ):
            cell.classes.add(f"class-{place}", int(count))
        return cell


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a rollout ended: seconds since the first stage's weights were applied."""

    action: Action
    seconds: float
    stage_begins: Mapping[int, float]


def judged(
    spec: RolloutSpec,
    rps: float,
    seed: int,
    baseline: Answers,
    candidate: Callable[[int], Answers],
    *,
    panes: int = 100_000,
) -> Ending:
    """Run a rollout to its end; `candidate` tells how it answers at a stage."""
    rng, judge = np.random.default_rng(seed), RolloutJudge(spec, PANE_MS)
    weights, stage, begins = spec.weights_at(-1), -1, {}
    facts: list[RoutingFact] = []
    for second in range(panes):
        pane = _pane(second, spec, rps, weights, (baseline, candidate(stage)), rng)
        facts.append(_fact(weights, (START + begins.get(stage, 0)) * 1000, pane.start_ms))
        decision = judge.step(pane, Cut(pane=pane.pane), [facts[-1]])
        if decision is not None and decision.terminal:
            return Ending(
                action=decision.action, seconds=second + 1 - begins[0], stage_begins=begins
            )
        if decision is not None and (wanted := _desired(decision)) != weights:
            weights, stage = wanted, decision.stage
            begins[stage] = second + 1
    raise AssertionError(f"seed {seed}: no end after {panes} panes")


def _pane(
    second: int,
    spec: RolloutSpec,
    rps: float,
    weights: Mapping[str, int],
    answers: tuple[Answers, Answers],
    rng: np.random.Generator,
) -> PaneInput:
    cells = {}
    for arm, arms_answers in zip(spec.arms, answers, strict=True):
        n = int(rng.poisson(rps * weights[arm] / FULL_BP))
        if n:
            cells[ALL_SEGMENT, arm] = arms_answers.cell(n, rng)
    return PaneInput(pane=START + second, pane_ms=PANE_MS, cells=cells)


def _fact(weights: Mapping[str, int], since_ms: int, until_ms: int) -> RoutingFact:
    return RoutingFact(
        offset=0,
        phase=RoutingPhase.APPLIED,
        at_ms=until_ms,
        weights_bp=dict(weights),
        since_ms=since_ms,
        confirmed_until_ms=until_ms,
        fence=0,
    )


def _desired(decision: Decision) -> dict[str, int]:
    weights = decision.weights_bp[ALL_SEGMENT]
    assert BASELINE in weights
    return dict(weights)
