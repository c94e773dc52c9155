"""`confidence.yaml`: events and labels through fold, join and judge; only sureness differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.agents.outcome_records import cohort_body
from streams.agents.sources import PREDICTIONS
from streams.judge.decision_facts import Action, Decision
from streams.judge.explain import explain
from streams.judge.facts import Cut, PaneInput
from streams.judge.rollout import RolloutJudge
from streams.panes.cohort_merge import CohortMerge
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.load import load_spec
from streams.spec.model import RolloutSpec
from streams.wire.codec import Codec
from streams.wire.outcome_columns import decode_outcomes
from streams.wire.store import LocalSchemaStore

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "confidence.yaml"
CODEC = Codec(LocalSchemaStore())
CLOCK = PaneClock(pane_ms=1000, lateness_ms=0, future_ms=1 << 50)
START_MS = 1_790_000_000_000
RATE, SECONDS = 200, 70
HONEST, OVERSURE = (0.8, 0.99), (0.97, 1.0)
"""Between which a model states its confidence; an honest one is right as often as it says."""
RIGHT = 0.895
"""How often one that is too sure is right: as often as the other on average."""


class Edge:
    """Two models that are right as often; labels follow within seconds."""

    def __init__(self, spec: RolloutSpec, sureness: tuple[float, float]) -> None:
        self.spec, self.sureness, self.rng = spec, sureness, np.random.default_rng(3)
        self.fold, self.merge = PartitionFold(CLOCK), CohortMerge(spec.outcomes)
        self.fold.activate(spec)
        self.judge = RolloutJudge(spec, CLOCK.pane_ms)
        self.labels: list[dict[str, Any]] = []

    def decisions(self) -> Iterator[Decision]:
        """Second by second."""
        for second in range(SECONDS):
            cells = self._predict(second)
            self._say(second)
            for cohort in self.fold.outcomes.merge():
                self._tell("davy.Cohort", cohort_body(cohort)[1])
            through = self.fold.outcomes.joined_through
            self._tell("davy.Progress", {"closed_through": through, "idle": False, "outcomes": []})
            for pane, found in cells:
                told = PaneInput(pane=pane, pane_ms=1000, cells=found, cohorts=self._due())
                decision = self.judge.step(told, Cut(pane=pane))
                if decision is not None:
                    yield decision

    def _due(self) -> Any:
        return self.merge.take_due()

    def _tell(self, name: str, body: dict[str, Any]) -> None:
        record = {"source": "outcomes", "source_partition": 0, "source_partitions": 1,
                  "pane_ms": 1000, "body": (name, body)}  # fmt: skip
        self.merge.take(record, self.spec.rollout, self.spec.spec_hash)

    def _predict(self, second: int) -> list[tuple[int, Any]]:
        values = []
        for number in range(RATE):
            candidate = bool(self.rng.random() < 0.5)
            low, high = self.sureness if candidate else HONEST
            predicted = int(self.rng.integers(10))
            stated = float(self.rng.uniform(low, high))
            right = self.rng.random() < (stated if (low, high) == HONEST else RIGHT)
            request = f"r{second}-{number}"
            values.append(
                {
                    "request_id": request,
                    "service": self.spec.service,
                    "model_version": "v2" if candidate else "v1",
                    "completed_at": START_MS + second * 1000 + number * 1000 // RATE,
                    "latency_ms": 10.0,
                    "status": "OK",
                    "predicted_class": str(predicted),
                    "confidence": stated,
                }
            )
            self.labels.append(
                {
                    "outcome_id": request,
                    "request_id": request,
                    "service": self.spec.service,
                    "occurred_at": START_MS + (second + 1 + int(self.rng.integers(4))) * 1000,
                    "metric": "label",
                    "label": str(predicted if right else (predicted + 1) % 10),
                }
            )
        encoded = [CODEC.encode("predictions", value) for value in values]
        columns = PREDICTIONS.decode(encoded, CODEC, 1_000_000)
        offsets = np.arange(RATE) + second * RATE
        at_ms = np.array([value["completed_at"] for value in values])
        closed, _ = self.fold.fold(columns, at_ms, offsets, end_offset=int(offsets[-1]) + 1)
        return [(pane.pane, pane.cells) for pane in closed]

    def _say(self, second: int) -> None:
        """Labels whose time has come."""
        now_ms = START_MS + second * 1000
        due = [label for label in self.labels if label["occurred_at"] <= now_ms]
        self.labels = [label for label in self.labels if label["occurred_at"] > now_ms]
        columns = decode_outcomes([CODEC.encode("outcomes", label) for label in due], CODEC)
        order, at_ms = self.fold.outcomes.order, np.full(len(due), now_ms)
        offsets = order.end + np.arange(len(due))
        end = order.end + len(due)
        order.outcomes_taken(columns, at_ms, offsets, start=order.end, end=end)
        order.outcomes_known_ms = now_ms
        order.predictions_known_ms = now_ms


def calibration(decision: Decision) -> dict[str, float]:
    """Shown calibration error by arm."""
    return {f.arm: f.value for f in decision.figures if f.name == "calibration_error"}


class TestConfidence:
    def test_a_candidate_that_is_too_sure_is_held_for_a_person(self) -> None:
        """It is right as often, with the same classes, and no request fails."""
        *_, last = Edge(load_spec(EXAMPLE).spec, OVERSURE).decisions()
        assert last.action is Action.HOLD
        assert "confidences of candidate" in explain(last)
        assert calibration(last)["baseline"] < 0.03 < calibration(last)["candidate"]

    def test_one_that_is_as_sure_is_not(self) -> None:
        """Neither the signal nor Brier's score sees anything."""
        decisions = list(Edge(load_spec(EXAMPLE).spec, HONEST).decisions())
        assert not any(d.reason.startswith(("signal_harm", "harm")) for d in decisions)
        assert calibration(decisions[-1])["candidate"] == pytest.approx(
            calibration(decisions[-1])["baseline"], abs=0.03
        )
