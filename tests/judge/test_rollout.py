"""The judge end to end, in a small pure world: what must be promoted, rolled back, or held."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from streams.errors import SpecError, StateError
from streams.judge.chain import body_hash, decision_body
from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.explain import explain
from streams.judge.facts import CommandKind, Cut, PaneInput
from streams.judge.rollout import RolloutJudge
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import ALL_SEGMENT, FULL_BP, Stage
from tests.judge.world import (
    ALL_METRICS,
    CLASSES,
    CONFIDENCES,
    ERRORS,
    PANE_MS,
    START,
    Model,
    World,
    make_spec,
    run,
)

SECONDS = 150


def judged(
    seconds: int = SECONDS,
    *,
    commands: dict[int, CommandKind] | None = None,
    spec_changes: dict[str, object] | None = None,
    **world: object,
) -> list[Decision]:
    spec = make_spec(**spec_changes or {})
    return run(RolloutJudge(spec, PANE_MS), World(spec=spec, **world), seconds, commands)


def findings(decision: Decision) -> dict[str, Finding]:
    return {verdict.metric: verdict.finding for verdict in decision.verdicts}


def health(decision: Decision, name: str) -> bool:
    return next(check.ok for check in decision.health if check.name == name)


def code(decision: Decision) -> str:
    return decision.reason.partition(":")[0]


class TestGoodCandidate:
    """A candidate like the baseline goes through every stage."""

    def test_is_promoted_stage_by_stage(self) -> None:
        decisions = judged()
        raises = [d.stage for d in decisions if d.action is Action.ADVANCE]
        assert raises == [0, 1]
        last = decisions[-1]
        assert (last.action, last.terminal, last.stage) == (Action.PROMOTE, True, 2)
        assert last.weights_bp[ALL_SEGMENT] == {"baseline": 0, "candidate": FULL_BP}
        assert set(findings(last).values()) <= {Finding.NO_HARM, Finding.BETTER}

    @pytest.mark.parametrize("seed", range(2, 6))
    def test_common_shock_on_a_ramp_is_no_harm(self, seed: int) -> None:
        """Errors triple for everybody just when the candidate's share is raised."""
        decisions = judged(seed=seed, shock=lambda second: 0.05 if second > 9 else 0.0)
        assert Action.ROLLBACK not in {d.action for d in decisions}

    def test_much_better_is_told(self) -> None:
        better = Model(errors=0.0)
        decisions = judged(
            models={"candidate": better},
            shock=lambda _: 0.0,
            spec_changes={"metrics": (Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25),)},
        )
        assert Finding.BETTER is findings(decisions[-1])["errors"]


class TestBadCandidate:
    """Harm on a guardrail takes everything back, once and for all."""

    @pytest.mark.parametrize(
        ("model", "metric"),
        [
            (Model(errors=0.5), "errors"),
            (Model(timeouts=0.3), "timeouts"),
            (Model(errors=0.4), "success"),
            (Model(latency_ms=60.0), "p50"),
            (Model(latency_ms=80.0), "p95"),
            (Model(classes=(0.64, *(0.04,) * 9)), "classes"),
            (Model(score=2.0), "scores"),
        ],
    )
    def test_is_rolled_back(self, model: Model, metric: str) -> None:
        """By the metric that looks at it, alone."""
        only = tuple(m for m in ALL_METRICS if m.name == metric)
        last = judged(models={"candidate": model}, spec_changes={"metrics": only})[-1]
        assert (last.action, last.terminal, last.stage) == (Action.ROLLBACK, True, -1)
        assert last.weights_bp[ALL_SEGMENT] == {"baseline": FULL_BP, "candidate": 0}
        assert Finding.HARM is findings(last)[metric]

    def test_another_confidence_is_harm(self) -> None:
        """Sure of other things than the baseline is, at the same scores."""
        models = {"baseline": Model(confidence=8.0), "candidate": Model(confidence=2.0)}
        last = judged(models=models, spec_changes={"metrics": (CONFIDENCES,)})[-1]
        assert (last.action, findings(last)) == (
            Action.ROLLBACK,
            {"confidences": Finding.HARM},
        )

    def test_the_same_confidence_is_promoted(self) -> None:
        models = dict.fromkeys(("baseline", "candidate"), Model(confidence=8.0))
        last = judged(models=models, spec_changes={"metrics": (CONFIDENCES,)})[-1]
        assert last.action is Action.PROMOTE

    def test_errors_are_found_within_seconds(self) -> None:
        """1 % -> 50 % at ten requests a second in the candidate: five seconds of data at most."""
        last = judged(models={"candidate": Model(errors=0.5)})[-1]
        assert last.cut.pane - START <= 6
        (errors,) = (v for v in last.verdicts if v.metric == "errors")
        assert errors.log_e_harm >= errors.log_e_harm_threshold
        assert errors.estimate is not None
        assert errors.estimate > 10

    def test_harm_on_a_signal_holds(self) -> None:
        """A person must look; nothing is raised and nothing taken back."""
        signal = CLASSES.model_copy(update={"role": Role.SIGNAL})
        drift = Model(classes=(0.64, *(0.04,) * 9))
        last = judged(models={"candidate": drift}, spec_changes={"metrics": (ERRORS, signal)})[-1]
        assert (last.action, code(last), last.terminal) == (Action.HOLD, "signal_harm", False)

    def test_after_the_end_nothing_is_said(self) -> None:
        spec = make_spec()
        judge = RolloutJudge(spec, PANE_MS)
        world = World(spec=spec, models={"candidate": Model(errors=0.5)})
        end = run(judge, world, SECONDS)[-1].cut.pane
        assert judge.ended
        assert judge.step(PaneInput(pane=end + 1, pane_ms=PANE_MS), Cut(pane=end + 1)) is None


