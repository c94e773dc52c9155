"""Labels and business metrics through the judge: cohorts in, decisions out."""

import json

import pytest

from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.outcomes.silence import SilenceCheck
from streams.judge.rollout import RolloutJudge
from streams.sketches.outcome_cell import OutcomeCell
from streams.spec.dimensions import Dimension
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import FULL_BP, Candidate, Stage
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.judge.outcomes.world import (
    ACCURACY,
    BRIER,
    CONVERSION,
    FLOOR,
    LABEL,
    RATED,
    RATING,
    RECALL,
    REVENUE,
    SALE,
    SPENT,
    Answers,
    OutcomeWorld,
    check,
    outcome_spec,
    run,
    verdict,
)
from tests.judge.world import PANE_MS, START

LOOSE = ACCURACY.model_copy(update={"margin": 1.0})


def after(decision: Decision) -> int:
    return decision.cut.pane - START


class TestHarm:
    @pytest.mark.parametrize(
        ("metrics", "outcomes", "candidate"),
        [
            ((ACCURACY,), (LABEL,), Answers(wrong=0.2)),
            ((FLOOR,), (LABEL,), Answers(wrong=0.4)),
            ((RECALL,), (LABEL,), Answers(wrong=0.3)),
            ((BRIER,), (LABEL,), Answers(wrong=0.5)),
            ((CONVERSION,), (SALE,), Answers(coverage=0.6)),
            ((REVENUE,), (SPENT,), Answers(value=10.0)),
            ((RATING,), (RATED,), Answers(value=10.0)),
        ],
        ids=lambda each: each[0].name if isinstance(each, tuple) else "",
    )
    def test_rolls_back_once_cohorts_have_matured(self, metrics, outcomes, candidate):
        spec = outcome_spec(*metrics, outcomes=outcomes)
        last = run(OutcomeWorld(spec=spec, candidate=candidate), 200)[-1]
        assert last.action is Action.ROLLBACK
        assert verdict(last, metrics[0].name).finding is Finding.HARM
        assert after(last) >= LABEL.window_s

    def test_of_a_signal_holds_for_a_person(self):
        spec = outcome_spec(ACCURACY.model_copy(update={"role": Role.SIGNAL}), FLOOR)
        last = run(OutcomeWorld(spec=spec, candidate=Answers(wrong=0.19)), 120)[-1]
        assert last.reason.startswith("signal_harm")

    def test_more_is_harm_where_the_spec_says_so(self):
        returns = Metric(name="sale", kind=MetricKind.RATE, margin=0.05, outcome="sale")
        spec = outcome_spec(returns, outcomes=(SALE,))
        few, many = Answers(coverage=0.3), Answers(coverage=0.5)
        last = run(OutcomeWorld(spec=spec, baseline=few, candidate=many), 200)[-1]
        assert last.action is Action.ROLLBACK

    def test_the_gauge_of_less_is_candidate_over_baseline(self):
        spec = outcome_spec(CONVERSION, outcomes=(SALE,))
        last = run(OutcomeWorld(spec=spec, candidate=Answers(coverage=0.6)), 200)[-1]
        found = verdict(last, "sale")
        rates = [found.events[arm] / found.exposures[arm] for arm in ("baseline", "candidate")]
        assert found.estimate == pytest.approx(rates[1] / rates[0], rel=0.05)
        assert found.low <= found.estimate <= found.high < 1
        assert found.margin == pytest.approx(0.98)

    def test_takes_one_of_several_candidates_out(self):
        names = ("good", "bad")
        candidates = tuple(Candidate(name=n, version=n) for n in names)
        spec = outcome_spec(LOOSE, candidates=candidates)
        every = {"coverage": 1.0, "mean_delay_s": 2.0}
        bad = {"bad": Answers(wrong=0.35, **every)}
        good = Answers(**every)
        world = OutcomeWorld(spec=spec, baseline=good, candidate=good, others=bad, rate=200)
        told = run(world, 260)
        assert any(one.reason.startswith("candidate_dropped") for one in told)
        assert told[-1].action is Action.PROMOTE
        assert told[-1].weights_bp["all"] == {"baseline": 0, "good": FULL_BP, "bad": 0}


