"""Generative models: what they add is judged as any other metric, in a small pure world."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from streams.errors import SpecError
from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.field import Field
from streams.judge.kayenta.shadow import canary_config, minute_value
from streams.judge.monitors.generative import generative_reader
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.spec.load import parse_spec
from streams.spec.metric_facts import Metric, MetricKind, Role, Timing
from streams.spec.metrics import metric_default
from streams.spec.model import FULL_BP, RolloutSpec, Stage
from tests.judge.test_continuation import bodies, through_json
from tests.judge.world import ERRORS, PANE_MS, Model, World, make_spec, run

ASKED = """\
  errors: {margin: 2x, floor: 5%}
  ttft_p50: +30%
  ttft_p95: +60%
  ttft_p95_sla: 700ms
  tpot_p50: +30%
  tpot_p90_sla: 60ms
  refusals: {margin: +50%, floor: 2%}
  judge_scores: -5%
  tokens_in: +20%
  tokens_out: +20%
"""
FACTS = "service: chat\nbaseline: v1\ncandidate: v2\nroute: memory\n"
METRICS = parse_spec(f"{FACTS}guardrails:\n  defaults: off\n{ASKED}").spec.metrics
NAMES_AT = {metric.name: place for place, metric in enumerate(METRICS)}
NAMES = [line.split(":")[0].strip() for line in ASKED.splitlines()]


@dataclass(frozen=True, kw_only=True)
class Talker(Model):
    """How a generative model answers."""

    ttft_ms: float = 200.0
    tpot_ms: float = 20.0
    refused: float = 0.02
    quality: float = 0.8
    prompt: float = 400.0
    length: float = 150.0

    def answer(self, n: int, rng: np.random.Generator) -> Cell:
        cell = super().answer(n, rng)
        llm = cell.generative()
        llm.told, llm.refused = n, int(rng.binomial(n, self.refused))
        llm.ttft.update(rng.lognormal(np.log(self.ttft_ms), 0.4, n))
        llm.tpot.update(rng.lognormal(np.log(self.tpot_ms), 0.4, n))
        llm.judged.update(rng.beta(20 * self.quality, 20 * (1 - self.quality), n))
        llm.tokens_in.update(np.rint(rng.lognormal(np.log(self.prompt), 0.6, n)))
        llm.tokens_out.update(np.rint(rng.lognormal(np.log(self.length), 0.6, n)))
        return cell


GOOD = Talker()


def spec(metrics: tuple[Metric, ...] = METRICS) -> RolloutSpec:
    stages = (
        Stage(weight_bp=2000, min_time_s=8, min_exposures=50),
        Stage(weight_bp=5000, min_time_s=10, min_exposures=200),
        Stage(weight_bp=FULL_BP),
    )
    return make_spec(metrics=metrics, stages=stages)


def judged(candidate: Model, seconds: int, rollout: RolloutSpec | None = None) -> list[Decision]:
    rollout = rollout or spec()
    world = World(spec=rollout, models={"baseline": GOOD, "candidate": candidate}, rate=400)
    return run(RolloutJudge(rollout, PANE_MS), world, seconds)


class TestGoodCandidate:
    def test_is_promoted_when_everything_is_shown_harmless(self) -> None:
        last = judged(GOOD, 400)[-1]
        assert last.action is Action.PROMOTE
        found = {verdict.metric: verdict.finding for verdict in last.verdicts}
        assert set(found) == set(NAMES)
        assert set(found.values()) <= {Finding.NO_HARM, Finding.BETTER}

    def test_estimates_are_those_of_the_world(self) -> None:
        last = judged(replace(GOOD, length=165.0, quality=0.82), 300)[-1]
        told = {verdict.metric: verdict for verdict in last.verdicts}
        assert told["tokens_out"].estimate == pytest.approx(1.1, abs=0.03)
        assert told["judge_scores"].estimate == pytest.approx(0.82 / 0.8, abs=0.01)
        assert told["ttft_p95_sla"].estimate == pytest.approx(386, rel=0.1)
        assert told["ttft_p50"].estimate == pytest.approx(1.0, abs=0.1)
        assert {told[name].unit for name in ("tokens_out", "judge_scores", "refusals")} == {"ratio"}
        assert told["judge_scores"].margin == pytest.approx(0.95)

    def test_higher_scores_are_better(self) -> None:
        found = judged(
            replace(GOOD, quality=0.9), 300, spec((ERRORS, METRICS[NAMES_AT["judge_scores"]]))
        )
        assert "judge_scores" in {
            v.metric for d in found for v in d.verdicts if v.finding is Finding.BETTER
        }


class TestWorseCandidate:
    @pytest.mark.parametrize(
        ("change", "metrics"),
        [
            ({"ttft_ms": 500.0}, {"ttft_p50", "ttft_p95", "ttft_p95_sla"}),
            ({"tpot_ms": 60.0}, {"tpot_p50", "tpot_p90_sla"}),
            ({"refused": 0.15}, {"refusals"}),
            ({"quality": 0.6}, {"judge_scores"}),
            ({"prompt": 700.0}, {"tokens_in"}),
            ({"length": 300.0}, {"tokens_out"}),
        ],
    )
    def test_is_rolled_back_by_what_is_worse_and_nothing_else(self, change, metrics) -> None:
        last = judged(replace(GOOD, **change), 120)[-1]
        assert (last.action, last.terminal) == (Action.ROLLBACK, True)
        harm = {verdict.metric for verdict in last.verdicts if verdict.finding is Finding.HARM}
        assert harm
        assert harm <= metrics


class TestSilentPart:
    def test_without_the_part_nothing_is_shown(self) -> None:
        """A service that does not publish it is never promoted by it."""
        decisions = judged(Model(), 150)
        assert {d.action for d in decisions} <= {Action.HOLD, Action.ADVANCE}
        found = {v.metric: v.finding for v in decisions[-1].verdicts}
        assert {found[name] for name in NAMES if name != "errors"} == {Finding.UNDECIDED}


class TestContinuation:
    def test_a_judge_restored_at_every_pane_says_the_same(self) -> None:
        """Caps, sums and thresholds come back byte for byte."""
        rollout = spec()

        def world() -> World:
            slow = replace(GOOD, length=190.0)
            return World(spec=rollout, models={"baseline": GOOD, "candidate": slow}, rate=400)

        plain = run(RolloutJudge(rollout, PANE_MS), world(), 60)
        again = run(RolloutJudge(rollout, PANE_MS), world(), 60, each=through_json)
        assert bodies(again) == bodies(plain)


class TestSpec:
    def test_names(self) -> None:
        assert set(NAMES_AT) == set(NAMES)
        assert metric_default("ttft_p99.9").timing is Timing.TTFT
        assert metric_default("tpot_p90_sla").kind is MetricKind.LATENCY_SLA
        assert metric_default("ttft") is None
        assert metric_default("xttft_p50") is None

    def test_other_kinds_have_no_reader_here(self) -> None:
        with pytest.raises(ValueError, match="no metric of generative models"):
            generative_reader(MetricKind.ERRORS)


class TestUsers:
    """Where users are the unit, requests of one user are alike."""

    def test_guardrails_are_refused(self) -> None:
        text = f"{FACTS}unit: user\nguardrails: {{ttft_p95: +20%}}\n"
        with pytest.raises(SpecError) as refused:
            parse_spec(text, name="spec.yaml")
        assert str(refused.value) == (
            "spec.yaml:5: unit: ttft_p95 counts requests, and those of one user are alike — "
            "make it a signal, or write `unit: request`"
        )

    def test_signals_count_requests(self) -> None:
        """By their own times, not by those of users' requests."""
        loaded = parse_spec(f"{FACTS}unit: user\nsignals: {{ttft_p50: +30%, p50_sla: 1s}}\n")
        watches = {w.claim.metric.name: w for w in Field(loaded.spec).pairs[0].watches}
        reader, rng = watches["ttft_p50"].reader, np.random.default_rng(1)
        reader.read(GOOD.answer(5000, rng), GOOD.answer(10, rng))
        slow = replace(GOOD, ttft_ms=800.0)
        counts = reader.read(GOOD.answer(1000, rng), slow.answer(1000, rng))
        assert counts[:, 0].tolist() == [1000, 1000]
        assert counts[1, 1] > 800
        assert counts[0, 1] < 600
        assert watches["ttft_p50"].claim.counted == "requests"
        assert watches["p50_sla"].claim.counted != "requests"


