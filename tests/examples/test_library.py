"""The example specs that come with davy: each makes sense, is told of, and is there to begin with.

Those that no other test runs are judged here.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from streams.cli.target import check_route
from streams.judge.decision_facts import Action
from streams.judge.rollout import RolloutJudge
from streams.spec.library import example, example_names, first_sentence
from streams.spec.load import parse_spec
from streams.spec.metric_facts import MetricKind, Role
from streams.spec.model import FULL_BP, RolloutSpec
from streams.spec.schema.whole import spec_schema
from tests.judge.outcomes.world import Answers, OutcomeWorld
from tests.judge.outcomes.world import run as run_outcomes
from tests.judge.world import GOOD, PANE_MS, Model, World, run

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "examples"
FAIR = replace(GOOD, errors=0.001)
SECONDS = 150


def spec_of(name: str) -> RolloutSpec:
    return parse_spec(example(name), name=name).spec


@pytest.mark.parametrize("name", example_names())
class TestEach:
    def test_makes_sense_to_the_loader_to_editors_and_to_its_router(self, name: str) -> None:
        check_route(parse_spec(example(name), name=name))
        jsonschema.Draft202012Validator(spec_schema()).validate(yaml.safe_load(example(name)))

    def test_says_what_it_is_for(self, name: str) -> None:
        assert len(first_sentence(example(name)).split()) >= 4
        row = f"| `{name}.yaml` |"
        assert row in (FOLDER / "README.md").read_text(encoding="utf-8")

    def test_comes_with_the_package(self, name: str) -> None:
        """Where infra/ is not installed; nothing else of the folder does."""
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
        ours = {path: to for path, to in included.items() if path.startswith("infra/examples/")}
        assert ours[f"infra/examples/{name}.yaml"] == f"streams/_examples/{name}.yaml"
        assert len(ours) == len(example_names())


class TestThreeStage:
    SPEC = spec_of("three-stage")

    def test_is_what_it_says(self) -> None:
        stages = [(s.weight_bp, s.min_time_s / 3600, s.max_time_s) for s in self.SPEC.stages]
        assert stages == [(200, 2, 4 * 3600), (2500, 12, 24 * 3600), (FULL_BP, 0, None)]
        limits = {metric.name: metric for metric in self.SPEC.metrics}
        assert (limits["errors"].margin, limits["success"].floor) == (1.0, 0.995)
        assert {limits[name].margin for name in ("p50", "p95", "p99")} == {0.1}
        assert limits["p99_sla"].limit_ms == 300
        assert {limits[name].limit for name in ("cpu_limit", "memory_limit")} == {0.8}
        assert limits["classes"].threshold == 0.05
        assert limits["conversion"].kind is MetricKind.RATE
        assert (self.SPEC.alpha_promote, self.SPEC.alpha_rollback) == (0.05, 0.01)

    @pytest.mark.parametrize(
        ("candidate", "goes_back"), [(FAIR, False), (replace(FAIR, errors=0.1), True)]
    )
    def test_failures_go_back_in_the_first_stage(
        self, candidate: Model, *, goes_back: bool
    ) -> None:
        """At 2 % and within minutes; what is like the baseline stays."""
        models = {"baseline": FAIR, "candidate": candidate}
        world = World(spec=self.SPEC, models=models, rate=500)
        decisions = run(RolloutJudge(self.SPEC, PANE_MS), world, SECONDS)
        actions = {decision.action for decision in decisions}
        assert (Action.ROLLBACK in actions) is goes_back
        assert max(decision.stage for decision in decisions) == 0


class TestLatencyOnly:
    SPEC = spec_of("latency-only")

    @pytest.mark.parametrize(
        ("candidate", "why"),
        [
            (replace(FAIR, classes=(0.55, *[0.05] * 9)), ""),
            (replace(FAIR, latency_ms=1.5 * FAIR.latency_ms), r"p(50|95|99) of candidate"),
        ],
        ids=["other answers", "slower"],
    )
    def test_only_time_counts(self, candidate: Model, why: str) -> None:
        models = {"baseline": FAIR, "candidate": candidate}
        world = World(spec=self.SPEC, models=models, rate=500)
        *_, last = run(RolloutJudge(self.SPEC, PANE_MS), world, SECONDS)
        assert (last.action is Action.ROLLBACK) is bool(why)
        assert re.search(why, last.reason)


class TestRanking:
    def test_fewer_clicks_go_back_though_answers_are_alike(self) -> None:
        """In windows of a minute, where the example waits for a day."""
        spec = spec_of("ranking")
        assert {m.name for m in spec.metrics if m.role is Role.SIGNAL} == {"scores"}
        outcomes = tuple(o.model_copy(update={"window_s": 60.0}) for o in spec.outcomes)
        metrics = tuple(
            m.model_copy(update={"floor": 0.95}) if m.name == "success" else m for m in spec.metrics
        )
        spec = spec.model_copy(update={"outcomes": outcomes, "metrics": metrics})
        clicks = Answers(coverage=0.3, mean_delay_s=10.0)
        fewer = Answers(coverage=0.1, mean_delay_s=10.0)
        world = OutcomeWorld(spec=spec, candidate=fewer, baseline=clicks, rate=400, whole=True)
        last = run_outcomes(world, 300)[-1]
        assert last.action is Action.ROLLBACK
        assert "click of candidate" in last.reason
