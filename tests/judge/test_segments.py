"""Slices: each is watched with its part of the budget, and may go back alone."""

from __future__ import annotations

import math

import pytest

from streams.judge.budget import alpha_shares
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.explain import explain
from streams.judge.facts import CommandKind, Cut
from streams.judge.field import Field
from streams.judge.record import decision_from_record, decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.replay.cuts import replay_bodies
from streams.spec.dimensions import SegmentHarm
from streams.spec.metric_facts import Role
from streams.spec.model import ALL_SEGMENT, FULL_BP, Candidate, RolloutSpec, Stage
from tests.judge.sliced import COUNTRY, SlicedWorld, sliced_spec
from tests.judge.test_continuation import through_json
from tests.judge.world import ERRORS, P50, PANE_MS, SUCCESS, Model, run

SG = "country=SG"
HOME = {"baseline": FULL_BP, "candidate": 0}
FIVEFOLD = Model(errors=0.05)
AWFUL = Model(errors=0.6)
WATCHED = (ERRORS, SUCCESS)
LONG = (
    Stage(weight_bp=5000, min_time_s=20, min_exposures=200),
    Stage(weight_bp=FULL_BP),
)


def world_of(spec: RolloutSpec, **world: object) -> SlicedWorld:
    return SlicedWorld(**{"spec": spec, "rate": 1000} | world)


def judged(
    spec: RolloutSpec,
    seconds: int = 120,
    commands: dict[int, CommandKind] | None = None,
    **world: object,
) -> list[Decision]:
    return run(RolloutJudge(spec, PANE_MS), world_of(spec, **world), seconds, commands)


def judge_on(judge: RolloutJudge, world: SlicedWorld, second: int) -> Decision | None:
    """One pane more of a world that has changed."""
    pane = world.pane(second)
    world.confirm(pane.start_ms)
    facts = world.read()
    cut = Cut(pane=pane.pane, routing_offset=world.offset, commands_offset=0)
    return judge.step(pane, cut, facts)


def coded(decisions: list[Decision], code: str) -> list[Decision]:
    return [d for d in decisions if d.reason.startswith(f"{code}: ")]


class TestBudget:
    @pytest.mark.parametrize("part", [0.5, 0.2])
    def test_of_slices_is_shared_equally_and_sums_to_alpha(self, part: float) -> None:
        spec = sliced_spec(segment_budget=part)
        shares = alpha_shares(spec)
        assert math.fsum(shares.values()) == pytest.approx(spec.alpha_rollback, rel=1e-12)
        by_segment = {
            segment: math.fsum(s for key, s in shares.items() if key[0] == segment)
            for segment in (ALL_SEGMENT, *spec.slices)
        }
        assert by_segment.pop(ALL_SEGMENT) == pytest.approx(0.01 * (1 - part))
        assert set(by_segment) == set(spec.slices)
        assert list(by_segment.values()) == [pytest.approx(0.01 * part / 6)] * 6

    def test_without_segments_all_is_for_the_whole(self) -> None:
        shares = alpha_shares(sliced_spec(SegmentHarm.ROLLOUT, ()))
        assert {segment for segment, _, _ in shares} == {ALL_SEGMENT}
        assert math.fsum(shares.values()) == pytest.approx(0.01)

    def test_is_told_in_every_verdict(self) -> None:
        (*_, last) = judged(sliced_spec(metrics=WATCHED), 15)
        assert math.fsum(v.alpha_share for v in last.verdicts) == pytest.approx(0.01)
        assert {v.segment for v in last.verdicts} == {ALL_SEGMENT, *sliced_spec().slices}


class TestHiddenHarm:
    """5 % of the traffic fails five times as often; the whole only by a fifth more."""

    def test_takes_back_that_slice_alone_and_promotes_the_rest(self) -> None:
        spec = sliced_spec(metrics=WATCHED, stages=LONG)
        decisions = judged(spec, 400, rate=4000, slices={SG: FIVEFOLD})
        (drop,) = coded(decisions, "slice_dropped")
        assert drop.weights_bp[SG] == HOME
        assert drop.weights_bp[ALL_SEGMENT] == {"baseline": 5000, "candidate": 5000}
        assert drop.weights_bp.keys() == {ALL_SEGMENT, SG}
        assert f"errors of candidate in {SG}" in drop.reason
        whole = [v for v in drop.verdicts if v.segment == ALL_SEGMENT]
        assert Finding.HARM not in {v.finding for v in whole}
        last = decisions[-1]
        assert last.action is Action.PROMOTE
        assert last.weights_bp == {ALL_SEGMENT: {"baseline": 0, "candidate": FULL_BP}, SG: HOME}

    def test_takes_back_the_whole_rollout_by_default(self) -> None:
        spec = sliced_spec(SegmentHarm.ROLLOUT, metrics=WATCHED, stages=LONG)
        last = judged(spec, 400, rate=4000, slices={SG: FIVEFOLD})[-1]
        assert (last.action, last.terminal) == (Action.ROLLBACK, True)
        assert last.weights_bp == {ALL_SEGMENT: HOME}
        assert f"harm shown: errors of candidate in {SG}" in last.reason

    def test_is_not_seen_without_segments(self) -> None:
        spec = sliced_spec(SegmentHarm.ROLLOUT, (COUNTRY,), metrics=WATCHED, stages=LONG)
        blind = spec.model_copy(update={"segments": ()})
        world = world_of(spec, rate=4000, slices={SG: FIVEFOLD})
        assert not coded(run(RolloutJudge(blind, PANE_MS), world, 60), "harm")

    def test_what_is_left_is_named_in_a_sentence(self) -> None:
        spec = sliced_spec(metrics=WATCHED, stages=LONG)
        decisions = judged(spec, 400, rate=4000, slices={SG: FIVEFOLD})
        assert f"{SG} all at the baseline" in explain(decisions[-1])
        dropped = next(d for d in decisions if d.reason.startswith("slice_dropped"))
        assert f"(errors of candidate in {SG}" in explain(dropped)
        assert f"candidate in {SG}" not in explain(decisions[-1])  # it says nothing of the others