class TestKayenta:
    def test_looks_at_the_same_minutes(self) -> None:
        cell = Talker().answer(4000, np.random.default_rng(1))
        values = {metric.name: minute_value(metric, cell) for metric in METRICS}
        assert values["ttft_p50"] == pytest.approx(200, rel=0.05)
        assert values["refusals"] == cell.llm.refused / 4000
        assert values["judge_scores"] == pytest.approx(0.8, abs=0.01)
        assert values["tokens_in"] == pytest.approx(400 * np.exp(0.18), rel=0.05)
        configs = {m["name"]: m for m in canary_config(spec())["metrics"]}
        canary = configs["judge_scores"]["analysisConfigurations"]["canary"]
        assert canary == {"direction": "decrease", "effectSize": {"allowedDecrease": 0.95}}

    def test_says_nothing_of_minutes_without_the_part(self) -> None:
        cell = Model().answer(100, np.random.default_rng(1))
        values = {metric.name: minute_value(metric, cell) for metric in METRICS}
        assert {name for name, value in values.items() if value is not None} == {"errors"}


def test_signals_hold_for_a_person() -> None:
    """As everywhere."""
    signal = METRICS[NAMES_AT["refusals"]].model_copy(update={"role": Role.SIGNAL})
    decisions = judged(replace(GOOD, refused=0.2), 120, spec((ERRORS, signal)))
    assert Action.ROLLBACK not in {d.action for d in decisions}
    assert decisions[-1].action is Action.HOLD
