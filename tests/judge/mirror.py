"""A small world with copies: every request goes to the baseline, a share of them to candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from streams.judge.decision_facts import Decision
from streams.judge.facts import PaneInput, RoutingFact, RoutingPhase
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, MIRROR, Mode, RolloutSpec, Stage
from tests.judge.world import PANE_MS, START, World, make_spec

ERRORS = Metric(name="errors", kind=MetricKind.PAIRED_ERRORS, margin=0.25, floor=0.02)
TIMEOUTS = Metric(name="timeouts", kind=MetricKind.PAIRED_TIMEOUTS, margin=0.25, floor=0.02)
RATIO = Metric(name="latency_ratio", kind=MetricKind.LATENCY_RATIO, margin=0.1, quantile=0.5)
DIFFERENT = Metric(name="disagreement", kind=MetricKind.DISAGREEMENT, most=0.05)
METRICS = (ERRORS, TIMEOUTS, RATIO, DIFFERENT)
STAGES = (
    Stage(weight_bp=500, min_time_s=8, min_exposures=50),
    Stage(weight_bp=5000, min_time_s=10, min_exposures=200),
)


def shadow_spec(**changes: object) -> RolloutSpec:
    """Two stages of copies, seconds instead of hours."""
    plan = {"mode": Mode.SHADOW, "stages": STAGES, "metrics": METRICS, "pair_within_s": 1.0}
    return make_spec(**plan | changes)


@dataclass(frozen=True, kw_only=True)
class Twin:
    """How a candidate answers what the baseline answers too."""

    only_candidate: float = 0.005
    only_baseline: float = 0.005
    both: float = 0.01
    slower: float = 1.0
    """Median of the ratio of latencies."""
    different: float = 0.01
    answered: float = 1.0
    """Share of the copies whose answer arrives."""
    alone: float = 0.0
    """Answers without the baseline's, of those."""

    def answer(self, copies: int, shock: float, rng: np.random.Generator) -> Cell:
        """The cell of so many copies; `shock` is a failure rate that hits both answers."""
        answers = int(rng.binomial(copies, self.answered))
        pairs = int(rng.binomial(answers, 1 - self.alone))
        cell = Cell(exposures=answers)
        cell.latency.update(rng.lognormal(np.log(20.0 * self.slower), 0.4, answers))
        found = cell.paired()
        found.pairs = found.matched = pairs
        shares = [self.only_candidate, self.only_baseline, min(0.5, self.both + shock)]
        counts = rng.multinomial(pairs, [*shares, 1 - sum(shares)]).tolist()
        found.errors_candidate, found.errors_baseline, found.errors_both, _ = counts
        cell.errors = found.errors_candidate + found.errors_both
        found.timeouts_both = found.errors_both // 2
        found.classes_different = int(rng.binomial(pairs, self.different))
        found.classes_same = pairs - found.classes_different
        found.ratio.update(rng.lognormal(np.log(self.slower), 0.3, pairs))
        return cell


@dataclass(kw_only=True)
class MirrorWorld(World):
    """Panes under the shares of copies that its actuator applied."""

    twins: Mapping[str, Twin] = field(default_factory=lambda: {"candidate": Twin()})

    def pane(self, second: int) -> PaneInput:
        """Requests of one second."""
        requests = int(self.rng.poisson(self.rate))
        cells = {(ALL_SEGMENT, BASELINE): Cell(exposures=requests)}
        cells[ALL_SEGMENT, BASELINE].latency.update(self.rng.lognormal(3.0, 0.4, requests))
        for name, twin in self.twins.items():
            copies = int(self.rng.binomial(requests, self.weights[name] / FULL_BP * self.skew))
            if copies:
                cells[ALL_SEGMENT, name] = twin.answer(copies, self.shock(second), self.rng)
        pane = PaneInput(pane=START + second, pane_ms=PANE_MS, cells=cells)
        self.panes.append(pane)
        return pane

    def obey(self, decision: Decision, now_ms: int) -> None:
        """Copy as is desired; nobody moves live requests."""
        assert decision.weights_bp[ALL_SEGMENT] == home(self.spec)
        super().obey(
            replace(decision, weights_bp={ALL_SEGMENT: decision.weights_bp[MIRROR]}), now_ms
        )

    def report(
        self, phase: RoutingPhase, weights: dict[str, int], at_ms: int, until_ms: int, fence: int
    ) -> None:
        """The shares stand under `mirror`."""
        before = len(self.pending)
        super().report(phase, weights, at_ms, until_ms, fence)
        self.pending[before:] = [self._mirrored(fact) for fact in self.pending[before:]]
        self.facts[len(self.facts) - len(self.pending) + before :] = self.pending[before:]

    def _mirrored(self, fact: RoutingFact) -> RoutingFact:
        segments = {MIRROR: fact.weights_bp}
        return replace(fact, weights_bp=home(self.spec), segments_bp=segments)


def home(spec: RolloutSpec) -> dict[str, int]:
    """Every live request to the baseline."""
    return {arm: FULL_BP if arm == BASELINE else 0 for arm in spec.arms}
