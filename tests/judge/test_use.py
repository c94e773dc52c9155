"""Use of pods: sustained use beyond a limit rolls back, more than the baseline only holds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from streams.errors import StateError
from streams.evidence.autocorrelation import Autocorrelation
from streams.evidence.paired_blocks import lag_one_autocorrelation
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Action, Finding
from streams.judge.facts import Cut, PaneInput
from streams.judge.field import Field
from streams.judge.rollout import RolloutJudge
from streams.judge.weights import WeightTimeline
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import FULL_BP, Stage
from tests.evidence.simulate import band
from tests.judge.use_world import (
    CPU,
    ERRORS,
    MEMORY_LIMIT,
    MINUTE_MS,
    START,
    UseWorld,
    minute_of,
    noisy,
    use_spec,
)

LEVEL = {"baseline/memory": 0.6, "candidate/memory": 0.6}
EVEN = {"baseline/cpu": 0.4, "candidate/cpu": 0.4}


def verdict(decision, metric):
    (found,) = (v for v in decision.verdicts if v.metric == metric)
    return found


class TestLimit:
    def test_sustained_use_beyond_it_rolls_back(self) -> None:
        """90 % of the memory for hours, 80 % may be used."""
        use = noisy(LEVEL | {"candidate/memory": 0.9})
        *_, last = UseWorld(spec=use_spec(ERRORS, MEMORY_LIMIT), use=use).run(600)
        assert (last.action, last.terminal) == (Action.ROLLBACK, True)
        assert last.reason.startswith("harm: harm shown: memory_limit of candidate")
        told = verdict(last, "memory_limit")
        assert told.finding is Finding.HARM
        assert (told.unit, told.margin) == ("share", 0.8)
        assert told.estimate == pytest.approx(0.9, abs=0.02)
        assert told.low is not None
        assert 0.8 < told.low < told.estimate
        assert told.exposures["candidate"] > 2 * told.events["candidate"] > 0
        assert told.log_e_harm >= told.log_e_harm_threshold
        assert START + 60 <= told.first_pane < told.last_pane < last.cut.pane

    def test_a_peak_is_not_sustained(self) -> None:
        """An hour above the limit within ten: means of blocks stay below it on the whole."""
        calm = noisy(LEVEL)

        def use(arm: str, resource: str, minute: int) -> float | None:
            share = calm(arm, resource, minute)
            peak = arm == "candidate" and 200 <= minute < 260
            return share if share is None or not peak else 0.95

        decisions = list(UseWorld(spec=use_spec(ERRORS, MEMORY_LIMIT), use=use).run(600))
        assert {d.action for d in decisions} <= {Action.ADVANCE, Action.HOLD, Action.PROMOTE}

    def test_promotion_waits_until_it_is_shown_to_hold(self) -> None:
        """Blocks of the stage alone: not before five of them, after the warm-up."""
        *_, last = UseWorld(spec=use_spec(ERRORS, MEMORY_LIMIT), use=noisy(LEVEL)).run(900)
        assert last.action is Action.PROMOTE
        assert last.cut.pane > START + 60 + 5 * 6
        assert verdict(last, "memory_limit").finding is Finding.NO_HARM

    def test_without_samples_nothing_is_shown(self) -> None:
        """A guardrail that the spec asks for is not passed by silence."""
        *_, last = UseWorld(spec=use_spec(ERRORS, MEMORY_LIMIT), use=noisy({})).run(600)
        assert last.action is Action.HOLD
        assert last.reason.startswith("not_shown_harmless: ")
        assert "memory_limit of candidate" in last.reason

    def test_a_rollout_that_does_not_ask_is_not_held_up(self) -> None:
        """No default looks at use: where no samples flow nobody waits for them."""
        *_, last = UseWorld(spec=use_spec(ERRORS), use=noisy({})).run(600)
        assert last.action is Action.PROMOTE


class TestRelative:
    def test_more_use_than_the_baseline_holds_and_never_rolls_back(self) -> None:
        use = noisy(EVEN | {"candidate/cpu": 0.6})
        day = Stage(weight_bp=5000, min_time_s=24 * 3600)
        spec = use_spec(ERRORS, CPU, stages=(day, Stage(weight_bp=FULL_BP)))
        decisions = list(UseWorld(spec=spec, use=use).run(1000))
        assert Action.ROLLBACK not in {d.action for d in decisions}
        last = decisions[-1]
        assert last.action is Action.HOLD
        assert last.reason.startswith("signal_harm: a person must look: cpu of candidate")
        told = verdict(last, "cpu")
        assert (told.unit, told.finding) == ("ratio", Finding.HARM)
        assert told.margin == pytest.approx(1.1)
        assert told.estimate == pytest.approx(1.5, abs=0.05)

    def test_it_is_no_guardrail(self) -> None:
        with pytest.raises(ValidationError, match="make it a signal; cpu_limit may be a guardrail"):
            Metric(name="cpu", kind=MetricKind.CPU, role=Role.GUARDRAIL, margin=0.1)


class TestSteps:
    def test_state_goes_on_byte_for_byte(self) -> None:
        """Stored and restored after every pane, the judge decides the same."""
        spec = use_spec(ERRORS, CPU, MEMORY_LIMIT)
        levels = EVEN | LEVEL | {"candidate/memory": 0.9}

        def stored(judge: RolloutJudge) -> RolloutJudge:
            return RolloutJudge.from_state(spec, json.loads(json.dumps(judge.to_state())))

        plain = UseWorld(spec=spec, use=noisy(levels)).run(400)
        again = UseWorld(spec=spec, use=noisy(levels)).run(400, stored)
        bodies = [decision_body(decision) for decision in plain]
        assert bodies == [decision_body(decision) for decision in again]
        assert len(bodies) > 3

    def test_minutes_must_follow_each_other(self) -> None:
        """A minute left out, or a cut that names another one, is no step of this rollout."""
        spec = use_spec(ERRORS, CPU)
        for number, through in ((1, START), (2, START + 2)):
            judge = RolloutJudge(spec, MINUTE_MS)
            first = PaneInput(
                pane=START, pane_ms=MINUTE_MS, resources=(minute_of(spec, noisy(EVEN), 0),)
            )
            judge.step(first, Cut(pane=START, resources_through=START))
            late = PaneInput(
                pane=START + 1,
                pane_ms=MINUTE_MS,
                resources=(minute_of(spec, noisy(EVEN), number),),
            )
            with pytest.raises(StateError, match="hand over every minute once"):
                judge.step(late, Cut(pane=START + 1, resources_through=through))


class TestAutocorrelation:
    def test_is_that_of_the_whole_series(self) -> None:
        dice = np.random.default_rng(5)
        series = np.cumsum(dice.normal(size=300)) * 0.1 + dice.normal(size=300)
        parts = np.round(series * 1e6)
        parts[40:50] = np.nan
        running = Autocorrelation()
        for part in parts.tolist():
            running.add(None if np.isnan(part) else int(part))
        restored = Autocorrelation.from_state(json.loads(json.dumps(running.to_state())))
        assert restored.rho() == pytest.approx(float(lag_one_autocorrelation(parts)), abs=1e-12)

    def test_nothing_and_constants(self) -> None:
        running = Autocorrelation()
        assert running.rho() == 0.0
        for _ in range(100):
            running.add(7)
        assert running.rho() == 0.0


@pytest.mark.statistics
@pytest.mark.slow
@pytest.mark.timeout(300)
class TestErrorRate:
    def test_equal_arms_with_correlated_minutes(self) -> None:
        """AR(1) .8, a day, looked at after each block whose length the baseline's minutes told."""
        spec = use_spec(CPU.model_copy(update={"margin": 0.0}), alpha_rollback=0.05)
        timeline, streams, harmed = WeightTimeline(spec.arms, 0), 150, 0
        for seed in range(streams):
            field, use = Field(spec), noisy(EVEN, rho=0.8, seed=seed)
            for number in range(24 * 60):
                minute = (minute_of(spec, use, number),)
                pane = PaneInput(pane=START + number, pane_ms=MINUTE_MS, resources=minute)
                field.use(pane, timeline, None)
            harmed += field.pairs[0].watches[0].harmful
        assert harmed / streams <= band(0.05, streams)
