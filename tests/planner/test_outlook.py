"""What the planner says of a spec: figures that must order, advice, and what it refuses."""

import dataclasses
import math

import numpy as np
import pytest

from streams.errors import SettingsError, SpecError
from streams.planner.facts import Leg, Outlook
from streams.planner.harms import check_harm, check_traffic, default_errors
from streams.planner.outlook import foresee, legs_of
from streams.planner.requests import around
from streams.planner.simulate import stretches
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import Candidate, Stage
from tests.planner.specs import (
    CLASSES,
    ERRORS,
    SUCCESS,
    latency,
    make_spec,
    more_errors,
    outlook,
    slower,
    traffic,
)

SLA = Metric(name="p99_sla", kind=MetricKind.LATENCY_SLA, quantile=0.99, limit_ms=100.0)


def half_s(foreseen: Outlook, stage: int = 0) -> float:
    return foreseen.detections[stage].spread.half_s


class TestFigures:
    """More traffic, weight or effect finds harm sooner."""

    def test_same_seed_same_outlook(self) -> None:
        spec = make_spec(ERRORS, latency(0.95), weights=(1000,))
        first, second = (outlook(spec, traffic(50), more_errors(4.0), cases=50) for _ in range(2))
        assert first == second

    def test_tells_how_far_it_is(self) -> None:
        """A stage and its course for each harm, and the promotion."""
        steps: list[tuple[int, int]] = []
        spec = make_spec(ERRORS, weights=(1000,))
        rng = np.random.default_rng(1)
        harms = [more_errors(4.0)]
        foresee(spec, traffic(50), harms, rng, cases=20, stepped=lambda *step: steps.append(step))
        assert steps == [(1, 3), (2, 3), (3, 3)]

    @pytest.mark.parametrize(
        ("rps", "weight_bp", "factor"), [(200, 1000, 3.0), (50, 5000, 3.0), (50, 1000, 6.0)]
    )
    def test_more_is_sooner(self, rps: float, weight_bp: int, factor: float) -> None:
        less = outlook(make_spec(ERRORS, weights=(1000,)), traffic(50), more_errors(3.0))
        more = outlook(make_spec(ERRORS, weights=(weight_bp,)), traffic(rps), more_errors(factor))
        assert half_s(more) < 0.7 * half_s(less)

    def test_twice_the_traffic_is_half_the_time(self) -> None:
        spec = make_spec(ERRORS, weights=(500,))
        slow, fast = (half_s(outlook(spec, traffic(r), more_errors(2.0))) for r in (50, 100))
        assert fast / slow == pytest.approx(0.5, rel=0.25)

    def test_bad_requests_are_requests_times_the_difference(self) -> None:
        foreseen = outlook(make_spec(ERRORS, weights=(1000,)), traffic(100), more_errors(3.0))
        found = foreseen.detections[0]
        mean_s = math.fsum(found.found_s) / len(found.found_s)
        assert found.bad_requests == pytest.approx(mean_s * 100 * 0.1 * (0.06 - 0.02))
        assert foreseen.courses[0].found_in == (1.0,)

    def test_a_course_goes_through_the_stages(self) -> None:
        spec = make_spec(ERRORS, weights=(100, 5000), lasts_s=30.0)
        foreseen = outlook(spec, traffic(100), more_errors(3.0))
        (course,) = foreseen.courses
        assert sum(course.found_in) == pytest.approx(1.0)
        assert course.found_in[1] > 0.9
        assert half_s(foreseen, 1) < course.spread.half_s < half_s(foreseen, 0)

    def test_the_quickest_metric_is_named(self) -> None:
        spec = make_spec(SUCCESS, ERRORS, latency(0.5), weights=(2000,))
        foreseen = outlook(spec, traffic(100), more_errors(4.0), slower(1.5))
        assert [found.first for found in foreseen.detections] == ["errors", "p50"]

    def test_a_signal_is_asked_only_where_no_guardrail_sees_the_harm(self) -> None:
        signal = ERRORS.model_copy(update={"role": Role.SIGNAL})
        spec = make_spec(signal, SUCCESS, weights=(2000,))
        foreseen = outlook(spec, traffic(100), more_errors(4.0), more_errors(2.0))
        assert [found.first for found in foreseen.detections] == ["success", "errors"]

    def test_every_candidate_has_its_part_of_the_budget(self) -> None:
        two = tuple(Candidate(name=f"c{i}", version=f"v{i}") for i in (2, 3))
        alone = outlook(make_spec(ERRORS, weights=(1000,)), traffic(100), more_errors(3.0))
        both = outlook(
            make_spec(ERRORS, weights=(2000,), candidates=two), traffic(100), more_errors(3.0)
        )
        assert both.legs[0].candidate_bp == alone.legs[0].candidate_bp
        assert half_s(both) > half_s(alone)

    def test_an_absolute_latency_limit_finds_what_breaks_it(self) -> None:
        spec = make_spec(SLA, weights=(5000,))
        foreseen = outlook(spec, traffic(100), slower(2.5))
        assert foreseen.detections[0].first == "p99_sla"
        assert around(100.0)[1] <= 100.0 <= around(100.0)[0]