class TestPromotion:
    def test_needs_non_inferiority_and_similar_coverage(self):
        spec = outcome_spec(ACCURACY)
        told = run(OutcomeWorld(spec=spec, candidate=Answers(wrong=0.03), rate=400), 200)
        assert told[-1].action is Action.PROMOTE
        assert verdict(told[-1], "accuracy").finding is Finding.BETTER
        assert check(told[-1], "label_coverage:label").reason == "similar"
        waiting = {verdict(one, "accuracy").reason for one in told}
        assert "label_coverage_not_shown" in waiting

    def test_waits_for_the_first_cohort_of_the_stage(self):
        spec = outcome_spec(LOOSE, stages=(Stage(weight_bp=5000), Stage(weight_bp=FULL_BP)))
        last = run(OutcomeWorld(spec=spec, rate=400), 200)[-1]
        assert last.action is Action.PROMOTE
        assert after(last) > LABEL.window_s

    def test_is_better_where_more_happens(self):
        spec = outcome_spec(CONVERSION, outcomes=(SALE,))
        few = Answers(coverage=0.5)
        last = run(OutcomeWorld(spec=spec, baseline=few, rate=300), 200)[-1]
        assert last.action is Action.PROMOTE
        assert verdict(last, "sale").finding is Finding.BETTER

    def test_with_every_label_there_coverage_is_similar(self):
        spec, every = outcome_spec(LOOSE), Answers(coverage=1.0, mean_delay_s=2.0)
        last = run(OutcomeWorld(spec=spec, baseline=every, candidate=every, rate=400), 200)[-1]
        assert last.action is Action.PROMOTE

    def test_evidence_of_an_earlier_stage_does_not_promote(self):
        stages = (Stage(weight_bp=2000, min_time_s=60), Stage(weight_bp=5000))
        spec = outcome_spec(LOOSE, stages=(*stages, Stage(weight_bp=FULL_BP)))
        told = run(OutcomeWorld(spec=spec, rate=400), 250)
        entered = next(one for one in told if one.stage == 1)
        promoted = told[-1]
        assert promoted.action is Action.PROMOTE
        assert after(promoted) - after(entered) > LABEL.window_s


class TestSilence:
    def test_of_labels_raises_nothing(self):
        """Not even to a share below all: nobody knows what more traffic would do."""
        first = Stage(weight_bp=1000, min_time_s=60)
        stages = (first, Stage(weight_bp=5000), Stage(weight_bp=FULL_BP))
        spec, none = outcome_spec(LOOSE, stages=stages), Answers(coverage=0.0)
        last = run(OutcomeWorld(spec=spec, baseline=none, candidate=none), 150)[-1]
        assert (last.action, last.stage) == (Action.HOLD, 0)
        assert "label_silence:label of candidate" in last.reason
        assert "still publishes to `outcomes`" in check(last, "label_silence:label").reason

    def test_does_not_hide_harm_of_requests(self):
        errors = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25)
        none, ill = Answers(coverage=0.0), Answers(coverage=0.0, errors=0.5)
        spec = outcome_spec(LOOSE, errors)
        last = run(OutcomeWorld(spec=spec, baseline=none, candidate=ill), 150)[-1]
        assert last.action is Action.ROLLBACK

    def test_of_a_source_that_was_heard_ends_when_it_is_heard_again(self):
        check_of, rare = SilenceCheck(LABEL), OutcomeCell(exposures=100)
        rare.delays[0] = 2
        nothing = OutcomeCell(exposures=100)
        seen = []
        for cell in (rare, *[nothing] * 10, rare):
            check_of.add({("all", "baseline"): cell, ("country=SG", "baseline"): cell})
            seen.append(check_of.failed)
        assert seen == [False] * 10 + [True, False]
        again = SilenceCheck(LABEL)
        again.restore(json.loads(json.dumps(check_of.to_state())))
        assert again.check() == check_of.check()


