"""The world moves: it is told, thresholds follow at the next stage, nobody is blamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from streams.evidence.quantile import exceedances
from streams.judge.drift.course import KEPT, MIN_EVENTS, PARTS, Change, Course
from streams.judge.drift.watch import TOLD, DriftWatch
from streams.judge.explain import explain
from streams.judge.facts import Action, Decision, Direction, Drift, Finding, PaneInput
from streams.judge.monitors.latency import BLOCK_EVENTS, LatencyReader
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import LogHistogram
from streams.spec.model import BASELINE, FULL_BP, RolloutSpec, Stage
from tests.judge.test_continuation import bodies, through_json
from tests.judge.world import ERRORS, GOOD, P50, P95, PANE_MS, START, Model, World, make_spec, run

DAY = 86_400


def course_of(means: Iterator[float] | list[float], count: int = 200) -> list[Change | None]:
    """What a course says to panes of `count` requests with these shares."""
    course = Course(PARTS)
    return [course.add(round(mean * count) * PARTS, count) for mean in means]


class TestCourse:
    """Means of one metric."""

    def test_tells_a_change_once_with_the_means_on_both_sides(self) -> None:
        rng = np.random.default_rng(1)
        shares = np.concatenate([rng.binomial(200, p, 100) for p in (0.3, 0.6)]) / 200
        said = course_of(shares.tolist())
        (change,) = [each for each in said if each is not None]
        assert said.index(change) < 130
        assert change.before == pytest.approx(0.3 * PARTS, rel=0.03)
        assert change.after == pytest.approx(0.6 * PARTS, rel=0.03)

    def test_few_events_wait_for_more(self) -> None:
        course = Course(PARTS)
        for _ in range(MIN_EVENTS - 1):
            assert course.add(PARTS, 1) is None
        assert course.to_state()["means"] == []
        course.add(0, 1)
        assert course.to_state() == {"means": [PARTS - PARTS // MIN_EVENTS], "open": [0, 0]}

    def test_memory_is_bounded(self) -> None:
        course, rng = Course(PARTS), np.random.default_rng(2)
        for count in rng.binomial(200, 0.5, 3 * KEPT).tolist():
            course.add(count * PARTS, 200)
            assert len(course.to_state()["means"]) < KEPT

    def test_a_centred_one_looks_around_its_first_mean(self) -> None:
        far = Course(PARTS, centred=True)
        said = [far.add((40 + (day >= 60)) * PARTS * 200, 200) for day in range(120)]
        assert Change(before=40 * PARTS, after=41 * PARTS) in said

    def test_a_change_the_other_way_is_found_too(self) -> None:
        changes = [each for each in course_of([0.2] * 60 + [0.9] * 60 + [0.2] * 60) if each]
        assert [each.after > each.before for each in changes] == [True, False]

    @pytest.mark.property
    @pytest.mark.parametrize("seed", range(3))
    def test_state_restores_exactly_at_every_pane(self, seed: int) -> None:
        """Also across the loss of the older half, and across changes."""
        rng = np.random.default_rng(seed)
        levels = np.repeat(rng.uniform(0.2, 0.8, 4), [700, 60, 300, 90])
        panes = [(int(rng.binomial(n, p)), int(n)) for p in levels for n in [rng.integers(40, 400)]]
        straight, broken = Course(PARTS), Course(PARTS)
        said = []
        for count, n in panes:
            stored = json.dumps(broken.to_state())
            broken = Course(PARTS)
            broken.restore(json.loads(stored))
            assert json.dumps(broken.to_state()) == stored
            said.append((straight.add(count * PARTS, n), broken.add(count * PARTS, n)))
        assert any(one is not None for one, _ in said)
        assert [one for one, _ in said] == [other for _, other in said]


class TestStationary:
    """False alarms are rare: a day of panes whose world stands still."""

    @pytest.mark.statistics
    @pytest.mark.parametrize(
        ("span", "share", "count"), [(5, 0.01, 200), (5, 0.05, 100), (1, 0.5, 100)]
    )
    def test_a_day_without_an_alarm(self, span: int, share: float, count: int) -> None:
        days = [_alarms(span, share, count, seed) for seed in range(3)]
        assert days == [0, 0, 0]

    def test_requests_per_pane_may_change_at_will(self) -> None:
        """A baseline that loses traffic to a candidate has the same means, from fewer requests."""
        rng, course = np.random.default_rng(4), Course(PARTS // 5)
        counts = [1_000] * 500 + [500] * 500 + [20] * 2_000
        said = [course.add(int(rng.binomial(n, 0.02)) * PARTS, n) for n in counts]
        assert not any(said)


def _alarms(span: int, share: float, count: int, seed: int) -> int:
    course, rng = Course(PARTS // span), np.random.default_rng(seed)
    failed = rng.binomial(count, share, DAY).tolist()
    return sum(course.add(events * PARTS, count) is not None for events in failed)


def pane_of(second: int, cell: Cell | None) -> PaneInput:
    cells = {} if cell is None else {("all", BASELINE): cell}
    return PaneInput(pane=second, pane_ms=PANE_MS, cells=cells)


def watched(model_at: Callable[[int], Model | None], seconds: int) -> DriftWatch:
    rng, watch = np.random.default_rng(5), DriftWatch()
    for second in range(seconds):
        model = model_at(second)
        watch.feed(pane_of(second, model and model.answer(200, rng)))
    return watch


class TestWatch:
    """All metrics of the baseline."""

    @pytest.mark.parametrize(
        ("metric", "before", "after", "direction"),
        [
            ("errors", GOOD, Model(errors=0.1), Direction.UP),
            ("latency", GOOD, Model(latency_ms=40.0), Direction.UP),
            ("latency", GOOD, Model(latency_ms=10.0), Direction.DOWN),
            ("classes", Model(classes=(0.64, *(0.04,) * 9)), GOOD, Direction.DOWN),
            ("scores", GOOD, Model(score=2.0), Direction.DOWN),
        ],
    )
    def test_tells_which_metric_went_where(
        self, metric: str, before: Model, after: Model, direction: Direction
    ) -> None:
        told = watched(lambda second: before if second < 80 else after, 160).told
        own = [drift for drift in told if drift.metric == metric]
        assert {drift.metric for drift in told} == {metric}
        assert own[0].direction is direction
        assert 80 < own[0].pane < 130

    def test_latency_is_told_in_milliseconds(self) -> None:
        told = watched(lambda second: Model(latency_ms=20.0 * (1 + (second >= 80))), 160).told
        assert (told[0].before, told[0].after) == pytest.approx((20.0, 40.0), rel=0.02)

    def test_panes_without_the_baseline_are_passed_over(self) -> None:
        with_gaps = watched(lambda second: GOOD if second % 2 else None, 400)
        assert with_gaps.told == ()
        assert len(with_gaps.to_state()["courses"]["errors"]["means"]) == 200

    def test_a_metric_may_appear_later(self) -> None:
        """Its course begins with it; what was not there was not zero."""
        late = replace(GOOD, confidence=8.0)
        watch = watched(lambda second: GOOD if second < 100 else late, 200)
        assert watch.told == ()
        assert len(watch.to_state()["courses"]["confidences"]["means"]) == 100

    def test_only_the_last_changes_are_remembered(self) -> None:
        world = [Model(errors=0.0), Model(errors=0.2)]
        told = watched(lambda second: world[second // 60 % 2], 60 * (TOLD + 4)).told
        assert len(told) == TOLD
        assert told[-1].pane > 60 * (TOLD + 2)

    def test_state_restores_byte_for_byte(self) -> None:
        watch = watched(lambda second: GOOD if second < 80 else Model(latency_ms=50.0), 150)
        text = json.dumps(watch.to_state(), allow_nan=False)
        again = DriftWatch()
        again.restore(json.loads(text))
        assert watch.told != ()
        assert json.dumps(again.to_state(), allow_nan=False) == text


def cell_of(latency_ms: float, count: int, seed: int = 6) -> Cell:
    latency = LogHistogram()
    latency.update(np.random.default_rng(seed).lognormal(np.log(latency_ms), 0.4, count))
    return Cell(exposures=count, latency=latency)


class TestHeldThreshold:
    """A reader whose baseline has changed."""

    def warm(self) -> LatencyReader:
        reader = LatencyReader(0.95, 0.1)
        reader.read(cell_of(20.0, BLOCK_EVENTS), Cell())
        return reader

    def slow(self, reader: LatencyReader, latency_ms: float) -> float:
        cell = cell_of(latency_ms, 5_000)
        (total, above), _ = LatencyReader.read(reader, cell, Cell()).tolist()
        return above / total

    def test_stays_for_the_stage(self) -> None:
        reader = self.warm()
        reader.hold()
        assert [self.slow(reader, 40.0) > 0.4 for _ in range(3)] == [True] * 3

    def test_is_learnt_from_panes_after_the_change_at_the_next_stage(self) -> None:
        reader = self.warm()
        reader.read(cell_of(20.0, 900), Cell())
        reader.hold()
        reader.read(cell_of(40.0, 900), Cell())
        reader.renew()
        assert self.slow(reader, 40.0) == pytest.approx(0.05, abs=0.02)

    def test_is_kept_until_enough_was_seen_after_the_change(self) -> None:
        reader = self.warm()
        reader.hold()
        reader.renew()
        assert reader.ready
        reader.read(cell_of(40.0, 250), Cell())
        assert self.slow(reader, 40.0) == pytest.approx(0.05, abs=0.03)

    def test_a_warm_up_goes_on(self) -> None:
        """Else a world that moves early would keep the metric silent for a stage."""
        reader = LatencyReader(0.95, 0.1)
        reader.read(cell_of(20.0, 150), Cell())
        reader.hold()
        reader.read(cell_of(20.0, 150), Cell())
        assert reader.ready

    @pytest.mark.parametrize(("latency_ms", "dull"), [(8.0, True), (20.0, False), (40.0, True)])
    def test_is_dull_where_the_new_world_exceeds_it_too_seldom_or_too_often(
        self, latency_ms: float, *, dull: bool
    ) -> None:
        reader = self.warm()
        reader.hold()
        reader.read(cell_of(latency_ms, BLOCK_EVENTS - 1), Cell())
        assert not reader.dull
        reader.read(cell_of(latency_ms, 100), Cell())
        assert reader.dull is dull

    def test_state_restores(self) -> None:
        reader = self.warm()
        reader.hold()
        again = LatencyReader(0.95, 0.1)
        again.restore(json.loads(json.dumps(reader.to_state())))
        again.renew()
        reader.renew()
        assert again.to_state() == reader.to_state() != self.warm().to_state()


@dataclass(frozen=True, kw_only=True)
class Tailed(Model):
    """One request of seven takes three times as long: p95 suffers, the median hardly."""

    def answer(self, n: int, rng: np.random.Generator) -> Cell:
        cell = Model.answer(self, n, rng)
        values = rng.lognormal(np.log(self.latency_ms), 0.4, n)
        values[rng.random(n) < 0.15] *= 3.0
        cell.latency = LogHistogram()
        cell.latency.update(values)
        return cell


def plan(first_s: float, second_s: float) -> RolloutSpec:
    return make_spec(
        stages=(
            Stage(weight_bp=4000, min_time_s=first_s, min_exposures=50),
            Stage(weight_bp=5000, min_time_s=second_s, min_exposures=50),
            Stage(weight_bp=FULL_BP),
        ),
        metrics=(ERRORS, P50, P95.model_copy(update={"margin": 0.2})),
        report_every_s=30.0,
    )


def doubles(second: int) -> float:
    """Both arms take twice as long from second 100 on."""
    return 2.0 if second >= 100 else 1.0


def climbs(second: int) -> float:
    """Both arms climb to three times as long, from second 100 to 250."""
    return 1 + 2 * min(1.0, max(0, second - 100) / 150)


def falls(second: int) -> float:
    """Both arms fall to a third, from second 100 to 220."""
    return 1 - (2 / 3) * min(1.0, max(0, second - 100) / 120)


@dataclass
class Log:
    """What was seen of p95's threshold, pane by pane."""

    tau: list[int | None] = field(default_factory=list)
    stage: list[int] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)

    def look(self, judge: RolloutJudge, world: World) -> None:
        reader = judge._field.pairs[0].watches[-1].reader
        baseline = world.panes[-1].cells["all", BASELINE].latency
        self.tau.append(reader._tau)
        self.stage.append(judge._clock.stage)
        if reader._tau is not None:
            self.slow.append(exceedances(baseline, reader._tau) / baseline.total)
        else:
            self.slow.append(float("nan"))


