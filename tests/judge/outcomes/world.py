"""A world whose predictions are answered later: labels and conversions by cohort, with delays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from streams.judge.decision_facts import Decision
from streams.judge.facts import Cut, PaneInput, RoutingFact, RoutingPhase
from streams.judge.rollout import RolloutJudge
from streams.panes.cohorts import Cohort, CohortClock
from streams.sketches.cell import Cell
from streams.sketches.outcome_cell import (
    DELAY_BINS,
    ClassTally,
    OutcomeCell,
    OutcomeCells,
)
from streams.sketches.scaled_sums import UNIT, ScaledSums
from streams.spec.metric_facts import Harm, Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, FULL_BP, RolloutSpec, Stage
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.judge.world import GOOD, PANE_MS, START, make_spec

LABEL = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=40, classes=("dog", "cat"))
SALE = Outcome(name="sale", kind=OutcomeKind.RATE, window_s=40)
SPENT = Outcome(name="spent", kind=OutcomeKind.MEAN, window_s=40)
RATED = Outcome(name="rated", kind=OutcomeKind.MEAN, window_s=40, low=0, high=5)

ACCURACY = Metric(name="accuracy", kind=MetricKind.MISTAKES, margin=0.05, outcome="label")
FLOOR = Metric(name="accuracy_floor", kind=MetricKind.ACCURACY, floor=0.8, outcome="label")
RECALL = Metric(name="recall:dog", kind=MetricKind.RECALL, margin=0.1, outcome="label", label="dog")
BRIER = Metric(name="brier", kind=MetricKind.BRIER, margin=0.05, outcome="label")
CONVERSION = Metric(name="sale", kind=MetricKind.RATE, margin=0.02, outcome="sale", harm=Harm.LESS)
REVENUE = Metric(name="spent", kind=MetricKind.MEAN, margin=0.02, outcome="spent", harm=Harm.LESS)
RATING = Metric(name="rated", kind=MetricKind.MEAN, margin=0.02, outcome="rated", harm=Harm.LESS)


def outcome_spec(*metrics: Metric, outcomes: tuple[Outcome, ...] = (LABEL,), **changes: object):
    """One stage of half the traffic, then all; metrics of outcomes alone."""
    plan = {
        "metrics": metrics or (ACCURACY,),
        "outcomes": outcomes,
        "stages": (Stage(weight_bp=5000, min_exposures=50), Stage(weight_bp=FULL_BP)),
    }
    return make_spec(**plan | changes)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What comes of an arm's predictions."""

    coverage: float = 0.9
    wrong: float = 0.1
    mean_delay_s: float = 8.0
    value: float = 20.0
    """Mean of what is spent, lognormal; of ratings, 40 times the share that is best."""
    errors: float = 0.0
    """Share of requests that fail at once."""


SAME = Answers()