class TestBias:
    @pytest.mark.parametrize(
        ("candidate", "name"),
        [
            (Answers(mean_delay_s=20.0), "label_delay:label"),
            (Answers(coverage=0.75), "label_coverage:label"),
        ],
    )
    def test_makes_figures_of_the_outcome_invalid_and_blocks_raises(self, candidate, name):
        told = run(OutcomeWorld(spec=outcome_spec(LOOSE), candidate=candidate), 250)
        last = told[-1]
        assert not check(last, name).ok
        assert (verdict(last, "accuracy").finding, verdict(last, "accuracy").reason) == (
            Finding.INVALID,
            "label_bias",
        )
        assert last.action is Action.HOLD
        assert last.reason.startswith("invalid: ")
        assert name in last.reason

    def test_slow_conversions_are_no_fewer_conversions(self):
        """Early on both look alike: the check comes before the matured verdict."""
        spec = outcome_spec(CONVERSION, outcomes=(SALE,))
        slow, fast = Answers(coverage=0.3, mean_delay_s=20.0), Answers(coverage=0.3)
        last = run(OutcomeWorld(spec=spec, baseline=fast, candidate=slow), 150)[-1]
        assert last.action is Action.HOLD
        assert verdict(last, "sale").finding is Finding.INVALID

    def test_does_not_hide_harm_of_requests(self):
        """Other metrics stay valid."""
        errors = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25)
        world = OutcomeWorld(
            spec=outcome_spec(LOOSE, errors), candidate=Answers(coverage=0.5, errors=0.0)
        )
        told = run(world, 120)
        assert verdict(told[-1], "accuracy").finding is Finding.INVALID
        assert verdict(told[-1], "errors").finding is not Finding.INVALID
        world.candidate = Answers(coverage=0.5, errors=0.5)
        judge = RolloutJudge.from_state(world.spec, world.judge.to_state())
        last = run(world, 150, judge, start=120)[-1]
        assert last.action is Action.ROLLBACK
        assert "errors of candidate" in last.reason

    def test_where_absence_is_the_value_coverage_is_not_checked_and_that_is_told(self):
        spec = outcome_spec(CONVERSION, outcomes=(SALE,))
        first = run(OutcomeWorld(spec=spec), 2)[-1]
        assert check(first, "label_coverage:sale").ok
        assert check(first, "label_coverage:sale").reason.startswith("unchecked")

    def test_an_explicit_rate_has_its_coverage_checked(self):
        explicit = SALE.model_copy(update={"explicit": True})
        spec = outcome_spec(CONVERSION, outcomes=(explicit,))
        last = run(OutcomeWorld(spec=spec, candidate=Answers(coverage=0.6)), 150)[-1]
        assert not check(last, "label_coverage:sale").ok

    def test_a_short_window_is_told(self):
        both = Answers(mean_delay_s=30.0)
        last = run(OutcomeWorld(spec=outcome_spec(LOOSE), baseline=both, candidate=both), 80)[-1]
        assert check(last, "label_delay:label").reason.startswith("short_window")


class TestSlices:
    SPEC = outcome_spec(ACCURACY, segments=(Dimension(name="country", values=("DE",)),))

    def test_have_verdicts_of_their_own_and_their_part_of_the_budget(self):
        last = run(OutcomeWorld(spec=self.SPEC, candidate=Answers(wrong=0.3)), 120)[-1]
        assert last.action is Action.ROLLBACK
        found = {v.segment: v for v in last.verdicts}
        assert set(found) == {"all", "country=DE", "country=other"}
        assert sum(v.alpha_share for v in found.values()) == pytest.approx(0.01)
        assert found["country=DE"].events == found["all"].events
        assert found["country=other"].exposures == {"baseline": 0, "candidate": 0}

    def test_harm_in_one_alone_rolls_back(self):
        """The whole has so much more to show that its slice is first."""
        spec = self.SPEC.model_copy(update={"segment_budget": 0.999})
        last = run(OutcomeWorld(spec=spec, candidate=Answers(wrong=0.2)), 150)[-1]
        assert last.reason == "harm: harm shown: accuracy of candidate in country=DE"


class TestCohorts:
    def test_one_over_a_change_of_weights_is_shown_and_not_tested(self):
        outcome = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=2048)
        spec = outcome_spec(LOOSE, outcomes=(outcome,))
        judge = RolloutJudge(spec, PANE_MS)
        told = run(OutcomeWorld(spec=spec, rate=5), 2100, judge)
        found = verdict(told[-1], "accuracy")
        shown = {f.arm: f.count for f in told[-1].figures if f.name == "accuracy"}
        assert 0 < sum(found.exposures.values()) < sum(shown.values())

    def test_figures_are_shown_of_each_arm(self):
        last = run(OutcomeWorld(spec=outcome_spec(ACCURACY)), 120)[-1]
        shown = {(f.name, f.arm): f for f in last.figures}
        assert shown["accuracy", "baseline"].value == pytest.approx(0.9, abs=0.03)
        assert shown["coverage", "candidate"].value == pytest.approx(0.9, abs=0.03)
        assert shown["auc", "candidate"].value > 0.85
        assert 0 < shown["calibration_error", "candidate"].value < 0.3


class TestState:
    @pytest.mark.parametrize(
        "spec",
        [
            outcome_spec(ACCURACY, FLOOR, RECALL, BRIER),
            outcome_spec(CONVERSION, REVENUE, RATING, outcomes=(RATED, SALE, SPENT)),
            outcome_spec(ACCURACY, overdispersion="measured"),
        ],
    )
    def test_a_restored_judge_goes_on_to_the_same_bytes(self, spec):
        def again(judge: RolloutJudge) -> RolloutJudge:
            if judge.last_pane % 3:
                return judge
            state = json.loads(json.dumps(judge.to_state()))
            restored = RolloutJudge.from_state(spec, state)
            assert json.loads(json.dumps(restored.to_state())) == state
            return restored

        assert run(OutcomeWorld(spec=spec), 60, each=again) == run(OutcomeWorld(spec=spec), 60)
