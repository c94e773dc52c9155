"""A small world for the judge: traffic by weight, and an actuator that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandFact, CommandKind, Cut, PaneInput, RoutingFact, RoutingPhase
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, FULL_BP, Candidate, RolloutSpec, Stage, Target

PANE_MS = 1000
START = 1_700_000_000  # pane index; 1 s panes

ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25, floor=0.02)
TIMEOUTS = Metric(name="timeouts", kind=MetricKind.TIMEOUTS, margin=0.25, floor=0.02)
SUCCESS = Metric(name="success", kind=MetricKind.SUCCESS, floor=0.9)
P50 = Metric(name="p50", kind=MetricKind.LATENCY, quantile=0.5, margin=0.25)
P95 = Metric(name="p95", kind=MetricKind.LATENCY, quantile=0.95, margin=0.5)
P99 = Metric(name="p99", kind=MetricKind.LATENCY, quantile=0.99, margin=0.5)
CLASSES = Metric(name="classes", kind=MetricKind.CLASSES, threshold=0.05)
SCORES = Metric(name="scores", kind=MetricKind.SCORES, threshold=0.05)
CONFIDENCES = Metric(name="confidences", kind=MetricKind.CONFIDENCES, threshold=0.05)
ALL_METRICS = (ERRORS, TIMEOUTS, SUCCESS, P50, P95, P99, CLASSES, SCORES)


def make_spec(**changes: object) -> RolloutSpec:
    """Two stages and the last, seconds instead of hours."""
    plan = {
        "rollout": "digits-2",
        "service": "digits",
        "baseline": "v1",
        "candidates": (Candidate(name="candidate", version="v2"),),
        "target": Target(router="memory"),
        "stages": (
            Stage(weight_bp=500, min_time_s=8, min_exposures=50),
            Stage(weight_bp=5000, min_time_s=10, min_exposures=200),
            Stage(weight_bp=FULL_BP),
        ),
        "metrics": ALL_METRICS,
        "timeout_s": 1.0,
        "routing_lag_s": 1.0,
        "report_every_s": 5.0,
        "max_classes": 12,
    }
    return RolloutSpec(**plan | changes)


@dataclass(frozen=True, kw_only=True)
class Model:
    """How one arm answers."""

    errors: float = 0.01
    timeouts: float = 0.0
    latency_ms: float = 20.0
    classes: tuple[float, ...] = (0.1,) * 10
    score: float = 8.0
    confidence: float | None = None

    def answer(self, n: int, rng: np.random.Generator) -> Cell:
        """A cell with n requests."""
        cell = Cell(exposures=n)
        cell.timeouts = int(rng.binomial(n, self.timeouts))
        cell.errors = cell.timeouts + int(rng.binomial(n - cell.timeouts, self.errors))
        cell.latency.update(rng.lognormal(np.log(self.latency_ms), 0.4, n))
        for place, count in enumerate(rng.multinomial(n, self.classes)):
            cell.classes.add(f"class-{place}", int(count))
        cell.scores.update(rng.beta(self.score, 2.0, n))
        if self.confidence is not None:
            cell.confidences.update(rng.beta(self.confidence, 2.0, n))
        return cell


GOOD = Model()


@dataclass(kw_only=True)
class World:
    """Panes under the weights that its actuator applied; the truth is in `models`."""

    spec: RolloutSpec
    models: Mapping[str, Model] = field(default_factory=lambda: {"candidate": GOOD})
    rate: int = 200
    seed: int = 1
    shock: Callable[[int], float] = lambda _: 0.0
    """Extra error rate of all arms at a second."""
    pace: Callable[[int], float] = lambda _: 1.0
    """Factor of all arms' latency at a second: the world moves, not a candidate."""
    skew: float = 1.0
    """Factor by which candidates really get more than their weight."""
    confirms: bool = True
    """Whether the actuator reports at all."""
    silent: frozenset[str] = frozenset()
    """Arms whose requests never arrive."""
    offset: int = 0
    weights: dict[str, int] = field(default_factory=dict)
    since_ms: int = START * PANE_MS
    pending: list[RoutingFact] = field(default_factory=list)
    facts: list[RoutingFact] = field(default_factory=list)
    panes: list[PaneInput] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.weights = self.spec.weights_at(-1)

    def pane(self, second: int) -> PaneInput:
        """Requests of one second."""
        counts = self._split()
        cells = {}
        for arm, n in counts.items():
            model = self.models.get(arm, GOOD)
            errors = min(1.0, model.errors + self.shock(second))
            latency_ms = model.latency_ms * self.pace(second)
            worse = replace(model, errors=errors, latency_ms=latency_ms)
            if n and arm not in self.silent:
                cells[ALL_SEGMENT, arm] = worse.answer(n, self.rng)
        pane = PaneInput(pane=START + second, pane_ms=PANE_MS, cells=cells)
        self.panes.append(pane)
        return pane

    def _split(self) -> dict[str, int]:
        shares = [self.weights[arm] / FULL_BP for arm in self.spec.arms]
        shares[1:] = [share * self.skew for share in shares[1:]]
        shares[0] = 1 - sum(shares[1:])
        counts = self.rng.multinomial(self.rng.poisson(self.rate), shares)
        return dict(zip(self.spec.arms, counts.tolist(), strict=True))

    def obey(self, decision: Decision, now_ms: int) -> None:
        """Apply the desired weights at once; the report comes with the next pane."""
        desired = decision.weights_bp[ALL_SEGMENT]
        if desired == self.weights:
            return
        self.report(RoutingPhase.INTENT, desired, now_ms, 0, decision.seq)
        self.weights, self.since_ms = desired, now_ms
        self.report(RoutingPhase.APPLIED, desired, now_ms, now_ms, decision.seq)

    def confirm(self, now_ms: int) -> None:
        """What a reconcile loop does every few seconds."""
        self.report(RoutingPhase.OBSERVED, self.weights, now_ms, now_ms, 0)

    def report(
        self, phase: RoutingPhase, weights: dict[str, int], at_ms: int, until_ms: int, fence: int
    ) -> None:
        """Write a routing record, unless this actuator keeps silent."""
        if not self.confirms:
            return
        fact = RoutingFact(
            offset=self.offset,
            phase=phase,
            at_ms=at_ms,
            weights_bp=dict(weights),
            since_ms=at_ms if phase is RoutingPhase.INTENT else self.since_ms,
            confirmed_until_ms=until_ms,
            fence=fence,
        )
        self.offset += 1
        self.pending.append(fact)
        self.facts.append(fact)

    def read(self) -> list[RoutingFact]:
        """Routing records since the last call."""
        fresh, self.pending = self.pending, []
        return fresh