class TestOther:
    def test_what_is_not_declared_may_go_back_too(self) -> None:
        spec = sliced_spec(metrics=WATCHED, stages=LONG)
        last = judged(spec, 200, rate=2000, slices={"tier=other": FIVEFOLD})[-1]
        assert last.weights_bp["tier=other"] == HOME


class TestWhatIsLeft:
    def test_slices_that_are_gone_count_nothing_any_more(self) -> None:
        """Their verdict stays as it was; the whole counts what touches none of them."""
        spec = sliced_spec(metrics=(ERRORS,), stages=LONG)
        decisions = judged(spec, 200, rate=4000, slices={SG: FIVEFOLD, "tier=pro": FIVEFOLD})
        gone = decisions[-1].weights_bp.keys() - {ALL_SEGMENT}
        assert gone == {SG, "tier=pro"}
        first, last = coded(decisions, "slice_dropped")[-1], decisions[-1]
        for one, other in zip(first.verdicts, last.verdicts, strict=True):
            if one.segment in gone:
                assert (one.exposures, one.log_e_harm) == (other.exposures, other.log_e_harm)
        whole = next(v for v in last.verdicts if v.segment == ALL_SEGMENT)
        assert whole.finding is not Finding.HARM

    def test_the_sample_ratio_of_the_rest_holds(self) -> None:
        """The baseline gets all requests of the slice; that is no mismatch."""
        spec = sliced_spec(metrics=WATCHED, stages=LONG)
        decisions = judged(spec, 150, rate=4000, slices={"tier=pro": FIVEFOLD})
        assert decisions[-1].weights_bp["tier=pro"] == HOME
        checks = [check for d in decisions for check in d.health if check.name == "sample_ratio"]
        assert all(check.ok for check in checks)
        assert checks[-1].observed == pytest.approx(0.5, abs=0.02)

    def test_exposures_and_evidence_of_the_stage_begin_again_its_time_does_not(self) -> None:
        spec = sliced_spec(metrics=(ERRORS,), stages=LONG)
        judge, world = RolloutJudge(spec, PANE_MS), world_of(spec)
        states = []

        def kept(judge: RolloutJudge) -> RolloutJudge:
            states.append(judge.to_state())
            return judge

        world.slices = {SG: AWFUL}
        run(judge, world, 60, each=kept)
        place = next(n for n, state in enumerate(states) if state["gone"])
        before, after = states[place - 1]["clock"], states[place]["clock"]
        assert before["exposures"][0] >= after["exposures"][0] == 0
        assert after["banked"][1] > 0
        assert states[place]["queue"]["waiting"] == []

    def test_no_raise_before_the_slice_is_known_to_be_back(self) -> None:
        spec = sliced_spec(metrics=(ERRORS,), stages=LONG)
        decisions = judged(spec, 100, slices={SG: AWFUL}, can_target=False)
        assert not any(d.terminal for d in decisions)
        last = decisions[-1]
        assert last.reason.startswith("routing_differs: ")
        (routing,) = [check for check in last.health if check.name == "routing"]
        assert routing.reason == f"not_applied: not known to be at the baseline alone: {SG}"

    def test_a_person_promotes_the_rest(self) -> None:
        spec = sliced_spec(metrics=(ERRORS,), stages=LONG)
        last = judged(spec, 100, {15: CommandKind.PROMOTE}, slices={SG: AWFUL})[-1]
        assert last.reason.startswith("promoted_by_person")
        assert last.weights_bp[SG] == HOME


