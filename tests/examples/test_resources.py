"""The example of use of pods: what it asks for, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streams.judge.decision_facts import Action, Decision, Finding
from streams.spec.load import load_spec
from streams.spec.metric_facts import Role
from tests.judge.use_world import UseWorld, noisy

FILE = Path(__file__).parents[2] / "infra" / "examples" / "resources.yaml"
EVEN = {f"{arm}/{what}": 0.5 for arm in ("baseline", "candidate") for what in ("cpu", "memory")}


def decided(levels: dict[str, float], minutes: int = 900) -> Decision:
    """The last decision on the example's rollout in a world with this use."""
    spec = load_spec(FILE).spec
    only_use = tuple(metric for metric in spec.metrics if metric.kind.resource)
    alone = spec.model_copy(update={"metrics": only_use, "report_every_s": 3600.0})
    *_, last = UseWorld(spec=alone, use=noisy(EVEN | levels)).run(minutes)
    return last


def of_metric(decision: Decision, name: str) -> Any:
    return next(verdict for verdict in decision.verdicts if verdict.metric == name)


class TestExample:
    def test_what_it_asks_for(self) -> None:
        spec = load_spec(FILE).spec
        asked = {m.name: (m.role, m.margin, m.limit) for m in spec.metrics if m.kind.resource}
        assert asked == {
            "cpu": (Role.SIGNAL, 0.1, None),
            "memory_limit": (Role.GUARDRAIL, 0.0, 0.8),
            "cpu_limit": (Role.SIGNAL, 0.0, 0.9),
        }
        assert {"errors", "p95"} <= {m.name for m in spec.metrics}
        assert json.loads(spec.to_json())["stages"][0]["min_time_s"] == 4 * 3600

    def test_even_use_is_promoted(self) -> None:
        assert decided({}).action is Action.PROMOTE

    def test_memory_near_its_limit_goes_back(self) -> None:
        last = decided({"candidate/memory": 0.9})
        assert last.action is Action.ROLLBACK
        assert of_metric(last, "memory_limit").finding is Finding.HARM

    def test_more_cpu_waits_for_a_person(self) -> None:
        last = decided({"candidate/cpu": 0.8}, 600)
        assert last.action is Action.HOLD
        assert of_metric(last, "cpu").finding is Finding.HARM
