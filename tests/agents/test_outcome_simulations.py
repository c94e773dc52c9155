"""Delayed outcomes under a ramp, through Kafka, join and judge: what only looks worse is not harm.

The simulations of statistics that `tests/statistics` runs on formulas, here on the real parts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.agents.passing import await_activations, go_on, last_progress, passing, send
from tests.agents.pipeline import Pipeline
from tests.agents.shop import MEAN_DELAY_S, SALE, Shop

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

RAMP = ((0.0, 0.05), (45.0, 0.25), (90.0, 0.5))
PANE_MS = 2000
SLICE_MS = 15_000
"""How far requests may run ahead of what is joined: judges see outcomes come, not all at once."""
PAUSE_S = int(SALE.window_s + SALE.delivery_s) + 6
"""After the last request, until the last cohort has matured."""


@pytest.fixture
def pipeline(tansu: str, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(tansu, prefix, parts, pane_ms=PANE_MS)


def judged(pipeline: Pipeline, *shops: Shop) -> dict[str, list[dict[str, Any]]]:
    """All decisions by shop, once every sale of every shop was judged or its rollout has ended."""
    for shop in shops:
        pipeline.apply(shop.rollout)
    worker = pipeline.worker()
    await_activations(pipeline, len(shops), worker)
    seconds = int(shops[0].seconds)
    start_ms = time.time_ns() // 1_000_000 - (seconds + 60) * 1000
    end_ms = start_ms + seconds * 1000
    log = sorted((each for shop in shops for each in shop.log(start_ms)), key=lambda e: e[0])
    for since_ms in range(start_ms, end_ms, SLICE_MS):
        until_ms = since_ms + SLICE_MS
        for shop in shops:
            for fence, weight_bp, at_ms in shop.weights(start_ms):
                if since_ms <= at_ms < until_ms:
                    pipeline.routed(shop.service, "applied", weight_bp, at_ms, fence)
        part = [(topic, event) for at_ms, topic, event in log if since_ms <= at_ms < until_ms]
        send(pipeline, part, at_once=200)
        await_joined(pipeline, len(shops), until_ms // PANE_MS - 3, worker)
    send(pipeline, [(topic, event) for at_ms, topic, event in log if at_ms >= end_ms])
    send(pipeline, passing(end_ms, PAUSE_S))
    last_pane = (end_ms + 1000 * PAUSE_S) // PANE_MS - 2

    def whole(last: dict[str, Any]) -> bool:
        return len(last) == len(shops) and all(
            each["terminal"] or each["cut"]["joined_through"] >= last_pane for each in last.values()
        )

    go_on(pipeline, end_ms + PAUSE_S * 1000, whole, worker)
    decisions = pipeline.decisions()
    return {
        shop.service: [each for each in decisions if each["rollout"] == shop.service]
        for shop in shops
    }


def await_joined(pipeline: Pipeline, rollouts: int, pane: int, worker: Part) -> None:
    """Until outcomes are joined through this pane, or every rollout has ended."""

    def there() -> bool:
        if sum(each["terminal"] for each in pipeline.decisions()) == rollouts:
            return True
        told = last_progress(pipeline, "outcomes").values()
        return min((body["closed_through"] for body in told), default=-1) >= pane

    pipeline.eventually(there, what=f"outcomes through {pane}", parts=[worker])


def findings(decisions: list[dict[str, Any]]) -> set[str]:
    """All that was ever found of its sales."""
    return {verdict["finding"] for each in decisions for verdict in each["verdicts"]}


def flagged(decisions: list[dict[str, Any]]) -> set[str]:
    """Health checks of outcomes that ever failed."""
    return {
        check["name"]
        for each in decisions
        for check in each["health"]
        if check["name"].startswith("label_") and not check["ok"]
    }


class TestDelayedSales:
    def test_equal_arms_on_a_ramp_are_never_harm(self, pipeline: Pipeline) -> None:
        """Eight at once: young exposures are mostly the candidate's, and have sold less so far."""
        shops = [Shop(seed=seed, ramp=RAMP) for seed in range(8)]
        for service, decisions in judged(pipeline, *shops).items():
            assert {each["action"] for each in decisions} <= {"advance", "hold"}, service
            assert (findings(decisions) & {"harm", "invalid"}, flagged(decisions)) == (set(), set())
            (verdict,) = decisions[-1]["verdicts"]
            assert min(verdict["exposures"].values()) > 500

    def test_sales_that_come_later_are_not_fewer(self, pipeline: Pipeline) -> None:
        """As many in the end, twice as late: that is told, and nothing follows from it."""
        delays_s = (MEAN_DELAY_S, 2 * MEAN_DELAY_S)
        slow = Shop(seed=20, rate=40.0, sales=(0.6, 0.6), delays_s=delays_s)
        (decisions,) = judged(pipeline, slow).values()
        assert flagged(decisions) == {"label_delay:sale"}
        assert {each["action"] for each in decisions} <= {"advance", "hold"}
        assert "harm" not in findings(decisions)
        (verdict,) = decisions[-1]["verdicts"]
        assert (verdict["finding"], verdict["reason"]) == ("invalid", "label_bias")
        assert verdict["log_e_harm"] >= verdict["log_e_harm_threshold"], "what else would be harm"

    def test_fewer_sales_go_back(self, pipeline: Pipeline) -> None:
        """Half as many, as soon as ever: harm, and no doubt about it."""
        (decisions,) = judged(pipeline, Shop(seed=30, rate=40.0, sales=(0.3, 0.15))).values()
        last = decisions[-1]
        assert (last["action"], last["terminal"], flagged(decisions)) == ("rollback", True, set())
        assert [v["metric"] for v in last["verdicts"] if v["finding"] == "harm"] == ["sale"]
