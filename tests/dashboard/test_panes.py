"""What panes add up to: distributions, labels, watermarks; each pane once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.dashboard.answers.series import Kind, Span
from streams.dashboard.maturity import maturity_of
from streams.dashboard.pane_book import PaneBook
from streams.dashboard.pane_groups import RECENT_MS
from streams.dashboard.shapes import distribution_of, kinds_of
from streams.judge.decision_facts import Action
from streams.panes.breaches import Breach
from streams.panes.cohorts import Cohort
from streams.sketches.categories import CategoryCounts
from streams.sketches.outcome_cell import OutcomeCell
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.dashboard.world import ARM, BEGIN_S, FIRST, World, cell, spec

WHOLE = ("all", "baseline"), ("all", ARM)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def one(world: World) -> RolloutSpec:
    return world.apply()


def book(world: World, made: RolloutSpec) -> PaneBook:
    with world.books.reading(made.rollout, made.spec_hash) as found:
        return found


def classes(**counts: int) -> Any:
    return cell(sum(counts.values()), classes=CategoryCounts(counts))


class TestOnce:
    def test_a_pane_that_is_repeated_counts_once(self, world: World, one: RolloutSpec) -> None:
        """Of each source partition by itself."""
        for partition in (0, 0, 1, 0):
            world.pane(one, 3, {WHOLE[1]: cell(7, 1)}, source_partition=partition)
        sums = book(world, one).sums[WHOLE[1]]
        assert (sums.exposures, sums.errors, sums.shape.latency.sum()) == (14, 2, 14)

    def test_another_spec_begins_anew(self, world: World, one: RolloutSpec) -> None:
        """An id that was taken back and applied again keeps no evidence."""
        world.pane(one, 3, {WHOLE[1]: cell(7)})
        again = spec(timeout_s=7.0)
        world.pane(again, 2, {WHOLE[1]: cell(5)})
        assert book(world, again).sums[WHOLE[1]].exposures == 5
        assert book(world, one).sums == {}


class TestDistribution:
    def test_latency_has_the_same_edges_for_both_arms(self, world: World, one: RolloutSpec) -> None:
        """Cut to where anything lies; every value is between its bucket's edges."""
        world.pane(one, 0, {WHOLE[0]: cell(90, ms=10.0), WHOLE[1]: cell(10, ms=40.0)})
        told = distribution_of(one, book(world, one), Kind.LATENCY, "all", Span.ALL)
        baseline, candidate = told.arms
        assert len(told.edges) == len(baseline.counts) + 1
        assert (baseline.count, candidate.count) == (90, 10)
        assert told.edges[0] < 10.0 <= told.edges[1]
        assert told.edges[-2] < 40.0 <= told.edges[-1]
        assert (baseline.counts[0], candidate.counts[-1]) == (90, 10)
        assert candidate.quantiles is not None
        assert candidate.quantiles.p99 == pytest.approx(40.0, rel=0.01)
        assert (told.from_s, told.through_s) == (BEGIN_S, BEGIN_S + 1)

    def test_scores_and_confidences(self, world: World, one: RolloutSpec) -> None:
        sure = cell(2)
        sure.scores.update(np.array([0.0, 0.99]))
        sure.confidences.update(np.array([0.5, 0.5]))
        world.pane(one, 0, {WHOLE[0]: sure})
        found = book(world, one)
        assert kinds_of(found) == [Kind.LATENCY, Kind.SCORE, Kind.CONFIDENCE]
        scores = distribution_of(one, found, Kind.SCORE, "all", Span.ALL)
        assert (scores.edges[0], scores.edges[-1], len(scores.edges)) == (0.0, 1.0, 41)
        assert (scores.arms[0].counts[0], scores.arms[0].counts[39]) == (1, 1)
        assert distribution_of(one, found, Kind.CONFIDENCE, "all", Span.ALL).arms[0].counts[20] == 2

    def test_the_largest_classes_and_the_rest(self, world: World, one: RolloutSpec) -> None:
        """No event is left out: what is told apart no more is `other`, last."""
        many = {f"c{n:02}": 100 - n for n in range(60)}
        world.pane(one, 0, {WHOLE[0]: classes(**many, other=7), WHOLE[1]: classes(c59=1)})
        told = distribution_of(one, book(world, one), Kind.CLASSES, "all", Span.ALL)
        assert (told.names[0], told.names[-1], len(told.names)) == ("c00", "other", 51)
        baseline, candidate = told.arms
        assert baseline.count == sum(many.values()) + 7
        assert (candidate.counts[-1], candidate.count) == (1, 1)

    def test_nothing_is_an_empty_answer(self, world: World, one: RolloutSpec) -> None:
        for kind in Kind:
            told = distribution_of(one, book(world, one), kind, "all", Span.ALL)
            assert (told.arms, told.from_s) == ([], None)

    def test_what_is_recent(self, world: World, one: RolloutSpec) -> None:
        """The running ten minutes and the ten before; what is older is in the whole alone."""
        half = RECENT_MS // 1000
        for number in range(4):
            world.pane(one, number * half, {WHOLE[0]: cell(1 + number)})
        world.pane(one, 5, {WHOLE[0]: cell(50)}, source_partition=1)
        found = book(world, one)
        told = distribution_of(one, found, Kind.LATENCY, "all", Span.RECENT)
        assert told.arms[0].count == 3 + 4
        assert told.from_s == BEGIN_S + 2 * half
        assert distribution_of(one, found, Kind.LATENCY, "all", Span.ALL).arms[0].count == 60