@dataclass(kw_only=True)
class OutcomeWorld:
    """Exposures by applied weight; what comes of them is told cohort by cohort."""

    spec: RolloutSpec
    candidate: Answers = SAME
    baseline: Answers = SAME
    others: Mapping[str, Answers] = field(default_factory=dict)
    """Of arms that answer otherwise than `candidate`."""
    rate: float = 100.0
    whole: bool = False
    """Whether requests have latencies and classes too, all alike."""
    seed: int = 1
    drift: Callable[[int], float] = lambda _: 1.0
    """What the chance of a wrong answer is multiplied by, of all arms, at a second."""
    weights: dict[str, int] = field(default_factory=dict)
    since_ms: int = START * PANE_MS
    pending: list[RoutingFact] = field(default_factory=list)
    offset: int = 0
    judge: RolloutJudge | None = None
    """The last one that judged it."""
    panes: list[PaneInput] = field(default_factory=list)
    facts: list[RoutingFact] = field(default_factory=list)
    """All that it was ever told."""

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.weights = self.spec.weights_at(-1)
        self._clocks = {o.name: CohortClock.of(o, PANE_MS) for o in self.spec.outcomes}
        self._cells: dict[tuple[str, int], OutcomeCells] = {}
        self._told: dict[tuple[str, int], int] = {}

    def pane(self, second: int) -> PaneInput:
        """The requests of a second, and what of earlier ones has become complete."""
        number, cells = START + second, {}
        shares = [self.weights[arm] / FULL_BP for arm in self.spec.arms]
        counts = self.rng.multinomial(self.rng.poisson(self.rate), shares).tolist()
        for arm, n in zip(self.spec.arms, counts, strict=True):
            if n:
                answers = self._of(arm)
                cells[ALL_SEGMENT, arm] = self._requests(n, answers)
                self._expose(number, second, arm, n)
        cohorts = tuple(self._complete(number))
        pane = PaneInput(pane=number, pane_ms=PANE_MS, cells=cells, cohorts=cohorts)
        self.panes.append(pane)
        return pane

    def _of(self, arm: str) -> Answers:
        return self.baseline if arm == "baseline" else self.others.get(arm, self.candidate)

    def _requests(self, n: int, answers: Answers) -> Cell:
        if self.whole:
            return GOOD.answer(n, self.rng)
        return Cell(exposures=n, errors=int(self.rng.binomial(n, answers.errors)))

    def _expose(self, pane: int, second: int, arm: str, n: int) -> None:
        answers = self._of(arm)
        for outcome in self.spec.outcomes:
            first = int(self._clocks[outcome.name].first_pane(pane))
            cell = self._answered(outcome, answers, n, self.drift(second))
            mine = self._cells.setdefault((outcome.name, first), {})
            for segment in (ALL_SEGMENT, *self.spec.slices[:1]):  # all come from the first slice
                mine.setdefault((segment, arm), OutcomeCell()).merge(cell)

    def _answered(self, outcome: Outcome, answers: Answers, n: int, drift: float) -> OutcomeCell:
        edges = np.concatenate([[0.0], outcome.window_s * 2.0 ** np.arange(1.0 - DELAY_BINS, 1.0)])
        within = -np.diff(np.exp(-edges / answers.mean_delay_s))
        *delays, _ = self.rng.multinomial(
            n, [*(answers.coverage * within), 1 - answers.coverage * within.sum()]
        )
        cell = OutcomeCell(exposures=n, delays=np.array(delays, np.int64))
        match outcome.kind:
            case OutcomeKind.LABEL:
                self._label(
                    cell, min(1.0, answers.wrong * drift), outcome.classes or ("few", "many")
                )
            case OutcomeKind.RATE:
                cell.events = cell.answered
            case OutcomeKind.MEAN:
                self._value(cell, outcome, answers)
        return cell

    def _label(self, cell: OutcomeCell, wrong: float, classes: Sequence[str]) -> None:
        few = int(self.rng.binomial(cell.answered, 0.3))
        labelled = (few, cell.answered - few)
        missed = [int(self.rng.binomial(n, wrong)) for n in labelled]
        cell.events = sum(missed)
        cell.classes = {
            name: ClassTally(n, n - miss)
            for name, n, miss in zip(classes[-2:], labelled, missed, strict=True)
        }
        cell.right.update(self.rng.beta(8, 2, cell.answered - cell.events))
        cell.wrong.update(self.rng.beta(4, 4, cell.events))
        cell.brier = scaled(
            np.concatenate(
                [
                    self.rng.beta(2, 8, cell.answered - cell.events) ** 2,
                    self.rng.beta(4, 4, cell.events) ** 2,
                ]
            )
        )

    def _value(self, cell: OutcomeCell, outcome: Outcome, answers: Answers) -> None:
        n = cell.answered
        if outcome.high is not None:
            best = (self.rng.random(n) < answers.value / 20.0 * 0.5).astype(float)
            cell.values = scaled(best)
            cell.total_milli = int(best.sum() * outcome.high * 1000)
            return
        values = self.rng.lognormal(np.log(answers.value) - 0.32, 0.8, n)
        cell.histogram.update(values)
        cell.total_milli = int(np.rint(values * 1000).sum())

    def _complete(self, closed_through: int) -> Iterable[Cohort]:
        for (name, first), cells in sorted(self._cells.items(), key=lambda each: each[0][::-1]):
            clock, told = self._clocks[name], self._told.get((name, first), 0)
            complete = clock.complete(first, closed_through)
            for bins in range(told + 1, complete + 1):
                yield Cohort(
                    rollout=self.spec.rollout,
                    spec_hash=self.spec.spec_hash,
                    outcome=name,
                    first_pane=first,
                    panes=clock.panes,
                    complete=bins,
                    cells={
                        key: cell.copy() if bins == DELAY_BINS else cell.first_bins(bins)
                        for key, cell in cells.items()
                    },
                )
            self._told[name, first] = complete
            if complete == DELAY_BINS:
                del self._cells[name, first]

    def obey(self, decision: Decision, now_ms: int) -> None:
        """Apply the desired weights at once."""
        desired = decision.weights_bp[ALL_SEGMENT]
        if desired != self.weights:
            self.weights, self.since_ms = desired, now_ms
            self._report(RoutingPhase.APPLIED, now_ms)

    def confirm(self, now_ms: int) -> None:
        """The weights have held up to now."""
        self._report(RoutingPhase.OBSERVED, now_ms)

    def _report(self, phase: RoutingPhase, now_ms: int) -> None:
        fact = RoutingFact(
            offset=self.offset,
            phase=phase,
            at_ms=now_ms,
            weights_bp=dict(self.weights),
            since_ms=self.since_ms,
            confirmed_until_ms=now_ms,
            fence=0,
        )
        self.offset += 1
        self.pending.append(fact)
        self.facts.append(fact)

    def read(self) -> list[RoutingFact]:
        """Routing records since the last call."""
        fresh, self.pending = self.pending, []
        return fresh


def scaled(values: np.ndarray) -> ScaledSums:
    """Sums of values in [0, 1], as the topology keeps them."""
    parts = np.rint(values * UNIT).astype(np.int64)
    return ScaledSums(parts.size, int(parts.sum()), int((parts**2).sum()))


def run(
    world: OutcomeWorld,
    seconds: int,
    judge: RolloutJudge | None = None,
    *,
    each: Callable[[RolloutJudge], RolloutJudge] = lambda judge: judge,
    start: int = 0,
) -> list[Decision]:
    """Let judge and world go on together; `each` may replace the judge after every pane."""
    judge = judge or RolloutJudge(world.spec, PANE_MS)
    told: list[Decision] = []
    for second in range(start, start + seconds):
        pane = world.pane(second)
        routing = world.read()
        cut = Cut(pane=pane.pane, routing_offset=world.offset, joined_through=pane.pane)
        decision = judge.step(pane, cut, routing)
        if decision is not None:
            told.append(decision)
            world.obey(decision, pane.end_ms)
        if second % 5 == 0:
            world.confirm(pane.end_ms)
        judge = world.judge = each(judge)
        if judge.ended:
            break
    return told


def verdict(decision: Decision, metric: str):
    """The one on the whole."""
    (found,) = (v for v in decision.verdicts if v.metric == metric and v.segment == ALL_SEGMENT)
    return found


def check(decision: Decision, name: str):
    """A health check by its name."""
    return next(check for check in decision.health if check.name == name)