class TestSilence:
    """No data is no success."""

    @pytest.mark.parametrize("arm", ["baseline", "candidate"])
    def test_a_silent_arm_never_advances(self, arm: str) -> None:
        spec_changes = {"metrics": (ERRORS,), "stages": OPEN_STAGES}
        decisions = judged(silent=frozenset({arm}), spec_changes=spec_changes)
        assert max(d.stage for d in decisions) <= 0
        assert not health(decisions[-1], "silence")

    def test_no_events_at_all(self) -> None:
        decisions = judged(30, rate=0)
        assert {(Action.HOLD, -1)} == {(d.action, d.stage) for d in decisions}
        assert code(decisions[-1]) == "no_baseline"


OPEN_STAGES = (Stage(weight_bp=500), Stage(weight_bp=5000), Stage(weight_bp=FULL_BP))


class TestHealth:
    """What makes verdicts invalid, or holds back a raise."""

    def test_sample_ratio_mismatch_is_invalid_and_blocks(self) -> None:
        decisions = judged(skew=2.0)
        last = decisions[-1]
        assert {Finding.INVALID} == set(findings(last).values())
        assert (last.action, code(last)) == (Action.HOLD, "invalid")
        assert max(d.stage for d in decisions) == 0

    def test_unconfirmed_routing_blocks_promotion(self) -> None:
        decisions = judged(confirms=False)
        assert max(d.stage for d in decisions) == 0
        assert code(decisions[-1]) == "raising"
        assert not health(decisions[-1], "routing")

    def test_unconfirmed_routing_does_not_block_rollback(self) -> None:
        last = judged(confirms=False, models={"candidate": Model(errors=0.5)})[-1]
        assert Action.ROLLBACK is last.action

    def test_confirmations_that_stop_are_told(self) -> None:
        """The queue is bounded; what it drops is missing from promotion, and that is said."""
        spec = make_spec(metrics=(ERRORS,))
        judge, world = RolloutJudge(spec, PANE_MS), World(spec=spec, rate=20)
        run(judge, world, 6)
        world.confirms = False
        last = run_on(judge, world, 6, 300)[-1]
        assert last.stage == 0
        assert not health(last, "unconfirmed")


def run_on(judge: RolloutJudge, world: World, first: int, seconds: int) -> list[Decision]:
    """Go on with panes from `first` without any new routing record."""
    panes = (world.pane(second) for second in range(first, first + seconds))
    steps = (judge.step(pane, Cut(pane=pane.pane, routing_offset=world.offset)) for pane in panes)
    return [decision for decision in steps if decision is not None]