class TestMeasured:
    def test_the_last_seconds_alone(self, world: World, one: RolloutSpec) -> None:
        """Source partitions come at different times; what is old by then counts for nothing."""
        world.pane(one, 0, {WHOLE[0]: cell(1000)})
        world.pane(one, 40, {WHOLE[0]: cell(75), WHOLE[1]: cell(20)})
        world.pane(one, 35, {WHOLE[1]: cell(5)}, source_partition=1)
        world.pane(one, 36, {WHOLE[1]: cell(0)}, source_partition=1)
        with world.window.looking(one.rollout) as seen:
            assert seen.book.lately_exposures() == {"baseline": 75.0, ARM: 25.0}
        assert world.window.summary(one.rollout).measured_pct == {"baseline": 75.0, ARM: 25.0}

    def test_under_the_weights_that_are_applied_alone(self, world: World, one: RolloutSpec) -> None:
        """What came before a change of weights had another share; after the end there is none."""
        world.decide(one, Action.ADVANCE, 2500)
        world.pane(one, 10, {WHOLE[0]: cell(99), WHOLE[1]: cell(1)})
        assert world.window.summary(one.rollout).measured_pct == {"baseline": 99.0, ARM: 1.0}
        world.route(one, 2500, second=12)
        assert world.window.summary(one.rollout).measured_pct is None
        world.pane(one, 12, {WHOLE[0]: cell(75), WHOLE[1]: cell(25)})
        assert world.window.summary(one.rollout).measured_pct == {"baseline": 75.0, ARM: 25.0}
        world.decide(one, Action.PROMOTE, 10_000)
        assert world.window.summary(one.rollout).measured_pct is None


class TestSlices:
    def test_combinations_are_not_kept(self, world: World, one: RolloutSpec) -> None:
        """They are there to be summed by the judge; nobody looks at each."""
        cells = {("all", ARM): cell(2), ("a=x", ARM): cell(1), ("a=x,b=y", ARM): cell(1)}
        world.pane(one, 0, cells)
        assert book(world, one).segments() == ["all", "a=x"]


class TestWatermark:
    def test_the_slowest_that_is_not_idle(self, world: World) -> None:
        assert world.books.watermark_ms(0) is None
        world.progress(9, source_partition=0)
        world.progress(5, source_partition=1)
        assert world.books.watermark_ms(0) == (FIRST + 6) * 1000
        world.progress(5, source_partition=1, idle=True)
        assert world.books.watermark_ms(0) == (FIRST + 10) * 1000
        world.progress(-FIRST - 1, source_partition=1)
        assert (world.books.watermark_ms(0), world.books.watermark_ms(1)) == (None, None)


class TestBreaches:
    def test_are_told_with_what_to_do(self, world: World, one: RolloutSpec) -> None:
        """Owners repeat themselves."""
        lost = Breach.of_records("predictions", 1, 10, 20)
        grown = Breach.of_partitions("predictions", 4, 8)
        for breach in (lost, grown, lost):
            world.of_panes(breach.body(one.rollout, one.spec_hash))
        world.decide(one, Action.ADVANCE, 2500)
        with world.window.looking(one.rollout) as seen:
            assert seen.book.breaches == [lost, grown]


class TestLabels:
    @pytest.fixture
    def labelled(self, world: World) -> RolloutSpec:
        outcome = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=60.0, delivery_s=5.0)
        return world.apply(spec("labels", outcomes=(outcome,)))

    def tell(
        self,
        world: World,
        made: RolloutSpec,
        complete: int,
        delays: list[int],
        *,
        first_pane: int = FIRST,
        source_partition: int = 0,
    ) -> None:
        cells = {WHOLE[1]: OutcomeCell(exposures=10, delays=np.array(delays))}
        cohort = Cohort(
            rollout=made.rollout,
            spec_hash=made.spec_hash,
            outcome="label",
            first_pane=first_pane,
            panes=4,
            complete=complete,
            cells=cells,
        )
        body = ("davy.Cohort", cohort.to_state())
        world.of_panes(body, source="outcomes", source_partition=source_partition)

    def test_a_cohort_that_ripens_counts_once(self, world: World, labelled: RolloutSpec) -> None:
        """Told again and again; only what has matured counts as labelled or not."""
        self.tell(world, labelled, 3, [1, 1, 1, 0, 0, 0, 0, 0])
        self.tell(world, labelled, 3, [2, 0, 0, 0, 0, 0, 0, 0], source_partition=1)
        self.tell(world, labelled, 8, [1, 1, 1, 1, 0, 0, 0, 2])
        (told,) = maturity_of(labelled, book(world, labelled)).outcomes
        _, candidate = told.arms
        assert (candidate.exposures, candidate.matured, candidate.labelled) == (20, 10, 6)
        assert (candidate.coverage_pct, told.arms[0].coverage_pct) == (60.0, None)
        (cohort,) = told.cohorts
        assert (cohort.complete, cohort.exposures[ARM], cohort.labelled[ARM]) == (3, 20, 8)
        assert (cohort.from_s, cohort.through_s) == (BEGIN_S, BEGIN_S + 4)

    def test_the_newest_cohorts_in_order(self, world: World, labelled: RolloutSpec) -> None:
        for number in range(130):
            self.tell(world, labelled, 8, [1, *[0] * 7], first_pane=FIRST + 4 * number)
        (told,) = maturity_of(labelled, book(world, labelled)).outcomes
        assert len(told.cohorts) == 120
        assert told.cohorts[-1].from_s == BEGIN_S + 4 * 129
        assert told.arms[1].exposures == 1300


class TestBounds:
    def test_books_of_those_that_changed_last(self) -> None:
        world = World(most=2)
        made = [world.apply(spec(f"r{number}")) for number in range(3)]
        for each in made:
            world.pane(each, 0, {WHOLE[0]: cell()})
        assert world.books.count() == 2
        assert [world.books.is_whole(each.rollout) for each in made] == [False, True, True]