def run(
    judge: RolloutJudge,
    world: World,
    seconds: int,
    commands: Mapping[int, CommandKind] | None = None,
    each: Callable[[RolloutJudge], RolloutJudge] = lambda judge: judge,
) -> list[Decision]:
    """Let judge and world go on together; `each` may replace the judge after every pane."""
    return list(_steps(judge, world, seconds, commands or {}, each))


def _steps(
    judge: RolloutJudge,
    world: World,
    seconds: int,
    commands: Mapping[int, CommandKind],
    each: Callable[[RolloutJudge], RolloutJudge],
) -> Iterator[Decision]:
    asked = 0
    for second in range(seconds):
        pane = world.pane(second)
        if second % 3 == 2:
            world.confirm(pane.start_ms)
        wish = [command(asked, commands[second], pane.start_ms)] if second in commands else []
        asked += len(wish)
        routing = world.read()
        cut = Cut(pane=pane.pane, routing_offset=world.offset, commands_offset=asked)
        decision = judge.step(pane, cut, routing, wish)
        judge = each(judge)
        if decision is not None:
            world.obey(decision, pane.end_ms)
            yield decision


def command(offset: int, kind: CommandKind, at_ms: int = START * PANE_MS) -> CommandFact:
    """A command by somebody."""
    return CommandFact(offset=offset, kind=kind, actor="ada", reason="says so", at_ms=at_ms)