def rolled(
    spec: RolloutSpec,
    pace: Callable[[int], float],
    seconds: int,
    *,
    tail_from: int | None = None,
    renews: bool = True,
) -> tuple[list[Decision], Log]:
    """A rollout in a world of that pace; the candidate's tail may grow at a second."""
    world, log = World(spec=spec, pace=pace, rate=400), Log()

    def each(judge: RolloutJudge) -> RolloutJudge:
        if not judge.ended:
            log.look(judge, world)
        if not renews and judge._drift.told:
            judge._field._thresholds.clear()  # held for good: what would be without this rule
        if len(log.tau) == tail_from:
            world.models = {"candidate": Tailed()}
        return judge

    return run(RolloutJudge(spec, PANE_MS), world, seconds, each=each), log


def seen_at(decisions: list[Decision]) -> int:
    """When the first change was detected."""
    return min(drift.pane for decision in decisions for drift in decision.news) - START


class TestRollout:
    """What a judge makes of it."""

    def test_a_change_is_told_at_once_and_is_nobodys_harm(self) -> None:
        decisions, _ = rolled(plan(200, 200), doubles, 450)
        (told,) = [decision for decision in decisions if decision.news]
        (drift,) = told.news
        assert (drift.metric, drift.direction) == ("latency", Direction.UP)
        assert 100 < drift.pane - START < 140
        assert "The baseline itself has changed: latency went up from" in explain(told)
        assert all(drift in decision.drifts for decision in decisions if decision.seq > told.seq)
        findings = {v.finding for decision in decisions for v in decision.verdicts}
        assert not findings & {Finding.HARM, Finding.INVALID}
        assert decisions[-1].action is Action.PROMOTE

    def test_without_a_change_nothing_is_told(self) -> None:
        decisions, _ = rolled(plan(100, 100), lambda _: 1.0, 220)
        assert {decision.drifts for decision in decisions} == {()}

    def test_the_threshold_stays_for_the_stage_and_is_sharp_in_the_next(self) -> None:
        decisions, log = rolled(plan(500, 200), climbs, 620)
        at = seen_at(decisions)
        entered = log.stage.index(1)
        assert 100 < at < 250
        assert len(set(log.tau[at:entered])) == 1
        assert np.mean(log.slow[260:entered]) > 0.15
        assert np.mean(log.slow[entered + 1 :]) == pytest.approx(0.05, abs=0.015)

    def test_a_tail_that_grows_is_found_soon_again(self) -> None:
        """In 32 s here; with the threshold of a world long gone it is not found in 350 s."""
        spec = plan(300, 400)
        sharp, log = rolled(spec, climbs, 700, tail_from=340)
        dull, _ = rolled(spec, climbs, 700, tail_from=340, renews=False)
        assert log.stage.index(1) < 340
        assert sharp[-1].action is Action.ROLLBACK
        assert sharp[-1].cut.pane - START < 400
        assert Action.ROLLBACK not in {decision.action for decision in dull}

    def test_a_last_stage_does_not_wait_on_a_threshold_that_shows_nothing(self) -> None:
        """The stage has had its time, the world is three times as fast: p95 could not be shown."""
        spec = plan(20, 260)
        decisions, log = rolled(spec, falls, 700)
        at = seen_at(decisions)
        assert log.stage[at] == 1
        assert log.slow[250] < 0.01
        assert decisions[-1].action is Action.PROMOTE

    @pytest.mark.parametrize("pace", [doubles, climbs])
    def test_state_restores_at_every_pane(self, pace: Callable[[int], float]) -> None:
        spec = plan(160, 100)
        straight = run(RolloutJudge(spec, PANE_MS), World(spec=spec, pace=pace), 220)
        world = World(spec=spec, pace=pace)
        broken = run(RolloutJudge(spec, PANE_MS), world, 220, each=through_json)
        assert any(decision.news for decision in straight)
        assert bodies(straight) == bodies(broken)


def test_a_drift_is_a_fact() -> None:
    """Equal changes are equal, so that a decision read back is the one that was written."""
    drift = Drift(
        metric="errors", unit="share", pane=3, before=0.01, after=0.1, direction=Direction.UP
    )
    assert drift == replace(drift)
