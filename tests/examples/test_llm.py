"""`llm.yaml`: a new language model with slow first tokens goes back, one like the old one stays."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.publisher.drafts import prediction_draft
from streams.publisher.facts import Tally
from streams.spec.load import load_spec
from tests.agents.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.demo.processes import Parts

LOADED = load_spec(Path(__file__).parents[2] / "infra" / "examples" / "llm.yaml")
SPEC = LOADED.spec
ASKED = {"ttft_p50", "ttft_p95", "ttft_p95_sla", "tpot_p50", "refusals", "judge_scores"}
HARMLESS = {"no_harm", "better"}
SECONDS, RATE, SHARE = 30, 400, 0.25


def answers(start_ms: int, ttft_ms: float) -> Iterator[dict[str, Any]]:
    """What two versions publish, by the SDK's own hand; the candidate's first token takes so long.

    Every fiftieth answer is an error that has no part for language models.
    """
    dice, tally = np.random.default_rng(5), Tally()
    for number in range(SECONDS * RATE):
        candidate, failed = bool(dice.random() < SHARE), number % 50 == 0
        first = dice.lognormal(np.log(ttft_ms if candidate else 300.0), 0.4)
        tokens = int(dice.lognormal(5, 0.6))
        llm = {
            "ttft_ms": first,
            "tpot_ms": dice.lognormal(np.log(20.0), 0.3),
            "tokens_in": int(dice.integers(10, 2000)),
            "tokens_out": tokens,
            "refused": bool(dice.random() < 0.02),
            "judge_score": float(dice.beta(16, 4)),
        }
        yield prediction_draft(
            tally,
            request_id=f"r-{number}",
            latency_ms=first + 20.0 * tokens,
            status="ERROR" if failed and dice.random() < 0.3 else "OK",
            service=SPEC.service,
            model_version=SPEC.candidates[0].version if candidate else SPEC.baseline,
            predicted_class=None,
            score=None,
            confidence=None,
            unit=None,
            segments=None,
            llm=None if failed else llm,
            completed_at_ms=start_ms + number * 1000 // RATE,
        ).record
    assert not any(tally.repaired().values())


def findings(decision: dict[str, Any]) -> dict[str, str]:
    return {verdict["metric"]: verdict["finding"] for verdict in decision["verdicts"]}


@pytest.mark.flow
class TestLlm:
    @pytest.fixture
    def pipeline(self, tansu: str, prefix: str, parts: Parts) -> Pipeline:
        return Pipeline(tansu, prefix, parts)

    def decided(
        self, pipeline: Pipeline, ttft_ms: float, wanted: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """The first decision that is wanted, through topics, worker and judge."""
        pipeline.apply(SPEC)
        worker = pipeline.worker()
        start_ms = time.time_ns() // 1_000_000 - 40_000
        pipeline.eventually(
            lambda: len(pipeline.bodies("davy.Activation")) >= 2, what="activation", parts=[worker]
        )
        pipeline.routed(SPEC.rollout, "observed", 2500, start_ms - 60_000, 0)
        pipeline.publish(answers(start_ms, ttft_ms))

        def found() -> list[dict[str, Any]]:
            return [each for each in pipeline.decisions() if wanted(each)]

        pipeline.eventually(lambda: bool(found()), what="the decision", parts=[worker])
        return found()[0]

    def test_slow_first_tokens_are_rolled_back(self, pipeline: Pipeline) -> None:
        """For that reason, while everything else about it is as before."""
        decision = self.decided(pipeline, 900.0, lambda each: each["action"] == "rollback")
        told = findings(decision)
        assert told.keys() >= ASKED | {"tokens_out", "errors", "success"}
        assert {name for name, finding in told.items() if finding == "harm"} <= {
            "ttft_p50",
            "ttft_p95",
            "ttft_p95_sla",
        }
        assert "ttft" in decision["reason"]
        assert decision["weights_bp"]["all"] == {"baseline": 10_000, "candidate": 0}

    def test_a_model_like_the_old_one_is_shown_to_be(self, pipeline: Pipeline) -> None:
        shown = {"ttft_p50", "tpot_p50", "judge_scores"}
        decision = self.decided(
            pipeline,
            300.0,
            lambda each: all(findings(each).get(name) in HARMLESS for name in shown),
        )
        assert "harm" not in findings(decision).values()
        assert decision["weights_bp"]["all"]["candidate"] > 0