class TestPeople:
    """Commands."""

    def test_pause_holds_and_resume_goes_on(self) -> None:
        commands = {2: CommandKind.PAUSE, 60: CommandKind.RESUME}
        decisions = judged(250, commands=commands)
        paused = [d for d in decisions if START + 2 <= d.cut.pane < START + 60]
        assert {("paused", 0)} == {(code(d), d.stage) for d in paused}
        assert Action.PROMOTE is decisions[-1].action

    def test_abort_rolls_back(self) -> None:
        last = judged(commands={5: CommandKind.ABORT})[-1]
        assert (last.action, last.cut.pane) == (Action.ROLLBACK, START + 5)

    def test_promote_skips_the_stages(self) -> None:
        last = judged(commands={3: CommandKind.PROMOTE})[-1]
        assert (last.action, last.stage, code(last)) == (Action.PROMOTE, 2, "promoted_by_person")

    def test_pause_does_not_stop_a_rollback(self) -> None:
        last = judged(commands={1: CommandKind.PAUSE}, models={"candidate": Model(errors=0.6)})[-1]
        assert Action.ROLLBACK is last.action


class TestDecisions:
    """What every decision carries."""

    def test_the_first_step_always_decides(self) -> None:
        first = judged(1)[0]
        assert (1, "", (first.cut,)) == (first.seq, first.prev_hash, first.steps)

    def test_each_names_the_one_before(self) -> None:
        decisions = judged()
        assert list(range(1, len(decisions) + 1)) == [d.seq for d in decisions]
        for before, after in pairwise(decisions):
            assert body_hash(decision_body(before)) == after.prev_hash
        assert len(decisions) == len({d.decision_id for d in decisions})

    def test_reported_at_least_every_few_seconds(self) -> None:
        decisions = judged()
        gaps = [b.cut.pane - a.cut.pane for a, b in pairwise(decisions)]
        assert max(gaps) <= 5

    def test_error_budget_is_split(self) -> None:
        verdicts = judged(3)[-1].verdicts
        assert math.isclose(0.01, sum(verdict.alpha_share for verdict in verdicts))

    def test_limits_are_told_in_the_unit_of_the_estimate(self) -> None:
        limits = {v.metric: (v.unit, round(v.margin, 3)) for v in judged(3)[-1].verdicts}
        assert limits["errors"] == ("ratio", 1.25)
        assert limits["success"] == ("share", 0.9)
        assert limits["p50"] == ("ratio", 1.246)
        assert limits["classes"] == ("nats", 0.05)

    def test_one_sentence_for_a_person(self) -> None:
        told = explain(judged(models={"candidate": Model(errors=0.5)})[-1])
        assert told.startswith("digits-2: all traffic back to the baseline, because harm is shown")
        assert "errors of candidate" in told
        assert "limit 1.25x" in told


class TestRefusals:
    """What the judge will not do."""

    def test_a_pane_out_of_order(self) -> None:
        judge = RolloutJudge(make_spec(), PANE_MS)
        judge.step(PaneInput(pane=5, pane_ms=PANE_MS), Cut(pane=5))
        with pytest.raises(StateError, match="expected pane 6"):
            judge.step(PaneInput(pane=7, pane_ms=PANE_MS), Cut(pane=7))

    def test_a_state_of_another_spec(self) -> None:
        state = RolloutJudge(make_spec(), PANE_MS).to_state()
        with pytest.raises(StateError, match="spec never changes"):
            RolloutJudge.from_state(make_spec(alpha_rollback=0.02), state)

    def test_a_state_of_another_version(self) -> None:
        """Its form is not guessed at: a version before this one kept lists of numbers."""
        state = RolloutJudge(make_spec(), PANE_MS).to_state()
        with pytest.raises(StateError, match=r"\(7, "):
            RolloutJudge.from_state(make_spec(), state | {"version": 7})

    @pytest.mark.parametrize("kind", [MetricKind.SUCCESS, MetricKind.LATENCY, MetricKind.CLASSES])
    def test_a_metric_without_its_number(self, kind: MetricKind) -> None:
        spec = make_spec(metrics=(Metric(name="odd", kind=kind),))
        with pytest.raises(SpecError, match="is missing"):
            RolloutJudge(spec, PANE_MS)
