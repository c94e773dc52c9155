"""All metrics of the baseline: which of them went where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from streams.judge.decision_facts import Direction
from streams.judge.drift.watch import TOLD, DriftWatch
from streams.judge.facts import PaneInput
from streams.sketches.cell import Cell
from streams.spec.model import BASELINE
from tests.judge.world import GOOD, PANE_MS, Model


def pane_of(second: int, cell: Cell | None) -> PaneInput:
    cells = {} if cell is None else {("all", BASELINE): cell}
    return PaneInput(pane=second, pane_ms=PANE_MS, cells=cells)


def watched(model_at: Callable[[int], Model | None], seconds: int) -> DriftWatch:
    rng, watch = np.random.default_rng(5), DriftWatch()
    for second in range(seconds):
        model = model_at(second)
        watch.feed(pane_of(second, model and model.answer(200, rng)))
    return watch


class TestWatch:
    """All metrics of the baseline."""

    @pytest.mark.parametrize(
        ("metric", "before", "after", "direction"),
        [
            ("errors", GOOD, Model(errors=0.1), Direction.UP),
            ("latency", GOOD, Model(latency_ms=40.0), Direction.UP),
            ("latency", GOOD, Model(latency_ms=10.0), Direction.DOWN),
            ("classes", Model(classes=(0.64, *(0.04,) * 9)), GOOD, Direction.DOWN),
            ("scores", GOOD, Model(score=2.0), Direction.DOWN),
        ],
    )
    def test_tells_which_metric_went_where(
        self, metric: str, before: Model, after: Model, direction: Direction
    ) -> None:
        told = watched(lambda second: before if second < 80 else after, 160).told
        own = [drift for drift in told if drift.metric == metric]
        assert {drift.metric for drift in told} == {metric}
        assert own[0].direction is direction
        assert 80 < own[0].pane < 130

    def test_latency_is_told_in_milliseconds(self) -> None:
        told = watched(lambda second: Model(latency_ms=20.0 * (1 + (second >= 80))), 160).told
        assert (told[0].before, told[0].after) == pytest.approx((20.0, 40.0), rel=0.02)

    def test_panes_without_the_baseline_are_passed_over(self) -> None:
        with_gaps = watched(lambda second: GOOD if second % 2 else None, 400)
        assert with_gaps.told == ()
        assert len(with_gaps.to_state()["courses"]["errors"]["means"]) == 200

    def test_a_metric_may_appear_later(self) -> None:
        """Its course begins with it; what was not there was not zero."""
        late = replace(GOOD, confidence=8.0)
        watch = watched(lambda second: GOOD if second < 100 else late, 200)
        assert watch.told == ()
        assert len(watch.to_state()["courses"]["confidences"]["means"]) == 100

    def test_only_the_last_changes_are_remembered(self) -> None:
        world = [Model(errors=0.0), Model(errors=0.2)]
        told = watched(lambda second: world[second // 60 % 2], 60 * (TOLD + 4)).told
        assert len(told) == TOLD
        assert told[-1].pane > 60 * (TOLD + 2)

    def test_state_restores_byte_for_byte(self) -> None:
        watch = watched(lambda second: GOOD if second < 80 else Model(latency_ms=50.0), 150)
        text = json.dumps(watch.to_state(), allow_nan=False)
        again = DriftWatch()
        again.restore(json.loads(text))
        assert watch.told != ()
        assert json.dumps(again.to_state(), allow_nan=False) == text
