"""A small world of minutes: requests, use of pods, and an actuator that obeys at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from streams.judge.decision_facts import Decision
from streams.judge.facts import Cut, PaneInput, RoutingFact, RoutingPhase
from streams.judge.rollout import RolloutJudge
from streams.panes.use_merge import UseMinute
from streams.sketches.cell import Cell
from streams.sketches.usage import RESOURCES, UNIT, Usage
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import ALL_SEGMENT, FULL_BP, RolloutSpec, Stage
from tests.judge.world import make_spec

MINUTE_MS = 60_000
START = 28_000_000
ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=1.0, floor=0.05)
CPU = Metric(name="cpu", kind=MetricKind.CPU, role=Role.SIGNAL, margin=0.1)
MEMORY_LIMIT = Metric(name="memory_limit", kind=MetricKind.MEMORY_LIMIT, limit=0.8)
Use = Callable[[str, str, int], float | None]
"""(arm, resource, minute) -> share of the limit; None: nobody tells."""


def use_spec(*metrics: Metric, **changes: object) -> RolloutSpec:
    """One long stage with half of the traffic."""
    stages = (Stage(weight_bp=5000, min_time_s=600, min_exposures=50), Stage(weight_bp=FULL_BP))
    facts = {"metrics": metrics, "stages": stages, "report_every_s": 3600.0}
    return make_spec(**facts | changes)


def noisy(levels: Mapping[str, float], rho: float = 0.5, seed: int = 3) -> Use:
    """AR(1) use about a level by `arm/resource`, deviation .03; other resources are not told."""
    dice, last = np.random.default_rng(seed), dict.fromkeys(levels, 0.0)

    def use(arm: str, resource: str, _: int) -> float | None:
        key = f"{arm}/{resource}"
        if key not in levels:
            return None
        last[key] = rho * last[key] + float(dice.normal()) * (1 - rho**2) ** 0.5
        return max(0.0, levels[key] + 0.03 * last[key])

    return use


def minute_of(spec: RolloutSpec, use: Use, number: int) -> UseMinute:
    """Two pods of each arm with the same use."""
    usages = {}
    for arm in spec.arms:
        shares = [use(arm, resource, number) for resource in RESOURCES]
        parts = [None if share is None else round(share * UNIT) for share in shares]
        if any(part is not None for part in parts):
            usages[ALL_SEGMENT, arm] = usage = Usage()
            for _ in range(2):
                usage.count(parts)
    return UseMinute(minute=START + number, minute_ms=MINUTE_MS, usages=usages)


@dataclass(kw_only=True)
class UseWorld:
    """Panes of a minute; the use of each is known one pane later."""

    spec: RolloutSpec
    use: Use
    weights: dict[str, int] = field(default_factory=dict)
    since_ms: int = START * MINUTE_MS
    offset: int = 0

    def run(
        self, minutes: int, each: Callable[[RolloutJudge], RolloutJudge] = lambda judge: judge
    ) -> Iterator[Decision]:
        """Decisions of so many panes; `each` may replace the judge after every pane."""
        judge, self.weights = RolloutJudge(self.spec, MINUTE_MS), self.spec.weights_at(-1)
        through = -1
        for number in range(minutes):
            handed = (minute_of(self.spec, self.use, number - 1),) if number else ()
            through = handed[-1].minute if handed else through
            pane = self._pane(number, handed)
            routing = [self._seen(pane.start_ms)]
            cut = Cut(pane=pane.pane, routing_offset=self.offset, resources_through=through)
            decision = judge.step(pane, cut, routing)
            judge = each(judge)
            if decision is not None:
                desired = decision.weights_bp[ALL_SEGMENT]
                if desired != self.weights:
                    self.weights, self.since_ms = desired, pane.end_ms
                yield decision

    def _pane(self, number: int, handed: tuple[UseMinute, ...]) -> PaneInput:
        cells = {}
        for arm, weight in self.weights.items():
            if weight:
                cells[ALL_SEGMENT, arm] = cell = Cell(exposures=weight // 10)
                cell.latency.update(np.full(weight // 10, 20.0))
        return PaneInput(pane=START + number, pane_ms=MINUTE_MS, cells=cells, resources=handed)

    def _seen(self, now_ms: int) -> RoutingFact:
        self.offset += 1
        return RoutingFact(
            offset=self.offset - 1,
            phase=RoutingPhase.OBSERVED,
            at_ms=now_ms,
            weights_bp=dict(self.weights),
            since_ms=self.since_ms,
            confirmed_until_ms=now_ms,
            fence=0,
        )