class TestGoodCandidate:
    def test_waits_for_the_slowest_guardrail(self) -> None:
        spec = make_spec(ERRORS, SUCCESS, CLASSES, SLA, weights=(5000,))
        promotion = outlook(spec, traffic(100), more_errors(3.0)).promotion
        assert promotion.shown[0].metric.name == "errors"
        assert promotion.spread.half_s >= promotion.shown[0].spread.half_s > 60

    def test_waits_for_the_least_time_to_the_pane(self) -> None:
        wide = ERRORS.model_copy(update={"margin": 2.0})
        spec = make_spec(CLASSES, wide, weights=(5000,), lasts_s=600.0)
        promotion = outlook(spec, traffic(100), more_errors(6.0)).promotion
        assert (promotion.spread.half_s, promotion.spread.most_s) == (600.0, 600.0)

    def test_min_exposures_and_guard_make_a_stage_last(self) -> None:
        stages = (Stage(weight_bp=1000, min_time_s=5, min_exposures=1000), Stage(weight_bp=10_000))
        spec = make_spec(ERRORS, weights=(1000,), stages=stages)
        (leg,) = legs_of(spec, traffic(100))
        assert leg.lasts_s == pytest.approx(spec.guard_s + 1000 / 10)


class TestAdvice:
    def test_a_long_enough_plan_gets_none(self) -> None:
        spec = make_spec(ERRORS, SUCCESS, weights=(1000, 5000), lasts_s=3600.0)
        assert outlook(spec, traffic(200), more_errors(3.0)).advice == ()

    def test_a_short_stage_is_told_and_its_change_helps(self) -> None:
        spec = make_spec(ERRORS, weights=(100, 5000), lasts_s=120.0)
        foreseen = outlook(spec, traffic(100), more_errors(3.0))
        short = foreseen.advice[0]
        assert short.problem.startswith("stage 1% for 2m is too short for 3x failures (2% -> 6%")
        assert "let it last" in short.change
        longer = make_spec(
            ERRORS, weights=(100, 5000), lasts_s=1.1 * foreseen.detections[0].spread.most_s
        )
        again = outlook(longer, traffic(100), more_errors(3.0), seed=2)
        assert again.detections[0].by_end >= 0.9

    def test_the_proposed_weight_finds_the_harm_in_time(self) -> None:
        spec = make_spec(ERRORS, weights=(500, 9000), lasts_s=100.0)
        foreseen = outlook(spec, traffic(100), more_errors(3.0))
        proposed = foreseen.advice[0].change.rpartition("give it ")[2]
        weight_bp = round(100 * float(proposed.removesuffix("%")))
        assert 500 < weight_bp < 5000
        wider = make_spec(ERRORS, weights=(weight_bp, 9000), lasts_s=100.0)
        assert outlook(wider, traffic(100), more_errors(3.0)).detections[0].by_end >= 0.85

    def test_a_baseline_beyond_a_limit_lets_nobody_pass(self) -> None:
        spec = make_spec(ERRORS, SUCCESS, SLA, weights=(5000,))
        usual = traffic(100, 0.1, p50_ms=90.0, p99_ms=300.0)
        foreseen = outlook(spec, usual, more_errors(3.0))
        problems = [advice.problem for advice in foreseen.advice[:2]]
        assert "already fails 10% of requests" in problems[0]
        assert "already beyond the 100 ms of p99_sla" in problems[1]
        assert math.isinf(foreseen.promotion.spread.half_s)

    def test_max_time_too_short_for_the_proof(self) -> None:
        stages = (Stage(weight_bp=1000, min_time_s=5, max_time_s=60), Stage(weight_bp=10_000))
        spec = make_spec(ERRORS, weights=(1000,), stages=stages)
        foreseen = outlook(spec, traffic(100), more_errors(3.0))
        (advice,) = foreseen.advice
        assert "cannot show errors harmless in nine of ten cases in max_time 1m" in advice.problem
        assert "raise max_time to" in advice.change
        assert foreseen.promotion.in_time < 0.1

    def test_more_exposures_than_come_in_max_time(self) -> None:
        stages = (
            Stage(weight_bp=1000, max_time_s=60, min_exposures=10_000),
            Stage(weight_bp=10_000),
        )
        spec = make_spec(ERRORS, weights=(1000,), stages=stages)
        problems = [a.problem for a in outlook(spec, traffic(100), more_errors(3.0)).advice]
        assert any("gets too few requests: 10000 for the candidate" in told for told in problems)

    def test_a_proof_longer_than_the_stage(self) -> None:
        foreseen = outlook(make_spec(ERRORS, weights=(5000,)), traffic(100), more_errors(3.0))
        (advice,) = foreseen.advice
        assert "cannot show errors harmless in 5s: a good candidate stays about" in advice.problem
        assert "tolerate `errors: +" in advice.change