class TestHarmThatShowsElsewhere:
    """A slice's requests are in slices of other dimensions too, and in the whole."""

    @pytest.mark.parametrize("seed", range(3))
    def test_takes_nothing_else_with_it(self, seed: int) -> None:
        spec = sliced_spec(metrics=(ERRORS,), stages=LONG)
        decisions = judged(spec, 200, seed=seed, slices={SG: Model(errors=0.3)})
        last = decisions[-1]
        assert (last.action, set(last.weights_bp)) == (Action.PROMOTE, {ALL_SEGMENT, SG})
        (drop,) = coded(decisions, "slice_dropped")
        begun = [v for v in drop.verdicts if not v.segment.startswith("country=")]
        assert {v.log_e_harm for v in begun} == {0.0}

    def test_what_waited_to_be_tested_goes_with_it(self) -> None:
        """An open stratum of the whole holds the slice's failures too."""
        field = Field(sliced_spec(metrics=WATCHED))
        whole, few = field.rows[0], 3
        counts = whole.nothing()
        counts[:] = few
        assert whole.feed(counts, 1, (5000, 5000)) == []
        field.forget("country", {SG})
        assert whole.heard
        counts[:] = 100
        (closed,) = whole.feed(counts, 2, (5000, 5000))
        assert (closed.counts.max(), closed.panes) == (100, (2, 2))

    def test_new_harm_of_the_rest_is_still_found(self) -> None:
        spec = sliced_spec(metrics=(ERRORS,), stages=LONG)
        judge, world = RolloutJudge(spec, PANE_MS), world_of(spec, slices={SG: Model(errors=0.3)})
        first = run(judge, world, 20)
        assert set(first[-1].weights_bp) == {ALL_SEGMENT, SG}
        world.models = {"candidate": Model(errors=0.05)}
        later = [judge_on(judge, world, second) for second in range(20, 60)]
        last = [decision for decision in later if decision][-1]
        assert last.action is Action.ROLLBACK


class TestWholeRollback:
    def test_by_harm_in_the_whole(self) -> None:
        """Harm that is everywhere is the rollout's."""
        last = judged(sliced_spec(metrics=(ERRORS,)), 60, models={"candidate": AWFUL})[-1]
        assert last.action is Action.ROLLBACK
        assert last.reason.startswith("harm: harm shown: errors of candidate")

    def test_when_no_slice_of_a_dimension_is_left(self) -> None:
        """Nobody is `other` in this world."""
        spec = sliced_spec(dimensions=(COUNTRY,), metrics=(ERRORS,), stages=LONG)
        world = world_of(spec, slices={SG: AWFUL, "country=DE": AWFUL})
        world.mix = [(("country=DE",), 0.5), (("country=SG",), 0.5)]
        last = run(RolloutJudge(spec, PANE_MS), world, 60)[-1]
        assert (last.action, last.stage) == (Action.ROLLBACK, -1)
        assert last.weights_bp[ALL_SEGMENT] == HOME


class TestSignals:
    def test_harm_in_a_slice_holds_for_a_person(self) -> None:
        signal = ERRORS.model_copy(update={"role": Role.SIGNAL})
        spec = sliced_spec(metrics=(signal, P50), stages=LONG)
        last = judged(spec, 60, slices={SG: AWFUL})[-1]
        assert (last.action, last.weights_bp.keys()) == (Action.HOLD, {ALL_SEGMENT})
        assert last.reason.startswith("signal_harm: a person must look: ")
        assert f"errors of candidate in {SG}" in last.reason


class TestSeveralCandidates:
    TWO = (Candidate(name="a", version="v2"), Candidate(name="b", version="v3"))

    def test_harm_of_one_in_a_slice_takes_that_one_out_by_default(self) -> None:
        spec = sliced_spec(SegmentHarm.ROLLOUT, metrics=(ERRORS,), candidates=self.TWO)
        decisions = judged(spec, 60, slices={(SG, "a"): AWFUL})
        (drop, *_) = coded(decisions, "candidate_dropped")
        assert f"errors of a in {SG}" in drop.reason
        assert drop.weights_bp[ALL_SEGMENT]["b"] > 0


class TestContinuation:
    @pytest.mark.parametrize("harm", list(SegmentHarm))
    def test_state_and_replay_give_the_same_bytes(self, harm: SegmentHarm) -> None:
        spec = sliced_spec(harm, stages=LONG)
        worlds = [world_of(spec, slices={SG: AWFUL}) for _ in range(2)]
        straight = run(RolloutJudge(spec, PANE_MS), worlds[0], 50)
        broken = run(RolloutJudge(spec, PANE_MS), worlds[1], 50, each=through_json)
        bodies = [decision_body(decision) for decision in straight]
        assert [decision_body(decision) for decision in broken] == bodies
        world = worlds[0]
        panes = {pane.pane: pane for pane in world.panes}
        assert replay_bodies(spec, PANE_MS, panes, world.facts, [], straight) == bodies

    def test_a_decision_with_a_slice_gone_reads_back(self) -> None:
        last = judged(sliced_spec(metrics=(ERRORS,), stages=LONG), 60, slices={SG: AWFUL})[-1]
        record = decision_to_record(last)
        assert decision_from_record(record) == last