class TestRefusals:
    """What, where, and what to write."""

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"rps": 0.0}, "--rps: 0 requests per second — write more than 0"),
            ({"rps": math.nan}, "--rps: nan requests per second"),
            ({"p_error": 0.0}, "--p-error: 0 is no share of failures — write 0.1%"),
            ({"p_error": 1.0}, "--p-error: 1 is no share of failures"),
            ({"p50_ms": 60.0, "p99_ms": 60.0}, "--latency: p50 60 ms is not below p99 60 ms"),
            ({"classes": 1}, "--classes: 1 predicted classes — write 2 to 1000"),
        ],
    )
    def test_traffic_that_no_service_has(self, changes: dict[str, float], told: str) -> None:
        with pytest.raises(SettingsError, match=told):
            check_traffic(dataclasses.replace(traffic(100), **changes))

    def test_an_effect_inside_the_margin_is_no_harm(self) -> None:
        spec = make_spec(ERRORS, weights=(5000,))
        told = r"--effect: an effect of 1.2x inside the margin of \+25% \(errors\) is no harm — "
        with pytest.raises(SettingsError, match=told + "write more than 1.25x, e.g. 1.5x"):
            check_harm(spec, traffic(100), more_errors(1.2))

    def test_an_effect_under_the_floor_is_no_harm(self) -> None:
        floored = ERRORS.model_copy(update={"floor": 0.1})
        with pytest.raises(SettingsError, match="2x on 2% stays under errors' limit of 10%"):
            check_harm(make_spec(floored, weights=(5000,)), traffic(100), more_errors(2.0))

    def test_a_latency_inside_the_margin_is_no_harm(self) -> None:
        spec = make_spec(latency(0.95), weights=(5000,))
        with pytest.raises(SettingsError, match=r"--slower: .* inside the margin of \+10%"):
            check_harm(spec, traffic(100), slower(1.1))
        with pytest.raises(SettingsError, match="the spec watches no failures"):
            check_harm(spec, traffic(100), more_errors(2.0))

    def test_more_failures_than_requests(self) -> None:
        with pytest.raises(SettingsError, match="60x of 2% is no share of requests — write less"):
            check_harm(make_spec(ERRORS, weights=(5000,)), traffic(100), more_errors(60.0))

    def test_nothing_to_compare(self) -> None:
        with pytest.raises(SpecError, match="100% is the first stage"):
            outlook(make_spec(ERRORS, weights=()), traffic(100), more_errors(2.0))

    def test_the_default_effect_lies_beyond_the_spec(self) -> None:
        twice = ERRORS.model_copy(update={"margin": 1.0})
        asked = [
            default_errors(make_spec(metric, weights=(5000,)), traffic(100))
            for metric in (ERRORS, twice, CLASSES)
        ]
        assert asked == [more_errors(2.0), more_errors(4.0), None]


class TestStretches:
    """Panes are merged, never across a stage's end, and none is lost."""

    def test_all_panes_and_the_stop(self) -> None:
        leg = Leg(index=0, baseline_bp=9900, candidate_bp=100, lasts_s=7200.0, max_time_s=None)
        panes = list(stretches(leg, traffic(200), 50_000.0, 7200.0))
        ends = np.cumsum(panes)
        assert (panes[0], int(ends[-1]), 7200 in ends) == (1, 50_000, True)
        assert max(panes) <= 0.02 * 50_000

    def test_few_requests_make_longer_ones(self) -> None:
        leg = Leg(index=0, baseline_bp=9900, candidate_bp=100, lasts_s=60.0, max_time_s=None)
        assert next(stretches(leg, traffic(0.1), 50_000.0)) == 125
